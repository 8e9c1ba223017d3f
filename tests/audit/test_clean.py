"""Mended copies."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.audit.check import check_suite
from pet_mtl.audit.clean import CHANGES, clean_suite
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite

MakeSuite = Callable[..., Suite]
TRAIN = {"one": "{train: t.tsv}"}


def changes(out: Path) -> list[str]:
    return [line.split("/")[-1] for line in (out / CHANGES).read_text("utf-8").splitlines()]


def test_broken_lines_repeats_and_odd_characters(make_suite: MakeSuite, tmp_path: Path) -> None:
    lines = [
        "1\t新车<br>上市\ta\textra",
        "",
        "2\t天",
        "气\tb\t",
        "3\t新车 上市\ta\t",
        "4",
        "5\t\x00文\tb\t x ",
    ]
    suite = make_suite({"t.tsv": "\n".join(lines)}, TRAIN, columns=(1, 2))
    out = tmp_path / "new" / "out"
    result = clean_suite(suite, out, "majority")
    assert (out / "t.tsv").read_text(
        "utf-8"
    ) == "1\t新车 上市\ta\textra\n2\t天气\tb\t\n5\t文\tb\t x \n"
    assert changes(out) == [
        "t.tsv:1: mended: HTML remains",
        "t.tsv:3: joined: a stray line break had cut this row into 2 lines",
        "t.tsv:5: dropped: repeats an earlier row: line 1",
        "t.tsv:6: dropped: not the 4 columns of a row: 1 column",
        "t.tsv:7: mended: control characters",
    ]
    assert result.lines()[0] == f"{out}/t.tsv: 3 rows"
    assert json.loads(json.dumps(result.to_json()))["files"][0]["changes"][1]["action"] == "joined"


@pytest.mark.parametrize(
    ("how", "expected"),
    [("majority", ["甲\ta", "丙\tb"]), ("drop", ["丙\tb"])],
)
def test_conflicting_labels(
    make_suite: MakeSuite, tmp_path: Path, how: str, expected: list[str]
) -> None:
    rows = [
        "甲\tb",
        "甲\ta",
        "乙\ta",
        "甲 \ta",
        "乙\tb",
        "丙\tb",
    ]  # 甲: two of three; 乙: no majority
    suite = make_suite({"t.tsv": "\n".join(rows) + "\n"}, TRAIN)
    clean_suite(suite, tmp_path / "out", how)  # type: ignore[arg-type]
    assert (tmp_path / "out" / "t.tsv").read_text("utf-8").splitlines() == expected


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_a_broken_file_that_two_tasks_read(
    make_suite: MakeSuite, tmp_path: Path, swapped: bool, named: bool
) -> None:
    """The last column is a text of one task only: a lone cell there belongs to the row before it,
    whichever task stands first."""
    lines = ["甲\ta\t上", "乙\tb\t下", "去", "丙\ta\t左", "丁", "戊\tb\t右"]
    suite = make_suite(
        {"t.tsv": "\n".join((["one\tlabel\ttwo"] if named else []) + lines)},
        {"one": "{train: t.tsv}", "two": "{train: t.tsv}"},
        columns=("one", "label") if named else (0, 1),
    )
    one, two = suite.tasks.values()
    columns = {"text": "two" if named else 2, "label": two.columns["label"]}
    both = {"one": one, "two": two.model_copy(update={"columns": columns})}
    tasks = dict(reversed(both.items())) if swapped else both
    out = tmp_path / "out"
    clean_suite(suite.model_copy(update={"tasks": tasks}), out, "majority")
    rows = (out / "t.tsv").read_text("utf-8").splitlines()[named:]
    assert rows == ["甲\ta\t上", "乙\tb\t下去", "丙\ta\t左丁", "戊\tb\t右"]


@pytest.mark.parametrize("swapped", [False, True])
def test_names_and_positions_of_one_file(
    make_suite: MakeSuite, tmp_path: Path, swapped: bool
) -> None:
    """A file that one task reads by names has a header for the other too."""
    suite = make_suite({"t.tsv": "one\tlabel\n甲&amp;\ta\n乙\tb\n"}, {**TRAIN, "two": TRAIN["one"]})
    one, two = suite.tasks.values()
    named = one.model_copy(update={"columns": {"text": "one", "label": "label"}})
    tasks = {"two": two, "one": named} if swapped else {"one": named, "two": two}
    out = tmp_path / "out"
    (file,) = clean_suite(suite.model_copy(update={"tasks": tasks}), out, "majority").files
    assert file.rows == 2
    assert (out / "t.tsv").read_text("utf-8") == "one\tlabel\n甲&\ta\n乙\tb\n"


def test_lines_of_one_column_are_rows(make_suite: MakeSuite, tmp_path: Path) -> None:
    files = {"t.tsv": "甲\ta\n乙\tb\n", "u.txt": "丙\n丁\n甲\n戊\n"}
    suite = make_suite(files, {"one": "{train: t.tsv, unlabelled: u.txt}"})
    clean_suite(suite, tmp_path / "out", "majority")
    assert (tmp_path / "out/u.txt").read_text("utf-8") == files["u.txt"]


def test_an_unknown_label_has_no_say(make_suite: MakeSuite, tmp_path: Path) -> None:
    rows = ["甲\ta", "甲\tA?", "乙\t?", "甲\ta", "乙\tb"]
    clean_suite(make_suite({"t.tsv": "\n".join(rows) + "\n"}, TRAIN), tmp_path / "out", "drop")
    # the repeat goes, what the task has no label for is left to the user
    kept = ["甲\ta", "甲\tA?", "乙\t?", "乙\tb"]
    assert (tmp_path / "out" / "t.tsv").read_text("utf-8").splitlines() == kept


def test_training_rows_that_are_measured_are_dropped(make_suite: MakeSuite, tmp_path: Path) -> None:
    files = {"a/t.tsv": "甲\ta\n乙\tb\n丙\ta\n", "a/d.tsv": "乙 \tb\n丁\ta\n"}
    files |= {"a/e.tsv": "丁\ta\n戊\tb\n", "a/u.tsv": "戊\ta\n己\tb\n"}
    parts = "{train: a/t.tsv, dev: a/d.tsv, test: a/e.tsv, unlabelled: a/u.tsv}"
    suite = make_suite(files, {"one": parts})
    out = tmp_path / "out"
    clean_suite(suite, out, "majority")
    assert (out / "a/e.tsv").read_text("utf-8") == files["a/e.tsv"]  # 丁 is a dev row too
    assert (out / "a/u.tsv").read_text("utf-8") == "己\tb\n"
    assert (out / "a/t.tsv").read_text("utf-8") == "甲\ta\n丙\ta\n"
    assert (out / "a/d.tsv").read_text("utf-8") == "乙 \tb\n丁\ta\n"
    mended = suite.model_copy(update={"base": str(out)})
    assert (check_suite(suite, {}, None).verdict, check_suite(mended, {}, None).count("error")) == (
        "error",
        0,
    )


FORMATS = {
    "t.csv": (
        'text,label,n\n"a, ""b""",a,1\n"a, ""b""",a,2\nc d,b,3\ne\nf,a,4\n',
        'text,label,n\n"a, ""b""",a,1\nc d,b,3\ne f,a,4\n',
    ),
    "t.jsonl": (
        '{"text": "a", "label": "a", "n": {"x": [1]}}\n{"text": "A", "label": "a"}\n'
        '{"text": "c\nd", "label": "b"}\nx\n',
        '{"text": "a", "label": "a", "n": {"x": [1]}}\n{"text": "cd", "label": "b"}\n',
    ),
    "nested.jsonl": (
        '{"data": {"text": "a"}, "label": "a"}\n{"data": {"text": "A"}, "label": "a"}\n'
        '{"data": {"text": "b\x07"}, "label": "b"}\n',
        '{"data": {"text": "a"}, "label": "a"}\n{"data": {"text": "b"}, "label": "b"}\n',
    ),
    "t.json": (
        (
            '[{"text": "a", "label": "a"}, {"text": "a", "label": "a"}, 3, {"text": "b", '
            '"label": '
            '"b", "n": null}]'
        ),
        '[\n{"text": "a", "label": "a"},\n{"text": "b", "label": "b", "n": null}\n]\n',
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(make_suite: MakeSuite, tmp_path: Path, name: str) -> None:
    before, after = FORMATS[name]
    columns = ("data.text" if name.startswith("nested") else "text", "label")
    suite = make_suite({name: before}, {"one": f"{{train: {name}}}"}, columns=columns)
    clean_suite(suite, tmp_path / "out", "majority")
    assert (tmp_path / "out" / name).read_text("utf-8") == after
    check_suite(suite.model_copy(update={"base": str(tmp_path / "out")}), {}, None)
    assert (tmp_path / name).read_text("utf-8") == before


def test_rows_without_a_wanted_key(make_suite: MakeSuite, tmp_path: Path) -> None:
    row = '{"text": "a", "label": "a"}\n'
    rows = row + '{"txet": "b", "label": "a"}\n{"text": "c", "label": null}\n'
    suite = make_suite({"t.jsonl": rows}, {"one": "{train: t.jsonl}"}, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    assert (tmp_path / "out" / "t.jsonl").read_text("utf-8") == row
    changes = (tmp_path / "out" / "changes.txt").read_text("utf-8")
    assert "no key `text`" in changes
    assert "no key `label`" in changes

    suite = make_suite({"u.jsonl": rows}, {"one": "{train: u.jsonl}"}, columns=("title", "label"))
    with pytest.raises(PetMtlError, match="no row has the key `title`"):
        clean_suite(suite, tmp_path / "other", "majority")
    assert not (tmp_path / "other" / "u.jsonl").exists()


def test_a_quote_that_is_never_closed(make_suite: MakeSuite, tmp_path: Path) -> None:
    text = 'text,label\n"good one",a\n"bad,b\nthird,a\n"fourth, too",b\n'
    suite = make_suite({"t.csv": text}, {"one": "{train: t.csv}"}, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    assert (tmp_path / "out" / "t.csv").read_text(
        "utf-8"
    ) == 'text,label\ngood one,a\n"""bad",b\nthird,a\n"fourth, too",b\n'
    (told,) = changes(tmp_path / "out")
    assert told.startswith("t.csv:3: mended: odd quotes, split as it stands: ")


def test_rows_of_any_wrong_width_are_one_line(make_suite: MakeSuite, tmp_path: Path) -> None:
    wide = "".join("\t".join("x" * width) + "\n" for width in range(3, 200))
    suite = make_suite({"t.tsv": "甲\ta\n乙\tb\n" * 200 + wide}, TRAIN)
    lines = clean_suite(suite, tmp_path / "out", "majority").lines()
    assert lines[2] == "  dropped 197: not the 2 columns of a row (line 401, 402, 403, …)"
    assert len(lines) == 3


def test_parquet_and_compression(make_suite: MakeSuite, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {"text": ["a", "a", "b"], "label": ["a", "a", "b"], "n": pa.array([1, 2, 3], pa.int8())}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    files = {"z.tsv.gz": gzip.compress("新\ta\n新\ta\n闻\tb\n".encode())}
    suite = make_suite(files, {"one": "{train: t.parquet}"}, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    assert pq.read_table(tmp_path / "out" / "t.parquet").equals(table.take([0, 2]))
    clean_suite(make_suite(files, {"one": "{train: z.tsv.gz}"}), tmp_path / "zipped", "majority")
    assert (
        gzip.decompress((tmp_path / "zipped" / "z.tsv.gz").read_bytes()).decode()
        == "新\ta\n闻\tb\n"
    )


def test_gb18030_becomes_utf8(make_suite: MakeSuite, tmp_path: Path) -> None:
    suite = make_suite({"t.tsv": "新闻\ta\n".encode("gb18030") + "天气\tb\n".encode()}, TRAIN)
    clean_suite(suite, tmp_path / "out", "majority")
    assert (tmp_path / "out" / "t.tsv").read_text("utf-8") == "新闻\ta\n天气\tb\n"


def test_nothing_is_overwritten(make_suite: MakeSuite, tmp_path: Path) -> None:
    suite = make_suite({"t.tsv": "甲\ta\n乙\tb\n"}, TRAIN)
    with pytest.raises(PetMtlError, match="not empty"):
        clean_suite(suite, tmp_path, "majority")
    with pytest.raises(PetMtlError, match="a file, not a folder"):
        clean_suite(suite, tmp_path / "t.tsv", "majority")
    with pytest.raises(PetMtlError, match="no such data file"):
        clean_suite(make_suite({}, {"one": "{train: absent.tsv}"}), tmp_path / "out", "majority")
    assert not (tmp_path / "out").exists()


def test_files_with_one_name(make_suite: MakeSuite, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    files = {"t.tsv": "甲\ta\n乙\tb\n", "other/t.tsv": "丙\ta\n"}
    suite = make_suite(files, {"one": "{train: [../t.tsv, ../other/t.tsv]}"})
    with pytest.raises(PetMtlError, match=r"two files would become `t\.tsv`"):
        clean_suite(
            suite.model_copy(update={"base": str(tmp_path / "base")}), tmp_path / "out", "majority"
        )
    shared = make_suite(files, {"one": "{train: t.tsv}", "two": ("{train: [t.tsv, other/t.tsv]}")})
    result = clean_suite(shared, tmp_path / "out", "majority")
    assert (len(result.files), result.outside) == (2, ())


def test_files_outside_the_data_folder_and_samples(make_suite: MakeSuite, tmp_path: Path) -> None:
    suite = make_suite(
        {"t.tsv": "甲\ta\n乙\tb\n"}, {"one": "{train: [t.tsv, 'sample:tnews/train']}"}
    )
    elsewhere = suite.tasks["one"].model_copy(
        update={
            "data": suite.tasks["one"].data.model_copy(
                update={"train": (str(tmp_path / "t.tsv"), "hub:x")}
            )
        }
    )
    result = clean_suite(suite, tmp_path / "out", "majority")
    assert (result.skipped, result.outside) == (("sample:tnews/train",), ())
    moved = suite.model_copy(update={"tasks": {"one": elsewhere}, "base": str(tmp_path / "out")})
    assert clean_suite(moved, tmp_path / "more", "majority").outside == (str(tmp_path / "t.tsv"),)
    with pytest.raises(PetMtlError, match="there is no file to clean: sample:tnews/train"):
        clean_suite(
            make_suite({}, {"one": "{train: 'sample:tnews/train'}"}), tmp_path / "none", "majority"
        )


HALVES = [
    r'{"text": "good \ud83d film", "label": "a", "\udc00": ["\ud83d\ude00", "\ude00"]}',
    r'{"text": "天气", "label": "a\ud83d"}',
    '{"text": "新闻", "label": "b"}',
]
WHOLE = [
    '{"text": "good � film", "label": "a", "�": ["😀", "�"]}',
    '{"text": "天气", "label": "a�"}',  # no label of the task: for the user
    HALVES[2],
]


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_halves_of_surrogate_pairs(make_suite: MakeSuite, tmp_path: Path, name: str) -> None:
    in_file = {"t.jsonl": "\n".join(HALVES), "t.json": f"[{','.join(HALVES)}]"}
    suite = make_suite(in_file, {"one": f"{{train: {name}}}"}, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    lines = (tmp_path / "out" / name).read_text("utf-8").splitlines()
    assert [line.rstrip(",") for line in lines if line not in "[]"] == WHOLE
    mended = "mended: half a surrogate pair"
    assert changes(tmp_path / "out") == [f"{name}:{line}: {mended}" for line in (1, 2)]


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_json_stays_json(make_suite: MakeSuite, tmp_path: Path, name: str) -> None:
    rows = [
        '{"text": "a 1e400", "label": "a", "n": [1e400, -2.5E+999, 1.5]}',
        '{"text": "b", "label": "b", "n": NaN}',
        '{"text": "c", "label": "a", "n": "\\"1e400"}',
    ]
    in_file = {"t.jsonl": "\n".join(rows), "t.json": f"[{','.join(rows)}]"}
    suite = make_suite(in_file, {"one": f"{{train: {name}}}"}, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    lines = (tmp_path / "out" / name).read_text("utf-8").splitlines()
    kept = [rows[0], rows[1].replace("NaN", "null"), rows[2]]
    assert [line.rstrip(",") for line in lines if line not in "[]"] == kept
    assert changes(tmp_path / "out") == [f"{name}:2: mended: NaN or Infinity, which are no JSON"]


def test_texts_that_are_lists_or_objects(make_suite: MakeSuite, tmp_path: Path) -> None:
    kept = '{"text": ["z"], "label": "a"}\n{"text": "b", "label": ["a", "b"]}\n'
    rows = (
        '{"text": ["x", "y"], "label": "a"}\n{"text": {"x": 1}, "label": "a"}\n'
        '{"text": [null], "label": "a"}\n'
    )
    files = {"t.jsonl": kept + rows, "u.jsonl": rows.splitlines()[0]}
    tasks = {"one": "{train: t.jsonl, dev: d.jsonl}"}
    files["d.jsonl"] = '{"text": "Z", "label": "b"}\n'  # a list of one text is that text
    suite = make_suite(files, tasks, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    assert (tmp_path / "out" / "t.jsonl").read_text("utf-8") == kept.splitlines(True)[1]
    assert changes(tmp_path / "out") == [
        "t.jsonl:1: dropped: its text is a dev or test row",
        "t.jsonl:3: dropped: a list or an object as `text`",
        "t.jsonl:4: dropped: a list or an object as `text`",
        "t.jsonl:5: dropped: no key `text`",
    ]
    suite = make_suite({}, {"one": "{train: u.jsonl}"}, columns=("text", "label"))
    with pytest.raises(PetMtlError, match="no row has one text as `text`"):
        clean_suite(suite, tmp_path / "other", "majority")
