"""One parser behind three doors: reading (`predict`), `init` and `data clean` find the same rows, and
refuse a file with the same words."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.audit.records import read_records
from pet_mtl.data.delimited import read_tabs
from pet_mtl.data.delimited_rows import quoted_text, split_rows
from pet_mtl.data.readers import read_rows
from pet_mtl.data.table import BadRows, Request
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.raw_table import read_raw_table
from pet_mtl.suite.task import TaskSpec

Pairs = list[tuple[str, str]]
Doors = dict[str, Callable[[Path], Pairs]]
COLUMNS = {"title": "text", "label": "label"}
ROWS = [
    ("新闻，很好", "0"),
    ('说"好", 对', "1"),
    ("line\u2028separator", "0"),
    ("天气\x85今天", "1"),
] * 3
SUFFIXES = ("tsv", "csv", "jsonl", "json", "parquet")


def content(suffix: str, rows: Pairs, end: str = "\n") -> str | bytes:
    named = [{"text": text, "label": label} for text, label in rows]
    match suffix:
        case "tsv":
            return "".join("\t".join(row) + end for row in [("text", "label"), *rows])
        case "csv":
            cells = [[c.replace('"', '""') for c in row] for row in [("text", "label"), *rows]]
            return "".join(f'"{text}",{label}{end}' for text, label in cells)
        case "jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + end for row in named)
        case "json":
            return json.dumps(named, ensure_ascii=False, indent=1).replace("\n", end)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(named), sink)
    return bytes(sink.getvalue().to_pybytes())


@pytest.fixture
def doors(make_task: Callable[..., TaskSpec]) -> Doors:
    task = make_task(columns=COLUMNS)

    def reading(path: Path) -> Pairs:
        rows, _ = read_rows(
            str(path), task, base=path.parent, labelled=False, tolerant=True, skip_bad_rows=99
        )
        return list(zip(rows.fields["title"].to_pylist(), map(str, rows.labels), strict=True))

    def proposal(path: Path) -> Pairs:
        named = path.suffix in (".json", ".jsonl", ".parquet")
        table = read_raw_table(path, None if named else True)
        assert table.names == ["text", "label"]
        return list(zip(*table.columns, strict=True))

    def cleaning(path: Path) -> Pairs:
        found = read_records(path, Request(COLUMNS))
        title, label = found.places["title"], found.places["label"]
        return [(record.get(title), record.get(label)) for record in found.records]

    return {"reading": reading, "proposal": proposal, "cleaning": cleaning}


def of_each(doors: Doors, path: Path) -> dict[str, Pairs | str]:
    """Return each door's rows, or its first problem with its place."""
    result: dict[str, Pairs | str] = {}
    for name, door in doors.items():
        try:
            result[name] = door(path)
        except PetMtlError as error:
            problem = error.problems[0]
            result[name] = f"{problem.where}: {problem.message}"
    return result


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\r"])
def test_the_same_rows(doors: Doors, tmp_path: Path, suffix: str, encoding: str, end: str) -> None:
    path = tmp_path / f"t.{suffix}"
    text = content(suffix, ROWS, end)
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    found = of_each(doors, path)
    assert found["reading"] == found["proposal"] == ROWS
    if encoding == "utf-16" and suffix != "parquet":  # training refuses it, and so does cleaning
        assert found["cleaning"] == f"{path}: the file is UTF-16, data files must be UTF-8"
    else:
        assert found["cleaning"] == ROWS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_row_to_predict_may_lack_its_id(
    make_task: Callable[..., TaskSpec], tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"t.{suffix}"
    rows = [{"id": name, "text": f"t{name}"} for name in ("a", None, "c")]
    match suffix:
        case "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case "json" | "jsonl":
            lines = ",\n".join(map(json.dumps, rows))
            path.write_text(f"[{lines}]" if suffix == "json" else lines.replace(",\n", "\n"))
        case _:
            cells = [("id", "text"), *((row["id"] or "", row["text"]) for row in rows)]
            path.write_text("".join((",", "\t")[suffix == "tsv"].join(row) + "\n" for row in cells))
    task = make_task({"title": "text", "label": "label", "id": "id"})
    found, _ = read_rows(path.name, task, base=tmp_path, labelled=False, tolerant=True)
    assert found.ids.to_pylist() == ["a", "1", "c"]


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("tsv", b"one\ttoo\tmany\n"),
        ("tsv", b"damaged \xff\xfe\t1\n"),
        ("csv", b"one,too,many\n"),
        ("csv", b'"stray"quote,1\n'),
        ("csv", b"damaged \xff\xfe,1\n"),
        ("jsonl", b"{no json\n"),
        ("jsonl", b"[1]\n"),
        ("jsonl", b'{"text": "\xff\xfe", "label": "1"}\n'),
    ],
)
def test_a_bad_row_is_left_out_and_the_others_stay(
    doors: Doors, tmp_path: Path, suffix: str, damage: bytes
) -> None:
    """Cleaning mends what it can: it may hold one row more."""
    lines = str(content(suffix, ROWS)).encode().splitlines(keepends=True)
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(b"".join([*lines[:4], damage, *lines[4:]]))
    found = of_each(doors, path)
    assert found["reading"] == found["proposal"] == ROWS
    assert [row for row in found["cleaning"] if row in ROWS] == ROWS
    assert len(found["cleaning"]) <= len(ROWS) + 1


def test_json_lines_put_together_from_files_with_byte_order_marks(
    doors: Doors, tmp_path: Path
) -> None:
    lines, path = str(content("jsonl", ROWS)), tmp_path / "t.jsonl"
    path.write_text(f"\ufeff{lines}\ufeff{lines}\ufeff\n", encoding="utf-8")
    for rows in of_each(doors, path).values():
        assert rows == ROWS * 2


@pytest.mark.parametrize(
    ("suffix", "damaged", "where", "message"),
    [
        ("csv", b'text,label\na,0\n"b,1\nc,0\n', ":3", "a quote opens here and is never closed"),
        ("json", b'[{"text": "a",\n{]', ":2", "invalid JSON: "),
        ("json", b'[{"text": "\xff"}]', ":1", "not UTF-8: byte 0xFF at position 12 of the line"),
        ("parquet", b"PAR1 and no more", "", "cannot read the parquet file: "),
        ("csv.gz", b"no gzip", "", "cannot read the file: "),
    ],
)
def test_what_no_row_can_be_read_from(
    doors: Doors, tmp_path: Path, suffix: str, damaged: bytes, where: str, message: str
) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(damaged)
    found = of_each(doors, path)
    assert str(found["reading"]).startswith(f"{path}{where}: {message}")
    assert found["reading"] == found["proposal"]
    if suffix not in ("csv",) and b"\xff" not in damaged:  # what cleaning mends
        assert found["cleaning"] == found["reading"]


def test_comma_separated_values_are_read_as_they_were_written(doors: Doors, tmp_path: Path) -> None:
    rows = [("one\rreturn", "0"), ("\r", "1"), ("two\r\nends\n", "0"), (' "so", they say', "1")]
    path = tmp_path / "t.csv"
    path.write_bytes(quoted_text([("text", "label"), *rows]).encode())
    found = of_each(doors, path)
    assert found["reading"] == found["proposal"] == found["cleaning"] == rows
    assert read_records(path, Request(COLUMNS)).dump() == path.read_bytes()


def test_line_feeds_within_quotes_of_a_file_whose_lines_end_in_returns(
    doors: Doors, tmp_path: Path
) -> None:
    """As Excel on old Macintoshes wrote them."""
    path = tmp_path / "t.csv"
    path.write_bytes(b'text,label\r"one\ntwo",0\rb,1\r"""three""\n",0\r')
    found = of_each(doors, path)
    rows = [("one\ntwo", "0"), ("b", "1"), ('"three"\n', "0")]
    assert found["reading"] == found["proposal"] == found["cleaning"] == rows
    # a stray CR of a file whose lines end in LF is none of them
    path.write_bytes(b'text,label\n"a\rb",0\n"c\nd",1\n')
    rows = [("a\rb", "0"), ("c\nd", "1")]
    found = of_each(doors, path)
    assert found["reading"] == found["proposal"] == found["cleaning"] == rows


def test_a_quote_that_swallows_more_than_a_row_holds_spoils_only_its_own_separator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pet_mtl.data.delimited_rows.LONGEST_LINE", 100)
    path = tmp_path / "t.tsv"
    path.write_text('a\tx\n"b\ty\n' + "c c c\tx\n" * 40)
    assert len(read_raw_table(path, False)) == 42
    path.write_text('a,x\n"b,y\n' + "c c c,x\n" * 40)
    with pytest.raises(PetMtlError, match=r"t\.tsv:2: the line is longer"):
        read_raw_table(path, False)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\r\r\n"])
def test_tabs_in_blocks_are_tabs_line_by_line(end: str) -> None:
    text = str(content("tsv", ROWS, end))
    request = Request({"title": 0, "label": 1}, header=False)
    chunks = list(read_tabs(io.BytesIO(text.encode()), request, BadRows("t.tsv")))
    blocks = [
        (int(line), [title, label])
        for chunk in chunks
        for line, title, label in zip(
            chunk.lines,
            chunk.columns["title"].to_pylist(),
            chunk.columns["label"].to_pylist(),
            strict=True,
        )
    ]
    assert blocks == [(row.line, row.cells) for row in split_rows(text, "\t")]
