"""Which rows are dropped, of files that one task reads and of those that several share."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.audit.check import check_suite
from pet_mtl.audit.clean import CHANGES, CleanResult, clean_suite
from pet_mtl.audit.dropped import _answers
from pet_mtl.audit.whole_rows import Record, Records
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import DataSpec, TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer

MakeSuite = Callable[..., Suite]
ONE, TWO = {"text": 0, "label": 1}, {"text": 2, "label": 3}


def with_columns(suite: Suite, columns: Mapping[str, Mapping[str, int | str]]) -> Suite:
    """Return a suite whose tasks read other columns."""
    tasks = {
        name: task.model_copy(update={"columns": dict(columns.get(name, task.columns))})
        for name, task in suite.tasks.items()
    }
    return suite.model_copy(update={"tasks": tasks})


def cleaned(suite: Suite, out: Path, name: str) -> tuple[CleanResult, list[str], list[str]]:
    result = clean_suite(suite, out, "majority")
    told = (out / CHANGES).read_text("utf-8").splitlines()
    return result, (out / name).read_text("utf-8").splitlines(), [t.split("/")[-1] for t in told]


def test_leaks_of_all_tasks_that_share_a_file(make_suite: MakeSuite, tmp_path: Path) -> None:
    files = {
        "t.tsv": "甲\ta\t一\tb\n乙\tb\t二\tb\n丙\ta\t<br>三\ta\n",
        "one.tsv": "乙\tb\n",
        "two.tsv": "x\ta\t三\ta\n",
    }
    tasks = {"one": "{train: t.tsv, dev: one.tsv}", "two": "{train: t.tsv, dev: two.tsv}"}
    suite = with_columns(make_suite(files, tasks), {"one": ONE, "two": TWO})
    assert check_suite(suite, {}, None).count("error") == 1  # the other leak hides behind a tag
    result, rows, told = cleaned(suite, tmp_path / "out", "t.tsv")
    assert rows == ["甲\ta\t一\tb"]
    assert told == [
        "t.tsv:2: dropped: its text is a dev or test row",
        "t.tsv:3: mended: HTML remains",
        "t.tsv:3: dropped: its text is a dev or test row",
    ]
    assert result.leaks == ()
    mended = suite.model_copy(update={"base": str(tmp_path / "out")})
    assert check_suite(mended, {}, None).count("error") == 0


def test_conflicts_of_all_tasks_that_share_a_file(make_suite: MakeSuite, tmp_path: Path) -> None:
    rows = [
        "甲\ta\tx\ta",
        "甲\ta\tx\tb",
        "甲\ta\tx\ta",
        "乙\tb\tx\ta",
        "丙\t?\ty\ta",
        "丙\t?\ty\ta",
    ]
    suite = make_suite({"t.tsv": "\n".join(rows)}, dict.fromkeys(("one", "two"), "{train: t.tsv}"))
    suite = with_columns(suite, {"one": ONE, "two": TWO})
    _, left, told = cleaned(suite, tmp_path / "out", "t.tsv")
    # the fourth row repeats `x` for `two` alone, and `one` has no label for the last ones
    assert left == [rows[0], rows[3], rows[4], rows[5]]
    assert told == [
        't.tsv:2: dropped: most rows of its text have another label: "a", not "b"',
        "t.tsv:3: dropped: repeats an earlier row: line 1",
    ]


def test_a_file_that_is_measured_on_keeps_its_rows(make_suite: MakeSuite, tmp_path: Path) -> None:
    tasks = {"one": "{train: t.tsv, dev: d.tsv}", "two": "{train: d.tsv, dev: t.tsv}"}
    suite = make_suite({"t.tsv": "甲\ta\n乙\tb\n", "d.tsv": "乙\tb\n丙\ta\n"}, tasks)
    result, left, told = cleaned(suite, tmp_path / "out", "t.tsv")
    assert (left, told) == (["甲\ta", "乙\tb"], [])
    stay = "1 row of one/train with the text of a dev or test row, for the file is two/dev too"
    assert result.leaks[0] == f"{tmp_path}/t.tsv: {stay}"
    assert result.lines()[-2] == f"left as it is: {result.leaks[0]}"
    assert len(result.leaks) == len(result.to_json()["leaks"]) == 2


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_columns_with_names(make_suite: MakeSuite, tmp_path: Path, suffix: str) -> None:
    table = pa.table(
        {"t": ["甲", "乙", "丙"], "l": ["a"] * 3, "u": ["x", "y", "z"], "m": ["b"] * 3}
    )
    rows = table.to_pylist()
    pq.write_table(table, tmp_path / "t.parquet")
    files = {
        "t.csv": "t,l,u,m\n" + "".join(",".join(row.values()) + "\n" for row in rows),
        "t.jsonl": "".join(f"{row}\n".replace("'", '"') for row in rows),
        "d.jsonl": '{"u": "Y", "m": "b"}\n',
    }
    train = f"train: t.{suffix}"
    suite = make_suite(files, {"one": f"{{{train}}}", "two": f"{{{train}, dev: d.jsonl}}"})
    names = {"one": {"text": "t", "label": "l"}, "two": {"text": "u", "label": "m"}}
    result = clean_suite(with_columns(suite, names), tmp_path / "out", "majority")
    assert [(file.rows, len(file.changes)) for file in result.files] == [(2, 1), (1, 0)]
    assert result.files[0].changes[0].reason == "its text is a dev or test row"
    if suffix == "csv":  # positions beside names
        suite = with_columns(suite, names | {"one": {"text": 0, "label": 1}})
        result = clean_suite(suite, tmp_path / "more", "majority")
        assert result.files[0].rows == 2  # the header is none


def answers(cells: Sequence[object], task: TaskSpec) -> list[str | None]:
    records = [Record(number, {"label": cell}) for number, cell in enumerate(cells)]
    found = Records(Path("t.jsonl"), "lines", {"label": "label"}, records)
    return _answers(found.texts("label", lists=task.kind == "multi_label"), task)


def test_labels_are_alike_where_the_task_takes_them_so() -> None:
    sets = task_of("multi_label", {"a": ["a"], "b": ["b"]}, no=["c"])
    assert answers([["a", "b"], ["b", "a"], ["x"], [], None], sets)[:3] == ["a,b", "a,b", None]
    number = task_of("similarity", {"low": ["a"], "high": ["b"]}, range=(0, 5))
    assert answers([2, "2.0", " 2 ", "9", "", 0], number) == ["2", "2", "2", None, None, "0"]
    label = task_of("classification", {"0": ["a"], "1": ["b"]})
    assert answers([0, "1", 1.0, ["1"], "2", None], label) == ["0", "1", "1", "1", None, None]
    truth = task_of("classification", {"true": ["a"], "false": ["b"]})
    assert answers([True, "true", False, [0, 1]], truth) == ["true", "true", "false", None]


def task_of(kind: str, words: dict[str, list[str]], **more: object) -> TaskSpec:
    labels, every = tuple(words), tuple(map(tuple, words.values()))
    return TaskSpec.model_validate(
        {
            "name": "toy",
            "kind": kind,
            "patterns": "{mask}{text}",
            "verbalizer": Verbalizer(labels=labels, words=every, source="toy.txt"),
            "columns": {"text": "text", "label": "label"},
            "data": DataSpec(train=("t.csv",)),
            **more,
        }
    )
