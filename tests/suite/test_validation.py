from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import DataSpec
from pet_mtl.suite.validation import found, name_hint, validate
from pet_mtl.suite.yaml_file import Document


def test_problems_have_place_rule_and_value() -> None:
    value = {
        "epohcs": 1,
        "epochs": "3",
        "seed": 1.5,
        "precision": "fp16",
        "warmup": -1,
        "dropout": 1,
    }
    document = Document(
        "x.yaml", {}, {(): 1, **{("train", key): line for line, key in enumerate(value, start=2)}}
    )
    problems = ProblemList()
    assert validate(TrainSettings, value, document, ("train",), problems) is None
    problems.problems.sort(key=document.order)
    assert [str(problem) for problem in problems.problems] == [
        "x.yaml:2: unknown key `epohcs`\n  hint: did you mean `epochs`?",
        'x.yaml:3: `train.epochs` must be a number, found `"3"`',
        "x.yaml:4: `train.seed` must be a whole number, found `1.5`",
        ('x.yaml:5: `train.precision` must be one of `auto`, `bf16` or `fp32`, found `"fp16"`'),
        "x.yaml:6: `train.warmup` must be at least 0, found `-1`",
        "x.yaml:7: `train.dropout` must be below 1, found `1`",
    ]


def test_a_hint_does_not_quote_what_yaml_made_of_a_text(tmp_path: Path) -> None:
    """`007` and `True` are 7 and true by then."""
    file = tmp_path / "p.yaml"
    file.write_text(
        "version: 1\nmodel: zh-mini\ntasks:\n  t:\n    prefix: 007\n    patterns: [7, true]\n"
        "    verbalizer: {a: 007, b: True}\n    columns: {text: 0, label: 1}\n    data: {train: a}\n"
    )
    with pytest.raises(PetMtlError) as caught:
        load_suite(file)
    assert [problem.hint for problem in caught.value.problems] == ["put it in quotes"] * 5


def test_whatever_a_program_gives_is_shown() -> None:
    assert found(object).startswith("`\"<class 'object'>")


def test_keys_inside_a_union_are_known() -> None:
    problems = ProblemList()
    document = Document("x.yaml", {}, {(): 1, ("d", "dev", "splt"): 5})
    assert (
        validate(DataSpec, {"train": "a", "dev": {"splt": 0.1}}, document, ("d",), problems) is None
    )
    assert sorted(map(str, problems.problems)) == [
        "x.yaml:1: `d.dev.split` is missing",
        "x.yaml:5: unknown key `splt`\n  hint: did you mean `split`?",
    ]


def test_keys_in_done_are_left_alone() -> None:
    problems = ProblemList()
    assert (
        validate(DataSpec, {"train": 3}, Document("x", {}), (), problems, frozenset({"train"}))
        is None
    )
    assert problems.problems == []


def test_valid_values_pass() -> None:
    problems = ProblemList()
    assert validate(TrainSettings, {"epochs": 2}, Document("x", {}), (), problems) == TrainSettings(
        epochs=2
    )
    assert problems.problems == []


def test_name_hint_ignores_case() -> None:
    assert name_hint("Epochs", ["epochs", "seed"]) == "did you mean `epochs`?"


def test_found() -> None:
    assert [found(value) for value in (3, True, "好", [], [1], {"a": 1}, None)] == [
        "`3`",
        "`true`",
        '`"好"`',
        "an empty list",
        "a list",
        "keys and values",
        "nothing",
    ]
