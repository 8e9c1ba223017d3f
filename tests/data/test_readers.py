"""What all formats share: labels, ids, files without labels, several files, many bad rows."""

from pathlib import Path

import pytest

from pet_mtl.data.readers import read_rows
from pet_mtl.errors import PetMtlError

TIANCHI = {"id": 0, "title": 1, "label": 2}


def read(path: Path, task, **options):
    return read_rows(path.name, task, base=path.parent, **options)


@pytest.mark.parametrize("content", ["7\ta\n8\tb\n", "7\ta\r\n8\tb\r\n"])
def test_board_files_lack_the_label(make_task, write, content: str) -> None:
    rows, _ = read(write("board.csv", content), make_task(TIANCHI), labelled=False)
    assert rows.fields["title"].to_pylist() == ["a", "b"]
    assert (rows.ids.to_pylist(), rows.labels.tolist()) == (["7", "8"], [-1, -1])


def test_what_stands_behind_a_missing_label_moves_up(make_task, write) -> None:
    rows, _ = read(
        write("t.tsv", "7\ta\n"), make_task({"id": 0, "label": 1, "title": 2}), labelled=False
    )
    assert rows.text(0) == {"title": "a"}


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("t.tsv", "a\tx\n", {"title": 0, "label": 5}),
        ("t.csv", "title\na\n", {"title": "title", "label": "label"}),
        ("t.txt", "a\n", {"title": 0, "label": 1}),
        ("t.txt", "a\n", {"label": 0, "title": 1}),
    ],
)
def test_other_files_without_labels(make_task, write, name: str, content: str, columns) -> None:
    rows, _ = read(write(name, content), make_task(columns), labelled=False)
    assert (rows.text(0), rows.labels.tolist()) == ({"title": "a"}, [-1])


def test_unknown_labels_do_not_matter_where_none_is_needed(make_task, write) -> None:
    rows, skipped = read(write("t.tsv", "a\t1\nb\t?\nc\t\n"), make_task(), labelled=False)
    assert (rows.labels.tolist(), skipped) == ([1, -1, -1], [])


def test_a_training_file_needs_its_labels(make_task, write) -> None:
    path = write("board.csv", "7\ta\n")
    with pytest.raises(
        PetMtlError, match="rows have 2 columns, but `columns` wants `label: 2`"
    ) as caught:
        read(path, make_task(TIANCHI))
    assert "`unlabelled`" in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"title": 0, "label": 4}, "rows have 2 columns, but `columns` wants `label: 4`"),
        ({"title": 3, "label": 1}, "rows have 2 columns, but `columns` wants `title: 3`"),
    ],
)
def test_positions_beyond_the_row(make_task, write, columns, message: str) -> None:
    with pytest.raises(PetMtlError, match=message):
        read(write("t.tsv", "a\t1\n"), make_task(columns))


def test_all_missing_names_are_told_at_once(make_task, write) -> None:
    with pytest.raises(PetMtlError) as caught:
        read(write("t.tsv", "titel\tx\n"), make_task({"title": "title", "label": "label"}))
    title, label = caught.value.problems
    assert title.message == "no column `title` (wanted by `columns.title`)"
    assert title.hint == "is it `titel`? the file has `titel`, `x`"
    assert label.message == "no column `label` (wanted by `columns.label`)"


def test_names_in_another_form_of_unicode_are_told(make_task, write) -> None:
    """Which look the same."""
    file = write("t.tsv", "e\u0301\tlabel\tｔｅｘｔ\n")
    with pytest.raises(PetMtlError) as caught:
        read(file, make_task({"é": "\u00e9", "text": "text", "label": "label"}))
    accent, wide = (problem.hint or "" for problem in caught.value.problems)
    form = "(its accents are in another form of Unicode, NFC or NFD)"
    assert accent.startswith(f"is it `e\u0301` {form}? the file has")
    assert wide.startswith("is it `ｔｅｘｔ`? the file has")


def test_labels_are_compared_without_white_space(make_task, write) -> None:
    rows, _ = read(write("t.tsv", "a\t 1\u3000\nb\t0 \n"), make_task())
    assert rows.labels.tolist() == [1, 0]


def test_an_unknown_label_names_label_and_verbalizer(make_task, write) -> None:
    with pytest.raises(PetMtlError) as caught:
        read(write("t.tsv", "a\t1\nb\tso so\n"), make_task())
    (problem,) = caught.value.problems
    assert problem.message == 'label "so so" is not in verbalizers/toy.txt'
    assert problem.hint == ('add a line to verbalizers/toy.txt: "so so"  WORD; or mend the row')


def test_only_unknown_labels_point_to_the_wrong_column(make_task, write) -> None:
    path = write("t.tsv", "a\tx\nb\ty\n")
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task(), skip_bad_rows=10)
    (problem,) = caught.value.problems
    assert problem.message == (
        'none of the 2 labels is in verbalizers/toy.txt: found "x", "y", known are "0", "1"'
    )
    assert "is `1` the right label column" in str(problem.hint)


def test_a_header_in_a_file_read_by_position(make_task, write) -> None:
    with pytest.raises(
        PetMtlError, match=r":1: label \"label\" is not in .*\n  hint: is line 1 a header"
    ):
        read(write("t.tsv", "title\tlabel\na\t1\nb\t0\n"), make_task())


def test_only_the_first_bad_rows_are_shown_but_all_are_counted(make_task, write) -> None:
    path = write("t.tsv", "a\t1\n" + "b\n" * 15 + "c\t9\n" * 15)
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task(), skip_bad_rows=29)
    problems = caught.value.problems
    assert len(problems) == 21
    assert [problem.where for problem in problems[:2]] == [f"{path}:2", f"{path}:3"]
    assert str(problems[-1]) == f"{path}: and 10 more bad rows"


def test_skipped_rows_are_all_returned(make_task, write) -> None:
    path = write("t.tsv", "a\t1\n" + "b\n" * 30 + "c\t0\n")
    rows, skipped = read(path, make_task(), skip_bad_rows=30)
    assert [problem.where for problem in skipped] == [f"{path}:{line}" for line in range(2, 32)]
    assert [rows.where(0), rows.where(1)] == [f"{path}:1", f"{path}:32"]


def test_no_row_is_left(make_task, write) -> None:
    path = write("t.jsonl", '{"title": ["b", "c"], "label": 0}\n["a", 0]\n')
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task({"title": "title", "label": "label"}), skip_bad_rows=5)
    first, *rows = caught.value.problems
    assert str(first) == "t.jsonl: no good row is left"
    assert [problem.where for problem in rows] == [f"{path}:1", f"{path}:2"]
    assert "expected an object, found a list" in rows[1].message


@pytest.mark.parametrize("name", ["t.tsv", "t.csv", "t.txt", "t.json"])
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_files(make_task, write, name: str, content: str) -> None:
    with pytest.raises(PetMtlError, match="the file holds no rows"):
        read(write(name, content), make_task({"title": "title", "label": "label"}))


@pytest.mark.parametrize("content", ["title,label\n", "title\tlabel"])
def test_files_with_nothing_but_a_header(make_task, write, content: str) -> None:
    with pytest.raises(PetMtlError, match="the file holds no rows"):
        read(write("t.csv", content), make_task({"title": "title", "label": "label"}))


def test_several_files_in_a_row(make_task, write, tmp_path: Path) -> None:
    first, second = write("a.tsv", "a\t0\nb\nc\t1\n"), write("b.csv", "d,1\n")
    rows, skipped = read_rows("[ab].*", make_task(), base=tmp_path, skip_bad_rows=1)
    assert rows.fields["title"].to_pylist() == ["a", "c", "d"]
    assert rows.ids.to_pylist() == ["0", "2", "3"]
    assert [rows.where(1), rows.where(2)] == [f"{first}:3", f"{second}:1"]
    assert len(skipped) == 1


def test_the_problems_of_several_files_come_at_once(make_task, write, tmp_path: Path) -> None:
    paths = [write("a.tsv", ""), write("b.tsv", "a\t0\nb\n"), write("c.tsv", "a\tx\nb\ty\n")]
    with pytest.raises(PetMtlError) as caught:
        read_rows("*.tsv", make_task(), base=tmp_path)
    assert {str(problem.where) for problem in caught.value.problems} == {
        str(paths[0]),
        f"{paths[1]}:2",
        str(paths[2]),
    }


def test_one_stray_tab_does_not_make_the_other_rows_bad(make_task, write) -> None:
    path = write("board.csv", "1\ta\tx\n2\tb\n3\tc\n")
    rows, skipped = read(path, make_task(TIANCHI), labelled=False, skip_bad_rows=1)
    assert rows.fields["title"].to_pylist() == ["b", "c"]
    assert [str(problem) for problem in skipped] == [(f"{path}:1: row has 3 columns, expected 2")]


@pytest.mark.parametrize(
    ("labels", "found"),
    [(["1", "0"], "1.0\n0.0\n"), (["1.0", "0.0"], "1\n0\n"), (["1", "0"], "1\n0.0\n")],
)
def test_a_whole_number_with_a_point_is_that_number(
    make_task, write, labels: list[str], found: str
) -> None:
    task = make_task({"title": 0, "label": 1}, labels=labels)
    lines = "".join(f"好\t{label}\n" for label in found.split())
    rows, _ = read(write("t.tsv", lines), task)
    assert rows.labels.tolist() == [0, 1]


def test_where_both_are_labels_they_differ(make_task, write) -> None:
    rows, _ = read(
        write("t.tsv", "a\t1.0\nb\t1\n"), make_task({"title": 0, "label": 1}, labels=["1", "1.0"])
    )
    assert rows.labels.tolist() == [1, 0]
