"""What `data clean` keeps of a file beyond the columns that tasks want, and how often it reads it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.audit import clean, records
from pet_mtl.audit.clean import CHANGES, clean_suite
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite

MakeSuite = Callable[..., Suite]
NAMED = ("text", "label")


def test_nanoseconds_are_kept(make_suite: MakeSuite, tmp_path: Path) -> None:
    kinds = [
        pa.timestamp("ns"),
        pa.timestamp("ns", "Asia/Shanghai"),
        pa.time64("ns"),
        pa.duration("ns"),
    ]
    times = {str(kind): pa.array([1500, 7, None], kind) for kind in kinds}
    lists = pa.array([[1500], None, []], pa.list_(pa.time64("ns")))
    objects = pa.array([{"at": 1500}, None, {"at": None}], pa.struct([("at", pa.time64("ns"))]))
    others = {**times, "list": lists, "object": objects}
    table = pa.table({"text": ["a", "a", "b"], "label": ["a", "a", "b"], **others})
    pq.write_table(table, tmp_path / "t.parquet")
    suite = make_suite({}, {"one": "{train: t.parquet}"}, columns=NAMED)
    clean_suite(suite, tmp_path / "out", "majority")
    written = pq.read_table(tmp_path / "out" / "t.parquet")
    assert written.equals(pq.read_table(tmp_path / "t.parquet").take([0, 2]))


def test_two_parquet_columns_of_one_name(make_suite: MakeSuite, tmp_path: Path) -> None:
    """Rows by name would lose the first one's values in the copy."""
    columns = [pa.array(["a"]), pa.array(["a"]), pa.array(["x"]), pa.array(["y"])]
    pq.write_table(pa.table(columns, names=["text", "label", "n", "n"]), tmp_path / "t.parquet")
    suite = make_suite({}, {"one": "{train: t.parquet}"}, columns=NAMED)
    with pytest.raises(PetMtlError, match="2 columns are named `n`"):
        clean_suite(suite, tmp_path / "out", "majority")
    assert not (tmp_path / "out").exists()


def test_stray_quotes_are_read_once(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0
    original = records.quoted_rows

    def counted(lines: Iterable[str]) -> Any:
        def each() -> Iterable[str]:
            nonlocal seen
            for line in lines:
                seen += 1
                yield line

        nonlocal seen
        seen += len(lines) if isinstance(lines, list) else 0
        return original(each())

    monkeypatch.setattr(records, "quoted_rows", counted)
    rows = [f'"标{n}" 新,a\n' for n in range(50)]
    suite = make_suite({"t.csv": "text,label\n" + "".join(rows)}, {"one": "{train: t.csv}"}, NAMED)
    clean_suite(suite, tmp_path / "out", "majority")
    copied = (tmp_path / "out" / "t.csv").read_text("utf-8").splitlines()
    assert copied[1:3] == ['"""标0"" 新",a', '"""标1"" 新",a']
    assert (len(copied), seen) == (51, 51)


def test_a_row_that_no_reader_takes_is_dropped_for_what_it_holds(
    make_suite: MakeSuite, tmp_path: Path
) -> None:
    rows = ['{"text": "a", "label": "a", "n": ' + "9" * 5000 + "}", '{"text": "b", "label": "b"}']
    rows += ['{"text": "c", "n": ' + "[" * 100_000, '{"text": "d"']
    suite = make_suite({"t.jsonl": "\n".join(rows)}, {"one": "{train: t.jsonl}"}, NAMED)
    clean_suite(suite, tmp_path / "out", "majority")
    told = (tmp_path / "out" / CHANGES).read_text("utf-8").splitlines()
    assert [line.split("dropped: ")[1] for line in told] == [
        "a number of more than 4,300 digits",
        "lists or objects are nested too deeply",
        "no JSON object",
    ]


def test_what_another_command_wrote_meanwhile_stays(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = make_suite(
        {"t.csv": "text,label\na,a\nb,b\n"}, {"one": "{train: t.csv}"}, columns=NAMED
    )
    out, write = tmp_path / "out", clean._write

    def meanwhile(file: Path, content: bytes) -> None:
        out.mkdir()
        (out / "mine").write_text("mine")
        write(file, content)

    monkeypatch.setattr(clean, "_write", meanwhile)
    with pytest.raises(PetMtlError, match="not empty"):
        clean_suite(suite, out, "majority")
    assert [file.name for file in out.iterdir()] == ["mine"]
