"""Label cells of all kinds of task: what is read, and what is refused with place and hint."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from target_tasks import NAMED, TEXT, number_task, read, refused, sets_task

from pet_mtl.comparison.folder import settings_of
from pet_mtl.data import targets
from pet_mtl.data.digest import rows_digest
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_task
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.levels import path_of
from pet_mtl.suite.task import DataSpec, TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer


def test_sets_are_lists_or_separated_text(write) -> None:
    expected = [[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]]
    rows = [["a"], ["b", "a", "a"], [3], []]
    lines = [json.dumps({"text": "t", "label": of_row}) for of_row in rows]
    one = read(write("t.jsonl", "\n".join(lines)), sets_task(NAMED))
    assert one.targets is not None
    assert one.targets.tolist() == expected
    assert one.labels.tolist() == [0, 0, 2, 3]  # the first label; behind the labels, none
    two = read(write("t.tsv", "t\ta\nt\tb, a\nt\t3\n"), sets_task())
    assert two.targets is not None
    assert two.targets.tolist() == expected[:3]
    three = read(write("t.csv", "text,label\nt,a\nt,b|a\nt,3\n"), sets_task(NAMED, separator="|"))
    assert three.targets is not None
    assert three.targets.tolist() == expected[:3]
    four = read(write("u.tsv", 't\t["a"]\nt\t["b", "a"]\nt\t[3]\nt\t[]\n'), sets_task())
    assert four.targets is not None
    assert four.targets.tolist() == expected


def test_sets_in_parquet(tmp_path: Path) -> None:
    table = pa.table({"text": ["t", "t"], "label": pa.array([["a", "3"], []])})
    pq.write_table(table, tmp_path / "t.parquet")
    rows = read(tmp_path / "t.parquet", sets_task(NAMED))
    assert rows.targets is not None
    assert rows.targets.tolist() == [[1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("labels", [("true", "false"), ("False", "True")])
@pytest.mark.parametrize("sets", [False, True])
def test_truth_values_are_the_same_labels_in_all_formats(
    make_task, write, tmp_path: Path, labels: tuple[str, str], sets: bool
) -> None:
    """pandas writes them as `True` into csv, as `true` into JSON."""
    words = Verbalizer(labels=labels, words=(("x",), ("y",)), source="toy.txt")
    task = sets_task(NAMED, verbalizer=words) if sets else make_task(NAMED, labels=labels)
    rows = [{"text": f"{each}", "label": [each] if sets else each} for each in (True, False)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    write("t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write("t.csv", "text,label\n" + "".join(f"{row['text']},{row['text']}\n" for row in rows))
    for suffix in ("csv", "jsonl", "parquet"):
        found = read(tmp_path / f"t.{suffix}", task).labels.tolist()
        assert [labels[number].lower() for number in found] == ["true", "false"]


@pytest.mark.parametrize(
    ("cell", "message", "hint"),
    [
        ("a,q", 'label "q" of the row\'s set is not in toy.txt', "separator"),
        ("", "the label is empty", "JSON list"),
        ("a,,b", "a label of the set is empty", "separator"),
        ('["a"', "the list of labels cannot be read: invalid JSON: Expecting", "JSON list"),
        (f"[{'9' * 5000}]", "cannot be read: a number of more than 4,300 digits", "JSON list"),
        ('[["a"]]', "which is no label", "JSON list"),
        ("[null]", "which is no label", "JSON list"),
        ('["a", NaN]', 'the list holds "NaN", which is no label', "JSON list"),
        ("[-Infinity]", 'the list holds "-Infinity", which is no label', "JSON list"),
    ],
)
def test_bad_sets(write, cell: str, message: str, hint: str) -> None:
    good = "t\ta\n" if not cell.startswith("[") else 't\t["a"]\n'
    error = refused(write("t.tsv", f"{good}t\t{cell}\n{good}"), sets_task())
    (problem,) = error.problems
    assert message in problem.message
    assert problem.where is not None
    assert problem.where.endswith("t.tsv:2")
    assert hint in (problem.hint or "")


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_missing_number_in_a_set_is_not_the_label_nan(write, tmp_path: Path, suffix: str) -> None:
    words = Verbalizer(labels=("1.5", "nan"), words=(("x",), ("y",)), source="toy.txt")
    task = sets_task(NAMED, verbalizer=words)
    labels = [[1.5], [1.5, float("nan")]]
    if suffix == "jsonl":
        rows = [json.dumps({"text": "t", "label": each}) for each in labels]
        path = write("t.jsonl", "\n".join(rows))
    else:
        path = tmp_path / "t.parquet"
        pq.write_table(pa.table({"text": ["t", "t"], "label": labels}), path)
    (problem,) = refused(path, task).problems
    missing = "NaN" if suffix == "jsonl" else "null"
    assert problem.message == f'the list holds "{missing}", which is no label'
    assert str(problem.where).endswith(":2" if suffix == "jsonl" else ": row 2")
    assert read(path, task, labelled=False).labels.tolist() == [0, -1]
    named = write("n.jsonl", '{"text": "t", "label": ["nan"]}')
    assert read(named, task).labels.tolist() == [1]


@pytest.mark.parametrize("rows", [["a", "caf\u00e9"], ["caf\u00e9", "caf\u00e9"]])
@pytest.mark.parametrize("kind", ["classification", "multi_label"])
def test_a_label_in_another_unicode_form_is_told_as_that(write, kind: str, rows: list[str]) -> None:
    task = sets_task().model_copy(
        update={
            "verbalizer": Verbalizer(
                labels=("a", "cafe\u0301"), words=(("x",), ("y",)), source="toy.txt"
            )
        }
    )
    if kind == "classification":
        task = task.model_copy(update={"kind": "classification", "no": ()})
    error = refused(write("t.tsv", "".join(f"t\t{label}\n" for label in rows)), task)
    problem = error.problems[0]
    assert problem.message == (
        'label "caf\u00e9" differs from that of toy.txt only in its Unicode form'
    )
    assert str(problem.where).endswith(f"t.tsv:{1 + (rows[0] == 'a')}")
    assert r'the data has "caf\u00e9", toy.txt "cafe\u0301"' in str(problem.hint)


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ("very bad", "very\u00a0bad"),
        ("sport", "sport\u200b"),
        ("❤\ufe0f", "❤"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_a_label_that_looks_the_same_is_told_as_that(write, known: str, found: str) -> None:
    verbalizer = Verbalizer(labels=("a", known), words=(("x",), ("y",)), source="toy.txt")
    task = sets_task().model_copy(
        update={"verbalizer": verbalizer, "kind": "classification", "no": ()}
    )
    (problem,) = refused(write("t.tsv", f"t\ta\nt\t{found}\n"), task).problems
    assert problem.message.endswith("differs from that of toy.txt only in what cannot be seen")
    expected = f"the data has {json.dumps(found)}, toy.txt {json.dumps(known)}; write both alike"
    assert problem.hint == expected


def test_an_empty_set_needs_words_for_none_of_the_labels(write) -> None:
    path = write("t.tsv", 't\t["a"]\nt\t[]\nt\t["b"]\n')
    error = refused(path, sets_task(no=()))
    assert "the set of labels is empty" in str(error)
    assert "t.tsv:2" in str(error)
    assert "`no:` words" in str(error)
    assert read(path, sets_task()).labels.tolist() == [0, 3, 1]
    blank = refused(write("b.tsv", "t\ta\nt\t\n"), sets_task(no=()))
    assert "`[]` stands for none of them in a task with `no:` words" in str(blank)


def test_one_file_holds_lists_or_texts(write) -> None:
    error = refused(write("t.tsv", 't\t["a"]\nt\tb\nt\t["b"]\n'), sets_task())
    (problem,) = error.problems
    assert problem.message == "the labels are text here and a list on line 1"
    assert problem.where is not None
    assert problem.where.endswith("t.tsv:2")


def sets_of(*labels: str, **more: object) -> TaskSpec:
    words = tuple((f"w{number}",) for number in range(len(labels)))
    verbalizer = Verbalizer(labels=labels, words=words, source="toy.txt")
    return sets_task(**more).model_copy(update={"verbalizer": verbalizer})


def test_text_that_may_be_one_label_or_several_is_refused(write) -> None:
    path = write("t.tsv", "t\tz\nt\tz, x, y\nt\ty,x\n")
    (problem,) = refused(path, sets_of("x", "y", "z", "x,y")).problems
    assert str(problem.where).endswith("t.tsv:2")
    assert problem.message == '"z,x,y" may hold the label "x,y" of toy.txt, or its parts as labels'
    assert "JSON lists" in str(problem.hint)
    lists = read(write("u.tsv", 't\t["x,y", "z"]\nt\t["x", "y"]\n'), sets_of("x", "y", "z", "x,y"))
    assert lists.targets is not None
    assert lists.targets.tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]


def test_parts_of_a_label_with_the_separator_are_told(write) -> None:
    error = refused(write("t.tsv", "t\tParis\nt\tNew York, NY\n"), sets_of("Paris", "New York, NY"))
    (problem,) = error.problems
    assert problem.message == 'label "New York" of the row\'s set is not in toy.txt'
    assert 'such as "New York, NY", need JSON lists' in str(problem.hint)


def test_text_of_labels_that_begin_as_lists_do(write) -> None:
    task = sets_of("[热]", "冷", "[1]")
    rows = read(write("t.tsv", "t\t[热],冷\nt\t[1]\nt\t冷\nt\t[热]\n"), task)
    assert rows.targets is not None
    assert rows.targets.tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    lists = read(write("u.tsv", 't\t["[热]", "冷"]\nt\t["冷"]\n'), task)
    assert lists.targets is not None
    assert lists.targets.tolist() == [[1, 1, 0], [0, 1, 0]]
    (problem,) = refused(write("v.tsv", "t\t冷\nt\t[热],冰\n"), task).problems
    assert problem.message == 'label "冰" of the row\'s set is not in toy.txt'


def test_an_empty_set_stands_among_texts(write) -> None:
    rows = read(write("t.tsv", "t\t[]\nt\ta,b\nt\t[]\n"), sets_task())
    assert rows.targets is not None
    assert rows.targets.tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_a_list_is_no_label_of_a_task_with_one_label(make_task, write) -> None:
    task = make_task(NAMED)
    task = task.model_copy(update={"columns": {"title": "text", "label": "label"}})
    path = write("t.jsonl", '{"text": "t", "label": ["0", "1"]}\n{"text": "t", "label": "0"}\n')
    assert "`kind: multi_label`" in str(refused(path, task))


def test_sets_of_rows_to_predict_do_not_matter(write) -> None:
    rows = read(write("t.tsv", "t\ta\nt\tq\nt\t\n"), sets_task(), labelled=False)
    assert rows.labels.tolist() == [0, -1, -1]
    assert rows.targets is not None
    assert rows.targets[1:].tolist() == [[-1, -1, -1]] * 2
    bare = read(write("u.tsv", "t\nt\n"), sets_task(), labelled=False)
    assert bare.targets is not None
    assert Rows.concat([rows, bare]).gold.shape == (5, 3)


HEADER_TASKS = {
    "label": lambda columns: sets_task(columns, kind="classification", no=[]),
    "labels": sets_task,
    "number": lambda columns: number_task(columns=columns),
}


@pytest.mark.parametrize("target", HEADER_TASKS)
def test_a_header_read_as_a_row_is_told(write, target: str) -> None:
    path = write("t.tsv", "text\tlabel\nx\t3\ny\t3\n")
    task = HEADER_TASKS[target](TEXT)
    error = refused(path, task)
    assert "is line 1 a header? then write names instead of positions" in str(error)
    with pytest.raises(PetMtlError, match="is line 1 a header\\? then delete it"):
        read(path, task, tolerant=True)  # of a checkpoint, whose columns stay


@pytest.mark.parametrize("target", HEADER_TASKS)
@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_json_has_no_header(write, target: str, suffix: str) -> None:
    rows = [json.dumps({"text": "t", "label": label}) for label in ("label", "3", "3")]
    content = "\n".join(rows) if suffix == "jsonl" else f"[{','.join(rows)}]"
    error = refused(write(f"t.{suffix}", content), HEADER_TASKS[target](NAMED))
    assert '"label"' in str(error)
    assert "is line 1" not in str(error)


def test_answers_tell_targets_apart(write) -> None:
    rows = read(write("t.tsv", "t\ta\nu\tb,a\nt\ta,b\nv\ta\n"), sets_task())
    assert (rows.answers == rows.answers[0]).tolist() == [True, False, False, True]
    taken = rows.take(np.array([1, 2]))
    assert taken.targets is not None
    assert taken.targets.tolist() == [[1, 1, 0]] * 2


@pytest.mark.parametrize(
    ("task", "before", "after"),
    [(sets_task(), "a,b", "a,3"), (number_task(), "3.1", "3.2")],  # in one group of a split
)
def test_other_targets_are_other_rows(write, task: TaskSpec, before: str, after: str) -> None:
    """A folder of runs does not go on where sets or numbers of its rows were changed."""
    found = []
    for changed in ("train", "dev", ""):
        for part in ("t", "d"):
            cell = after if changed.startswith(part) else before
            path = write(f"{part}.tsv", f"t{part}\t{cell}\nu{part}\t{task.verbalizer.labels[0]}\n")
        data = task.data.model_copy(update={"dev": ("d.tsv",)})
        loaded = load_task(task.model_copy(update={"data": data}), path.parent, 1)
        compared = settings_of((), {"t": loaded}, {"t": row_keys(loaded.dev)}, 0)["rows"]
        found.append((rows_digest(loaded), compared["t"]))
    assert [len(set(digests)) for digests in zip(*found, strict=True)] == [3, 3]


def test_labels_of_a_tree_are_gone_through_once_whatever_rows_are_wrong(
    make_task, write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for each of 100,000 rows, thousands of them take minutes."""
    asked: list[str] = []

    def counting(label: str, separator: str) -> tuple[str, ...]:
        asked.append(label)
        return path_of(label, separator)

    monkeypatch.setattr(targets, "path_of", counting)
    task = make_task(labels=("c/d", "c/e/f", "g"))
    path = write("t.tsv", "a\tg\n" + "b\tc\n" * 3 + "b\tc/e\nb\te\n")
    with pytest.raises(PetMtlError, match='label "c" is not in'):
        read(path, task)
    assert not asked
    with pytest.raises(PetMtlError) as caught:
        read(path, task.model_copy(update={"levels": "joint"}))
    messages = [problem.message for problem in caught.value.problems]
    assert messages[:3] == ['label "c" has others below it, such as "c/d"'] * 3
    assert messages[3] == 'label "c/e" has others below it, such as "c/e/f"'
    assert 'label "e" is not in' in messages[4]
    assert len(asked) == 3


def test_conflicts_and_splits_of_sets(write) -> None:
    lines = "".join(f"t{n}\t{'a' if n % 2 else 'a,b'}\n" for n in range(40)) + "t1\tb\n"
    path = write("t.tsv", lines)
    task = sets_task(data=DataSpec.model_validate({"train": "t.tsv", "dev": {"split": 0.25}}))
    loaded = load_task(task, path.parent, 1)
    assert any("different labels" in note and '"b"' in note for note in loaded.notes)
    assert loaded.dev is not None
    assert loaded.dev.targets is not None
    assert len(loaded.dev) + len(loaded.train) == 41
    assert any("no training row has the label" in note for note in loaded.notes)  # "3"


def test_one_target_only_is_refused(write) -> None:
    path = write("t.tsv", "a\t1\nb\t1.0\n")
    with pytest.raises(PetMtlError, match="all 2 training rows of `toy` have the target"):
        load_task(number_task(), path.parent, 1)
