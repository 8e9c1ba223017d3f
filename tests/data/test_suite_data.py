"""Loading all rows of a task and of a suite, with warnings and with every problem at once."""

from types import SimpleNamespace

import pytest

from pet_mtl.data.suite_data import load_suite_data, load_task, load_unlabelled
from pet_mtl.errors import PetMtlError
from pet_mtl.text import normalize_text


def test_all_parts(make_task, write, tmp_path) -> None:
    write("train.tsv", "a\t0\nb\t1\n")
    write("more.tsv", "c\t0\n")
    write("dev.tsv", "d\t1\n")
    write("test.tsv", "e\t0\n")
    write("board.tsv", "f\n")
    task = make_task(
        train=["train.tsv", "more.tsv"], dev="dev.tsv", test="test.tsv", unlabelled="board.tsv"
    )
    data = load_task(task, tmp_path, seed=0)
    assert data.train.fields["title"].to_pylist() == ["a", "b", "c"]
    assert data.train.where(2) == f"{tmp_path / 'more.tsv'}:1"
    assert data.dev is not None
    assert data.dev.labels.tolist() == [1]
    assert data.test is not None
    assert data.test.text(0) == {"title": "e"}
    assert data.unlabelled is not None
    assert data.unlabelled.labels.tolist() == [-1]
    assert data.notes == []


def test_parts_that_are_not_named(make_task, write, tmp_path) -> None:
    write("train.tsv", "a\t0\nb\t1\n")
    data = load_task(make_task(), str(tmp_path), seed=0)
    assert (data.dev, data.test, data.unlabelled) == (None, None, None)


def test_a_share_is_held_out_by_text(make_task, write, tmp_path) -> None:
    write("train.tsv", "".join(f"t{number // 2}\t{number // 2 % 2}\n" for number in range(80)))
    task = make_task(dev={"split": 0.25})
    data = load_task(task, tmp_path, seed=0)
    assert data.dev is not None
    assert (len(data.train), len(data.dev)) == (60, 20)
    texts = [
        {normalize_text(text) for text in part.fields["title"].to_pylist()}
        for part in (data.train, data.dev)
    ]
    assert not texts[0] & texts[1]
    again, other = load_task(task, tmp_path, seed=0), load_task(task, tmp_path, seed=1)
    assert again.dev is not None
    assert other.dev is not None
    assert again.dev.ids == data.dev.ids
    assert other.dev.ids != data.dev.ids


def test_a_share_that_is_larger_than_asked_for_is_told(make_task, write, tmp_path) -> None:
    """With few rows of many labels, of each of which one is held out."""
    labels = tuple(map(str, range(40)))
    write("train.tsv", "".join(f"t{n}\t{n % 40}\n" for n in range(120)))
    data = load_task(make_task(labels=labels, dev={"split": 0.1}), tmp_path, seed=0)
    assert data.dev is not None
    assert len(data.dev) == 40
    assert [note[:40] for note in data.notes] == ["40 of 120 rows are held out, not 10 %: o"]
    assert not load_task(make_task(labels=labels, dev={"split": 0.3}), tmp_path, seed=0).notes


def test_a_share_of_too_few_texts(make_task, write, tmp_path) -> None:
    write("train.tsv", "a\t0\nb\t1\n")
    with pytest.raises(PetMtlError, match="leaves no row"):
        load_task(make_task(dev={"split": 0.25}), tmp_path, seed=0)


def test_notes(make_task, write, tmp_path) -> None:
    path = write("train.tsv", "a\t0\nＡ\t1\nbad\nb\t1\n")
    dev, test = write("dev.tsv", "c\t0\nb \t1\n"), write("test.tsv", "A\t0\n")
    task = make_task(labels=("0", "1", "2"), dev="dev.tsv", test="test.tsv")
    data = load_task(task, tmp_path, seed=0, skip_bad_rows=1)
    assert data.notes == [
        f"skipped 1 bad row ({path}:3: row has 1 column, expected 2)",
        'no training row has the label "2" of verbalizers/toy.txt',
        (f'1 of 3 rows repeat a text, 1 text has different labels ({path}:1 "0" and {path}:2 "1")'),
        f"1 of 2 dev rows occur in the training data too ({dev}:2, …)",
        f"1 of 1 test rows occur in the training data too ({test}:1, …)",
    ]


def test_one_label_only(make_task, write, tmp_path) -> None:
    path = write("train.tsv", "a\t1\nb\t1\n")
    with pytest.raises(PetMtlError) as caught:
        load_task(make_task(), tmp_path, seed=0)
    (problem,) = caught.value.problems
    assert problem.message == 'all 2 training rows of `toy` have the label "1"'
    assert problem.where == f"{path}:1"


def test_the_problems_of_all_files_and_tasks_come_at_once(make_task, write, tmp_path) -> None:
    write("train.tsv", "a\t0\nb\n")
    write("good.tsv", "a\t0\nb\t1\n")
    tasks = {
        "one": make_task(dev="nothing.tsv"),
        "two": make_task(train="good.tsv"),
        "three": make_task(train="good.tsv", test="missing.json"),
    }
    suite = SimpleNamespace(tasks=tasks, base=str(tmp_path), train=SimpleNamespace(seed=0))
    with pytest.raises(PetMtlError) as caught:
        load_suite_data(suite)
    assert [problem.message for problem in caught.value.problems] == [
        "row has 1 column, expected 2",
        "no such data file: `nothing.tsv`",
        "no such data file: `missing.json`",
    ]


def test_a_whole_suite(make_task, write, tmp_path) -> None:
    write("train.tsv", "a\t0\nb\t1\n")
    tasks = {"one": make_task(), "two": make_task()}
    suite = SimpleNamespace(tasks=tasks, base=str(tmp_path), train=SimpleNamespace(seed=0))
    data = load_suite_data(suite)
    assert list(data) == ["one", "two"]
    assert len(data["two"].train) == 2


def test_unlabelled_rows_that_are_measured_on_stay_out(make_task, write, tmp_path) -> None:
    write("train.tsv", "a\t0\nb\t1\n")
    write("dev.tsv", "c\t0\n")
    write("test.tsv", "d\t1\n")
    write("more.tsv", "Ｃ\t1\nd\t0\na\t1\ne\t0\n")  # labels that none may read
    task = make_task(dev="dev.tsv", test="test.tsv", unlabelled="more.tsv")
    for rows in (
        load_task(task, tmp_path, seed=0).unlabelled,
        load_unlabelled(task, tmp_path, seed=0),
    ):
        assert rows is not None
        assert rows.fields["title"].to_pylist() == ["a", "e"]
        assert rows.labels.tolist() == [-1, -1]
    (tmp_path / "dev.tsv").unlink()
    rows = load_unlabelled(task, tmp_path, seed=0)
    assert rows is not None
    assert rows.fields["title"].to_pylist() == ["Ｃ", "a", "e"]
    assert load_unlabelled(make_task(), tmp_path, seed=0) is None
