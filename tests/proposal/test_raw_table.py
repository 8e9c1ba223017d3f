"""Any table as text."""

import gzip
import json
import time
import tracemalloc
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.raw_table import LOOKED_AT, RawTable, read_raw_table


def read(tmp_path: Path, name: str, content: str | bytes, header: bool | None = None) -> RawTable:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_raw_table(file, header)


def test_rows_that_name_their_columns_have_no_header(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="no first line to tell"):
        read(tmp_path, "t.jsonl", '{"text": "a", "label": "b"}\n', header=False)


ROWS = [("good, film", "pos"), ('a "bad" one', "neg"), ("so; so | so", "neg"), ("fine", "pos")] * 2


@pytest.mark.parametrize(
    ("name", "content", "plain"),
    [
        ("t.tsv", "".join(f"{a}\t{b}\n" for a, b in ROWS), True),
        ("t.csv", "".join(f"{a}\t{b}\r\n" for a, b in ROWS), True),
        ("t.csv", "".join('"{}",{}\n'.format(a.replace('"', '""'), b) for a, b in ROWS), True),
        ("t.txt", "".join('"{}",{}\n'.format(a.replace('"', '""'), b) for a, b in ROWS), False),
        ("t.tsv", "".join('"{}",{}\n'.format(a.replace('"', '""'), b) for a, b in ROWS), False),
        ("t.csv", "".join('"{}";{}\n'.format(a.replace('"', '""'), b) for a, b in ROWS), False),
        ("t.csv", "".join('"{}"|{}\n'.format(a.replace('"', '""'), b) for a, b in ROWS), False),
    ],
)
@pytest.mark.parametrize("header", ["", "text{0}label\n"])
def test_separators_and_headers(
    tmp_path: Path, name: str, content: str, plain: bool, header: str
) -> None:
    separator = next(s for s in "\t;|," if s in content.split("\n")[0].replace("good, film", ""))
    table = read(tmp_path, name, header.format(separator) + content)
    assert table.names == (["text", "label"] if header else [0, 1])
    assert list(zip(*table.columns, strict=True)) == ROWS
    assert (None not in table.reasons) == (plain or (bool(header) and name == "t.txt"))


@pytest.mark.parametrize(
    ("first", "rest", "expected"),
    [
        (["text", "label"], [["a b", "x"]], True),
        (["内容", "标签"], [["好", "1"]], True),
        (["what was said", "score"], [["bad", "1"], ["good", "0"]], True),
        (
            ["note", "kind"],
            [["a", "x"], ["b", "x"], ["c", "x"], ["d", "y"], *([["e", "y"]] * 6)],
            True,
        ),
        (["good film", "pos"], [["bad film", "neg"], ["fine", "pos"]] * 4, False),
        (["1", "text"], [["2", "label"]], False),
        (["a", "a"], [["b", "1"]], False),
    ],
)
def test_has_header(
    tmp_path: Path, first: list[str], rest: list[list[str]], expected: bool
) -> None:
    table = read(tmp_path, "t.tsv", "".join("\t".join(row) + "\n" for row in [first, *rest]))
    assert (table.names == first) == expected
    assert len(table) == len(rest) + (not expected)
    forced = read(
        tmp_path, "t.tsv", "".join("\t".join(row) + "\n" for row in [first, *rest]), not expected
    )
    assert len(forced) == len(rest) + expected


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("text,text,label", ["text", "column2", "label"]),
        ("note,label,note", ["note", "label", "column3"]),
        ("note,note,kind", [0, 1, 2]),
    ],
)
def test_a_header_may_repeat_a_name(tmp_path: Path, first: str, names: list[str | int]) -> None:
    rows = "".join(f"film {n},good film {n},{'ab'[n % 2]}\n" for n in range(40))
    table = read(tmp_path, "t.csv", f"{first}\n{rows}")
    assert table.names == names
    assert (len(table) == 40) == ("label" in names)


def test_a_column_without_a_name_gets_one_of_its_own(tmp_path: Path) -> None:
    """The index that pandas writes; under one name, a copy would have its numbers as texts."""
    rows = "".join(f"{n},good film {n},{'ab'[n % 2]}\n" for n in range(40))
    table = read(tmp_path, "t.csv", f",column1,label\n{rows}")
    assert table.names == ["column1_", "column1", "label"]


def test_very_many_columns_are_named_at_once(tmp_path: Path) -> None:
    names = [f"c{place}" for place in range(30_000)]
    start = time.process_time()
    assert read(tmp_path, "t.csv", ",".join(names) + "\n" + "1," * 29_999 + "2\n").names == names
    assert time.process_time() - start < 2  # seconds; looking each up among those before took 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path, "t.tsv", "文本\t标签\n新闻很好\t好\n天气\t坏\n".encode(encoding))
    assert table.columns == [["新闻很好", "天气"], ["好", "坏"]]
    assert (None in table.reasons) == (not encoding.startswith("utf-8"))


def test_json(tmp_path: Path) -> None:
    rows = [
        {"t": "a", "n": 3, "f": 0.5, "b": True, "x": {"y": 1}},
        {"t": "b", "n": 4, "f": 1, "b": False, "z": None},
    ]
    for name, content in (
        ("t.json", json.dumps(rows)),
        ("t.jsonl", "\n".join(map(json.dumps, rows))),
    ):
        table = read(tmp_path, name, content)
        assert table.names == ["t", "n", "f", "b", "x.y", "z"]
        assert table.columns == [
            ["a", "b"],
            ["3", "4"],
            ["0.5", "1"],
            ["true", "false"],
            ["1", ""],
            ["", ""],
        ]
        assert set(table.reasons) == {"x.y", "z"}


def test_skipped_rows_parquet_and_compression(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert read(tmp_path, "t.tsv", "a b\tx\nc\td\te\nf\ty\n").skipped == 1
    assert read(tmp_path, "t.jsonl", '{"a": "b"}\nno\n3\n').skipped == 2
    pq.write_table(pa.table({"t": ["a", "b"], "n": [1, 2]}), tmp_path / "t.parquet")
    assert read_raw_table(tmp_path / "t.parquet").columns == [["a", "b"], ["1", "2"]]
    assert read(tmp_path, "t.tsv.gz", gzip.compress(b"a b\tx\n")).columns == [["a b"], ["x"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "the file is empty"),
        ("t.csv", " \n\n", "the file is empty"),
        ("t.txt", "just\nsome lines\n", "this is no table: its lines have one column"),
        ("t.csv", "text,label\n", "the file holds a header and no rows"),
        ("t.jsonl", "[]", "holds no JSON objects"),
        ("t.jsonl", "nothing\n", "holds no JSON objects"),
        ("t.json", "[{,", "invalid JSON"),
        ("t.csv", b"\x00\x01\xff\xfe\x00", "this is no text file"),
        ("t.csv", b"text,label\na,x\nb\x00,y\n", "t.csv:3: this is no text file: a NUL"),
        ("t.parquet", b"PAR1", "cannot read the parquet file"),
        ("t.xlsx", b"PK", "unknown data format"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(PetMtlError, match=message):
        read(tmp_path, name, content)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="file not found"):
        read_raw_table(tmp_path / "absent.csv")
    with pytest.raises(PetMtlError, match="is a folder"):
        read_raw_table(tmp_path)


@pytest.mark.parametrize("between", [",", "\t", ";"])
@pytest.mark.parametrize("names", ["review{}label", "文字{}好坏", "text{}label"])
def test_the_nameless_index_of_pandas_stands_in_a_header(
    tmp_path: Path, between: str, names: str
) -> None:
    rows = "".join(f"{n}{between}房间第{n}次了{between}{n % 2}\n" for n in range(12))
    table = read(
        tmp_path,
        "t.tsv" if between == "\t" else "t.csv",
        between + names.format(between) + "\n" + rows,
    )
    assert table.names == ["column1", *names.format(" ").split()]
    assert len(table) == 12


def test_lists_of_one_nested_keys_and_booleans_are_columns(tmp_path: Path) -> None:
    lines = [
        {"data": {"text": f"好{n}"}, "label": [n % 2 == 0], "tags": ["a", "b"]} for n in range(4)
    ]
    table = read(tmp_path, "t.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert table.names == ["data.text", "label"]
    assert table.columns[1] == ["true", "false", "true", "false"]
    assert "`tags` holds lists of several values" in table.left_out["tags"]


def test_nan_in_json_is_missing(tmp_path: Path) -> None:
    lines = '{"text": "好", "stars": NaN}\n{"text": "坏", "stars": 1.5}\n'
    table = read(tmp_path, "t.jsonl", lines)
    assert table.columns[table.names.index("stars")] == ["", "1.5"]


def test_a_text_of_many_lines_is_not_split_at_every_separator(tmp_path: Path) -> None:
    text = "a\n" * 20_000
    tracemalloc.start()
    try:
        table = read(tmp_path, "t.csv", f'id,title,label\n1,"{text}",news\n')
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert table.columns == [["1"], [text], ["news"]]
    assert peak < 100 * len(text)  # bytes; with each separator's rows it is 340 times


def test_the_first_rows_say_the_separator(tmp_path: Path) -> None:
    rows = "".join(f"{n};a b\n" for n in range(LOOKED_AT))
    table = read(tmp_path, "t.csv", rows + "x,y\n" * 2 * LOOKED_AT)
    assert (len(table), table.skipped) == (LOOKED_AT, 2 * LOOKED_AT)
    assert table.form.startswith("semicolons")


@pytest.mark.parametrize("above", ["sep=,\r\n", "评论数据,\n\n", "a title,\n"])
@pytest.mark.parametrize("header", [None, True])
def test_lines_above_a_header(tmp_path: Path, above: str, header: bool | None) -> None:
    table = read(tmp_path, "t.csv", f"{above}text,label\n" + "a b,1\nc d,0\n" * 4, header)
    assert table.names == ["text", "label"]
    assert table.columns == [["a b", "c d"] * 4, ["1", "0"] * 4]
    assert table.skipped == 1
    assert table.reasons == {None: "lines of another form stand above its header"}


def test_a_first_row_of_one_cell_is_a_row_without_a_header(tmp_path: Path) -> None:
    table = read(tmp_path, "t.csv", "good film,\n" + "a b,1\nc d,0\n" * 4)
    assert (table.names, len(table)) == ([0, 1], 9)


def test_empty_columns_that_spreadsheets_write(tmp_path: Path) -> None:
    table = read(tmp_path, "t.csv", "text,label,,\n" + "a b,1,,\nc d,0,,\n" * 4)
    assert table.names == ["text", "label", "column3", "column4"]
    assert len(table) == 8
    assert read(tmp_path, "t.csv", ",,\n,,\n").names == [0, 1, 2]


def test_nan_beside_numbers_is_missing(tmp_path: Path) -> None:
    table = read(tmp_path, "t.csv", "text,label\nnan,1.0\nNaN a,nan\nb,NaN\nc,0.0\n")
    assert table.columns == [["nan", "NaN a", "b", "c"], ["1.0", "", "", "0.0"]]
    assert table.reasons == {"label": "some values of `label` are missing"}
