"""`pet-mtl compare` from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def test_compare(call: Call, suite: Path) -> None:
    wanted = [
        "compare",
        "--patterns",
        suite,
        "--seeds",
        "1",
        "--shots",
        "0,2",
        "--few-shot-steps",
        "2",
        "--out",
        "out",
    ]
    ran = call(*wanted, "--methods", "pet,cln", "--single-task", "--json")
    assert ran.code == 0, ran.err
    assert [(one["shots"], one["method"]) for one in ran.json["entries"]] == [
        (0, "pet"),
        (2, "pet"),
        (2, "cln"),
    ]
    assert len(ran.json["single_task"]) == 4
    again = call(*wanted, "--methods", "pet,cln")
    assert again.code == 0
    assert "3 of 3 cells are done" in again.err
    assert "cell 1 of" not in again.err
    for word in ("Scores", "Costs", "–", "cln"):
        assert word in again.out
    assert call(*wanted, "--methods", "pet", "-s", "train.seed=1").code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shots", "few"], "`few` is not a number of rows"),
        (["--methods", "pet,pat"], '--methods pet,pat: there is no method `"pat"`'),
        (["--methods", "heads", "--shots", "0"], "nothing to do"),
    ],
)
def test_wrong_values(
    refuse: Callable[..., str], suite: Path, arguments: list[str], words: str
) -> None:
    assert words in refuse("compare", "--patterns", suite, "--out", "out", *arguments)


def test_options_that_do_nothing_are_told(call: Call, suite: Path) -> None:
    text = suite.read_text(encoding="utf-8")
    suite.write_text(text[: text.index("  pair:")] + text[text.index("train:\n") :], "utf-8")
    wanted = ["compare", "--patterns", suite, "--methods", "pet", "--shots", "0", "--out", "out"]
    ran = call(*wanted, "--single-task", "--few-shot-steps", "7", "--seeds", "2")
    assert ran.code == 0, ran.err
    assert "warning: `--single-task` does nothing: there is one task" in ran.err
    assert "warning: `--few-shot-steps` does nothing: `--shots` names no number" in ran.err
    for option in ("--single-task", "--seeds"):
        assert f"warning: `{option}` does nothing: `--shots 0` trains nothing" in ran.err
