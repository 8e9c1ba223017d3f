"""Sets of labels in tables of predictions are read back as they were predicted."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.targets import target_text
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.records import WRITERS, Details, Predicted
from pet_mtl.suite.task import DataSpec, TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer


def sets_task(labels: tuple[str, ...], separator: str) -> TaskSpec:
    words = tuple((f"w{number}",) for number in range(len(labels)))
    return TaskSpec.model_validate(
        {
            "name": "toy",
            "kind": "multi_label",
            "no": ["none"],
            "separator": separator,
            "patterns": "{mask}{text}",
            "verbalizer": Verbalizer(labels=labels, words=words, source="toy.txt"),
            "columns": {"text": "text", "label": "labels"},
            "data": DataSpec(train=("t.csv",)),
        }
    )


def test_the_likeliest_labels_of_a_set_begin_with_the_first() -> None:
    task = sets_task(("a", "b", "c"), ",")
    predicted = Predicted(task, Rows.of({"text": ["t"]}), np.array([[-4, -1, -2]], np.float32))
    head, row = WRITERS["csv"](predicted, Details(top=2), True).splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    assert (cells["labels"], cells["label_1"], cells["label_2"]) == ("[]", "b", "c")
    assert float(cells["probability_1"]) > float(cells["probability_2"])


def test_a_text_with_line_ends_is_read_back(tmp_path: Path) -> None:
    task, texts = sets_task(("a", "b"), "|"), ["one\rreturn", "\r\n", "a\nb"]
    predicted = Predicted(task, Rows.of({"text": texts}), np.zeros((3, 2), np.float32))
    path = tmp_path / "p.csv"
    path.write_bytes(WRITERS["csv"](predicted, Details(text=True), True).encode())
    again, _ = read_rows(path.name, task, base=tmp_path)
    assert again.fields["text"].to_pylist() == texts


@pytest.mark.parametrize("output", ["csv", "tsv"])
@pytest.mark.parametrize(
    ("labels", "separator", "as_lists"),
    [
        (("a", "b"), ",", False),
        (("x", "y", "x,y"), ",", True),
        (("x", "y", "x,y"), "|", False),
        (("[热]", "冷"), ",", True),
        (('["a"]', "a"), ",", True),
        (("[1]", "1"), "|", True),
        (("a;", "b"), ";;", True),
        (('say "x"', "y"), ",", False),
    ],
)
def test_written_sets_are_read_back(
    tmp_path: Path, output: str, labels: tuple[str, ...], separator: str, as_lists: bool
) -> None:
    task = sets_task(labels, separator)
    chosen = np.array(list(product([0, 1], repeat=len(labels))), np.float32)
    rows = Rows.of({"text": [f"t{number}" for number in range(len(chosen))]})
    predicted = Predicted(task, rows, 8 * chosen - 4)
    path = tmp_path / f"p.{output}"
    path.write_text(WRITERS[output](predicted, Details(text=True), True), encoding="utf-8")
    again, _ = read_rows(path.name, task, base=tmp_path)
    assert again.targets is not None
    assert again.targets.tolist() == chosen.tolist()
    kind = kind_of(task)
    texts = kind.written(chosen)
    assert [text.startswith("[") for text in texts] == [False] + [as_lists] * (len(chosen) - 1)
    assert texts == [target_text(each, task) for each in chosen]
    assert texts == [each.label for each in kind.predictions(predicted.log_probs)]
    assert len(set(texts)) == len(texts)
