from typing import Any

import pytest

from pet_mtl.errors import ProblemList
from pet_mtl.suite.overrides import apply_overrides
from pet_mtl.suite.yaml_file import Document


def document() -> Document:
    tree: dict[str, Any] = {
        "model": "zh-mini",
        "train": None,
        "tasks": {
            "tnews": {"prefix": "a", "patterns": ["{mask}{t}"], "data": {"train": "x", "dev": "y"}}
        },
    }
    lines = {
        ("model",): 1,
        ("train",): 2,
        ("tasks", "tnews", "patterns"): 3,
        ("tasks", "tnews", "patterns", 0): 4,
    }
    return Document("x.yaml", tree, {(): 1, **lines})


def apply(*overrides: str) -> tuple[Document, list[str]]:
    problems = ProblemList()
    target = document()
    apply_overrides(target, overrides, problems)
    return target, [str(problem) for problem in problems.problems]


def test_values_land_and_know_their_place() -> None:
    target, problems = apply(
        "model=a=b",
        "train.epochs=5",
        "tasks.tnews.patterns.0=好{mask}{t}",
        "sampling.temperature=1",
    )
    assert problems == []
    assert target.tree["model"] == "a=b"
    assert target.tree["train"] == {"epochs": 5}
    assert target.tree["tasks"]["tnews"]["patterns"] == ["好{mask}{t}"]
    assert target.tree["sampling"] == {"temperature": 1}
    assert target.where(("model",)) == "-s model=a=b"
    assert (
        target.where(("tasks", "tnews", "patterns", 0)) == "-s tasks.tnews.patterns.0=好{mask}{t}"
    )
    assert target.where(("tasks", "tnews", "patterns", 1)) == "x.yaml:3"
    assert target.where(("sampling",)) == "-s sampling.temperature=1"


def test_the_last_one_wins() -> None:
    target, _ = apply("train.epochs=5", "train.epochs=6")
    assert target.tree["train"] == {"epochs": 6}
    assert target.where(("train", "epochs")) == "-s train.epochs=6"


def test_a_replaced_section_forgets_its_lines() -> None:
    target, _ = apply("tasks.tnews.patterns=[a, b]")
    assert target.tree["tasks"]["tnews"]["patterns"] == ["a", "b"]
    assert target.where(("tasks", "tnews", "patterns", 0)) == "-s tasks.tnews.patterns=[a, b]"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train.epochs",
            (
                "-s train.epochs: not of the form `key=value`\n  hint: for example: -s "
                "train.epochs=5"
            ),
        ),
        ("=5", "-s =5: not of the form"),
        ("tasks.tnews.prefix=a\udcff", "-s tasks.tnews.prefix=a\\udcff: not UTF-8\n  hint: set"),
        ("train..epochs=5", "-s train..epochs=5: not of the form"),
        (
            "tasks.tnew.prefix=x",
            "-s tasks.tnew.prefix=x: no task `tnew`\n  hint: did you mean `tnews`?",
        ),
        (
            "model.x=1",
            (
                "-s model.x=1: `model` is a single value, it has no key `x`\n  hint: "
                "replace it: -s model=VALUE"
            ),
        ),
        (
            "tasks.tnews.data.dev.split=0.2",
            (
                "-s tasks.tnews.data.dev.split=0.2: `tasks.tnews.data.dev` is a single value, it "
                "has no key `split`\n  hint: replace it: -s tasks.tnews.data.dev={split: …}"
            ),
        ),
        (
            "tasks.tnews.patterns.1=x",
            "-s tasks.tnews.patterns.1=x: `tasks.tnews.patterns` has no item `1`",
        ),
        (
            f"tasks.tnews.patterns.{'1' * 5000}=x",
            "-s tasks.tnews.patterns.1111",
        ),
        (
            "tasks.tnews.verbalizer={1: 好, 1: 坏}",
            "-s tasks.tnews.verbalizer={1: 好, 1: 坏}: duplicate key `1`, first on line 1\n"
            "  hint: keep one of the two",
        ),
        (
            "tasks.tnews.patterns.x=x",
            "-s tasks.tnews.patterns.x=x: `tasks.tnews.patterns` has no item `x`",
        ),
    ],
)
def test_wrong_overrides(override: str, message: str) -> None:
    target, problems = apply(override, "train.seed=1")
    assert len(problems) == 1
    assert problems[0].startswith(message)
    assert target.tree["train"] == {"seed": 1}


def test_one_text_is_a_list_of_one() -> None:
    target, problems = apply(
        "tasks.tnews.patterns={mask}{t}", "tasks.tnews.patterns.0=x", "tasks.tnews.data.train.0=y"
    )
    assert problems == []
    assert target.tree["tasks"]["tnews"]["patterns"] == ["x"]
    assert target.tree["tasks"]["tnews"]["data"]["train"] == ["y"]
    assert target.where(("tasks", "tnews", "patterns", 0)) == "-s tasks.tnews.patterns.0=x"
    _, problems = apply("tasks.tnews.data.train.1=y")
    assert problems == [
        "-s tasks.tnews.data.train.1=y: `tasks.tnews.data.train` has no item `1`\n  hint: count "
        "from 0 to 0"
    ]


def test_a_name_alone_takes_options() -> None:
    target, problems = apply(
        "method=heads",
        "method.sharing=ple",
        "tasks.tnews.verbalizer_kind=knowledgeable",
        "tasks.tnews.verbalizer_kind.keep=0.3",
    )
    assert problems == []
    assert target.tree["method"] == {"name": "heads", "sharing": "ple"}
    kind = target.tree["tasks"]["tnews"]["verbalizer_kind"]
    assert kind == {"name": "knowledgeable", "keep": 0.3}
    assert target.where(("method", "name")) == "-s method=heads"
