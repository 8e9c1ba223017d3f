"""Tab- and comma-separated files: what comes through unharmed, and how bad rows are named."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pet_mtl.data import delimited
from pet_mtl.data.delimited import read_delimited
from pet_mtl.data.readers import read_lines, read_rows
from pet_mtl.data.table import BadRows, Request
from pet_mtl.errors import PetMtlError

TEXTS = [
    "",
    '"quoted',
    "it's, a comma",
    "[MASK] [SEP] {mask} {{",
    "NA",
    "null",
    "NaN",
    "👩‍👩‍👧 \U0001f600",
    "bell \x07 escape \x1b nul \x00 end",
    "\u2028 line separator \x85 next line",
    "lone \r return",
    "  spaces  ",
    "#comment",
    "\\N \\t",
    "长" * 100_000,
]


def read(path: Path, task, **options):
    return read_rows(path.name, task, base=path.parent, **options)


def test_tianchi_file(make_task, write) -> None:
    task = make_task({"id": 0, "title": 1, "label": 2}, labels=("108", "104"))
    path = write("TNEWS.csv", '0\t他说:"好,\t108\n7\t商赢环球,公告\t104\n')
    rows, skipped = read(path, task)
    assert rows.ids.to_pylist() == ["0", "7"]
    assert rows.fields["title"].to_pylist() == ['他说:"好,', "商赢环球,公告"]
    assert rows.labels.tolist() == [0, 1]
    assert (rows.where(1), skipped) == (f"{path}:2", [])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["t.tsv", "t.csv", "t.txt"])
def test_tab_files_carry_any_text(make_task, write, name: str, mark: str, end: str) -> None:
    path = write(name, mark + "".join(f"{text}\t1{end}" for text in TEXTS))
    rows, _ = read(path, make_task())
    assert rows.fields["title"].to_pylist() == TEXTS
    assert rows.ids.to_pylist() == [str(number) for number in range(len(TEXTS))]


@pytest.mark.parametrize("header", [False, True])
def test_comma_files_carry_any_text(make_task, write, header: bool) -> None:
    texts = [*TEXTS, "two\nlines", "two\r\nlines", 'a "word", quoted', "tab\t"]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(
        [["title", "label"]] * header + [[text, "1"] for text in texts]
    )
    path = write("t.csv", out.getvalue())
    rows, _ = read(path, make_task({"title": "title", "label": "label"} if header else None))
    assert rows.fields["title"].to_pylist() == texts


def test_last_line_without_line_end_and_blank_lines(make_task, write) -> None:
    path = write("t.tsv", "\n\na\t0\n\n\nb\t1")
    rows, _ = read(path, make_task())
    assert [rows.where(0), rows.where(1)] == [f"{path}:3", f"{path}:6"]
    assert rows.ids.to_pylist() == ["0", "1"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "title\tlabel\ra\t0\r\rb\t1\r"),
        ("t.csv", 'title,label\r"a",0\r\rb,1'),
        ("t.csv", "title,label\ra\tb,0\r\rb,1\r"),
        ("t.csv", 'title,label\r"two\nlines",0\rb,1\r"th""ree\n""",0'),
    ],
)
@pytest.mark.parametrize("labelled", [True, False])
def test_carriage_returns_end_lines_where_nothing_else_does(
    make_task, write, name: str, content: str, labelled: bool
) -> None:
    path = write(name, content)
    task = make_task({"title": "title", "label": "label"})
    rows, _ = read(path, task, labelled=labelled, tolerant=not labelled)
    assert rows.fields["title"].to_pylist()[1] == "b"
    assert rows.labels.tolist()[:2] == [0, 1]
    assert rows.where(1) == f"{path}:4"


def test_texts_a_line_with_carriage_returns(make_task) -> None:
    rows = read_lines(b"one\rtwo\rthree", make_task(), "stdin")
    assert rows.fields["title"].to_pylist() == ["one", "two", "three"]


def test_the_first_block_says_what_ends_the_lines(make_task, write, monkeypatch) -> None:
    monkeypatch.setattr("pet_mtl.data.files._HEAD", 4)
    task = make_task()
    cut_within = read(write("t.tsv", "a\t0\r\nb\t1\r\n"), task)[0]
    assert cut_within.where(1).endswith("t.tsv:2")
    stray = read(write("u.tsv", "a\t0\nb\rc\t1\n"), task)[0]
    assert stray.fields["title"].to_pylist() == ["a", "b\rc"]


def test_a_stray_carriage_return_in_a_comma_file(make_task, write) -> None:
    path = write("t.csv", "a,0\nb\rc,1\nd,1\n")
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task())
    (problem,) = caught.value.problems
    assert problem.where == f"{path}:2"
    assert (
        problem.message == "a carriage return (CR) without a line feed (LF) stands outside quotes"
    )
    assert "LF line ends" in str(problem.hint)


def test_comma_lines_count_quoted_line_ends_and_blank_lines(make_task, write) -> None:
    path = write("t.csv", 'title,label\n"a\nb\n",0\n\nc,1\n')
    rows, _ = read(path, make_task({"title": "title", "label": "label"}))
    assert [rows.where(0), rows.where(1)] == [f"{path}:2", f"{path}:6"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "label\tid\ttitle\n1\tx\ta,b\n"),
        ("t.csv", "label\tid\ttitle\n1\tx\ta,b\n"),
        ("t.txt", "label \t id\ttitle\n1\tx\ta,b\n"),
        ("t.csv", 'label,id,title\n1,x,"a,b"\n'),
        ("t.txt", 'label,id,title\n1,x,"a,b"\n'),
        ("t.csv", '\ufeff"label","id",title\n"1",x,"a,b"\n'),
    ],
)
def test_header_files(make_task, write, name: str, content: str) -> None:
    rows, _ = read(
        write(name, content), make_task({"title": "title", "label": "label", "id": "id"})
    )
    assert rows.text(0) == {"title": "a,b"}
    assert (rows.labels.tolist(), rows.ids.to_pylist()) == ([1], ["x"])


@pytest.mark.parametrize(("name", "separator"), [("t.tsv", "\t"), ("t.csv", ",")])
def test_a_name_twice_in_the_header_is_refused(make_task, write, name: str, separator: str) -> None:
    lines = [["title", "label", "title "], ["a", "1", "b"]]
    path = write(name, "".join(separator.join(line) + "\n" for line in lines))
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task({"title": "title", "label": "label"}))
    (problem,) = caught.value.problems
    assert problem.where == f"{path}"
    assert problem.message == "the header names `title` twice (wanted by `columns.title`)"
    assert "columns 0 and 2" in str(problem.hint)
    assert "`title: 0` or `title: 2`" in str(problem.hint)


def test_a_name_twice_that_nobody_wants_is_no_matter(make_task, write) -> None:
    path = write("t.csv", "note,title,label,note\nx,a,1,y\n")
    rows, _ = read(path, make_task({"title": "title", "label": "label"}))
    assert rows.text(0) == {"title": "a"}


def test_columns_may_stand_in_any_order(make_task, write) -> None:
    rows, _ = read(write("t.tsv", "1\ta\tb\n"), make_task({"second": 2, "first": 1, "label": 0}))
    assert rows.text(0) == {"second": "b", "first": "a"}


@pytest.mark.parametrize("size", [7, 16, 64])
@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_block_borders_do_not_show(make_task, write, monkeypatch, size: int, suffix: str) -> None:
    monkeypatch.setattr(delimited, "CHUNK_BYTES", size)
    texts = [f"标题{number}" * (number % 5) for number in range(50)]
    separator = "\t" if suffix == "tsv" else ","
    path = write(
        f"t.{suffix}",
        "".join(f"{text}{separator}1\n\n" for text in texts) + f"bad\nend{separator}0",
    )
    rows, skipped = read(path, make_task(), skip_bad_rows=1)
    assert rows.fields["title"].to_pylist() == [*texts, "end"]
    assert rows.where(50) == f"{path}:102"
    assert rows.ids[50].as_py() == "51"
    assert [problem.where for problem in skipped] == [f"{path}:101"]


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("t.tsv", "a\t0\nb\nc\t1\n", 2, "row has 1 column, expected 2"),
        ("t.tsv", "a\t0\nb\t1\tx\nc\t1\n", 2, "row has 3 columns, expected 2"),
        ("t.tsv", "b\tb\t0\na\t1\nc\t1\n", 1, "row has 3 columns, expected 2"),
        ("t.csv", "a,0\nb,x,1\nc,1\n", 2, "row has 3 columns, expected 2"),
        ("t.csv", 'a,0\n"b"x,1\nc,1\n', 2, "not comma-separated values"),
        ("t.csv", "a,0\nc,1\nb\rx,1\n", 3, "a carriage return (CR) without a line feed (LF)"),
        ("t.tsv", "a\t0\nb\t\nc\t1\n", 2, "the label is empty"),
        ("t.tsv", "a\t0\nb\t7\nc\t1\n", 2, 'label "7" is not in verbalizers/toy.txt'),
        (
            "t.tsv",
            "a\t0\nb \udcff\t1\nc\t1\n",
            2,
            ("not UTF-8: byte 0xFF at position 3 of the line"),
        ),
        ("t.csv", "a,0\nb \udcff,1\nc,1\n", 2, ("not UTF-8: byte 0xFF at position 3 of the line")),
    ],
)
def test_bad_rows_are_named_and_can_be_skipped(
    make_task, write, name, content, line, message
) -> None:
    path = write(name, content.encode("utf-8", "surrogateescape"))
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task())
    (problem,) = caught.value.problems
    assert problem.where == f"{path}:{line}"
    assert problem.message.startswith(message)
    rows, skipped = read(path, make_task(), skip_bad_rows=1)
    assert (len(rows), skipped) == (2, [problem])
    assert "b" not in rows.fields["title"].to_pylist()


def test_a_file_in_another_encoding_is_recognised(make_task, write) -> None:
    path = write("t.tsv", "新闻\t0\n体育\t1\n".encode("gb18030"))
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task())
    first, second = caught.value.problems
    assert first.where == f"{path}:1"
    assert first.hint is not None
    assert f"iconv -f gb18030 -t utf-8 {path}" in first.hint
    assert second.hint is None, "the same hint is not repeated"


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_a_header_in_another_encoding(make_task, write, name: str) -> None:
    path = write(
        name, "标题,标签\n新闻,0\n".replace(",", "\t" if name == "t.tsv" else ",").encode("gb18030")
    )
    with pytest.raises(PetMtlError, match="not UTF-8") as caught:
        read(path, make_task({"title": "标题", "label": "标签"}))
    assert str(caught.value).encode("utf-8")


def test_utf_16(make_task, write) -> None:
    with pytest.raises(PetMtlError, match="the file is UTF-16"):
        read(write("t.tsv", "a\t0\n".encode("utf-16")), make_task())


def test_a_broken_header_of_a_comma_file(make_task, write) -> None:
    with pytest.raises(PetMtlError, match="not comma-separated values"):
        read(
            write("t.csv", '"title"x,label\na,0\n'), make_task({"title": "title", "label": "label"})
        )


def test_a_quote_that_is_never_closed_cannot_be_skipped(make_task, write) -> None:
    path = write("t.csv", '"a,0\nc,1\n"b,1\nd,1\n')
    with pytest.raises(PetMtlError, match=("a quote opens here and is never closed")) as caught:
        read(path, make_task(), skip_bad_rows=9)
    assert caught.value.problems[0].where == f"{path}:3"


def test_a_stray_quote_spoils_its_own_line(make_task, write) -> None:
    """It swallows the lines up to the next quote, which are rows all the same."""
    path = write("t.csv", 'a,0\n"b,1\n' + "c,0\n" * 20 + 'd,1\n"e" f,0\ng,1\n')
    rows, skipped = read(path, make_task(), skip_bad_rows=2)
    assert rows.fields["title"].to_pylist() == ["a", *["c"] * 20, "d", "g"]
    assert [problem.where for problem in skipped] == [f"{path}:2", f"{path}:24"]


def test_the_csv_field_limit_is_given_back(make_task, write) -> None:
    before = csv.field_size_limit()
    read(write("t.csv", "a,0\nb,1\n"), make_task())
    assert csv.field_size_limit() == before


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"])), min_size=1
    )
)
def test_any_text_survives_the_tab_reader(make_task, tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(
        "".join(f"{text}\t{number % 2}\n" for number, text in enumerate(texts)).encode("utf-8")
    )
    rows, _ = read(path, make_task())
    # A byte order mark at the start of a file is no text.
    assert rows.fields["title"].to_pylist() == [texts[0].removeprefix("\ufeff"), *texts[1:]]
    assert rows.labels.tolist() == [number % 2 for number in range(len(texts))]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_survives_the_comma_reader(make_task, tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "t.csv"
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(
        [["title", "label"], *([text, "1"] for text in texts)]
    )
    path.write_bytes(out.getvalue().encode("utf-8"))
    rows, _ = read(path, make_task({"title": "title", "label": "label"}))
    assert rows.fields["title"].to_pylist() == texts


HEADERS = ["text", "sentence\tlabel", "内容\t类别", "Comment_Text\t0", "评论内容\t标签", "x\tlabel"]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_header_is_not_predicted_as_a_row(tmp_path: Path, header: str, suffix: str) -> None:
    between = "," if suffix == ".csv" else "\t"
    file = tmp_path / f"rows{suffix}"
    tabs = "\t" * header.count("\t")
    text = f"{header}\n真的太棒了{tabs}\n很难用{tabs}\n"
    file.write_text(text.replace("\t", between), encoding="utf-8")
    request = Request({"text": 0, "label": 1}, labelled=False)
    with pytest.raises(PetMtlError, match="looks like a header") as caught:
        list(read_delimited(file, suffix, request, BadRows(str(file))))
    assert caught.value.problems[0].where == f"{file}:1"
    assert caught.value.problems[0].hint


@pytest.mark.parametrize("first", ["text me", "标题党", "内容很差", "好", "a", "news"])
def test_a_text_is_no_header(tmp_path: Path, first: str) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text(f"{first}\n真的太棒了\n", encoding="utf-8")
    (chunk,) = read_delimited(
        file, ".tsv", Request({"text": 0, "label": 1}, labelled=False), BadRows(str(file))
    )
    assert chunk.columns["text"].to_pylist() == [first, "真的太棒了"]


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_without_line_ends_is_refused_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, packed: bool
) -> None:
    import gzip

    from pet_mtl.data import delimited, files
    from pet_mtl.data.readers import READERS

    monkeypatch.setattr(files, "LONGEST_LINE", 3 << 20)
    monkeypatch.setattr(delimited, "LONGEST_LINE", 3 << 20)
    file = tmp_path / (f"rows{suffix}.gz" if packed else f"rows{suffix}")
    with gzip.open(file, "wb") if packed else file.open("wb") as stream:
        stream.write(b"x" * (12 << 20))
    columns: dict[str, int | str] = {"text": "a"} if suffix == ".jsonl" else {"text": 0, "label": 1}
    with pytest.raises(PetMtlError, match="the line is longer than 3 MiB"):
        list(READERS[suffix](file, suffix, Request(columns), BadRows(str(file))))
