import json

import pytest
from pydantic import ValidationError

from pet_mtl.suite.task import DataSpec, SplitSpec, TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer

VERBALIZER = Verbalizer(labels=("0", "1"), words=(("坏",), ("好",)), source="v.txt", lines=(1, 2))
TASK = TaskSpec(
    name="a",
    patterns=("{mask}{text}",),
    verbalizer=VERBALIZER,
    columns={"id": 0, "text": 1, "pair": 2, "label": 3},
    data=DataSpec(train=("x",), dev=SplitSpec(split=0.1)),
)


def test_fields_leave_label_and_id_out() -> None:
    assert TASK.fields == ("text", "pair")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"train": "a"}, DataSpec(train=("a",))),
        ({"train": ["a", "b"], "dev": "c"}, DataSpec(train=("a", "b"), dev=("c",))),
        ({"train": "a", "dev": {"split": 0.1}}, DataSpec(train=("a",), dev=SplitSpec(split=0.1))),
        ({"train": "a", "dev": None, "test": None}, DataSpec(train=("a",))),
        (
            {"train": "a", "test": "t", "unlabelled": ["u"]},
            DataSpec(train=("a",), test=("t",), unlabelled=("u",)),
        ),
    ],
)
def test_data_may_be_one_text_or_a_list(value: dict[str, object], expected: DataSpec) -> None:
    assert DataSpec.model_validate(value) == expected
    assert DataSpec.model_validate(json.loads(expected.model_dump_json())) == expected


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"train": []},
        {"train": ""},
        {"train": [1]},
        {"train": "a", "dev": []},
        {"train": "a", "dev": 3},
        {"train": "a", "dev": {"split": 0}},
        {"train": "a", "dev": {"split": 1}},
        {"train": "a", "dev": {"split": "0.1"}},
        {"train": "a", "dev": {}},
        {"train": "a", "deev": "x"},
    ],
)
def test_invalid_data(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DataSpec.model_validate(value)


def test_json_round_trip() -> None:
    assert TaskSpec.model_validate(json.loads(TASK.model_dump_json())) == TASK
    named = TASK.model_copy(update={"columns": {"text": "sentence", "label": "target"}})
    assert TaskSpec.model_validate(json.loads(named.model_dump_json())) == named


def test_none_of_the_labels_has_a_name_of_its_own() -> None:
    verbalizer = Verbalizer(labels=("no", "(no)"), words=(("坏",), ("好",)))
    task = TaskSpec.model_validate(
        {**TASK.model_dump(), "kind": "multi_label", "metric": "macro_f1", "no": "无"}
        | {"verbalizer": verbalizer}
    )
    assert task.readings.labels == ("no", "(no)", "((no))")
