"""`pet-mtl score --engine openprompt`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.compat import openprompt_import

Call = Callable[..., Any]
installed = pytest.mark.skipif(
    bool(openprompt_import.missing_packages()), reason=openprompt_import.INSTALL
)


@installed
def test_same_scores_on_the_same_rows(call: Call, checkpoint: Path) -> None:
    ours, theirs = (
        call("score", checkpoint, "--json", "--engine", engine).json["checkpoints"][0]
        for engine in ("pet-mtl", "openprompt")
    )
    assert theirs["tasks"]["topic"] == ours["tasks"]["topic"]  # words of one piece
    assert theirs["tasks"]["pair"]["examples"] == ours["tasks"]["pair"]["examples"]
    assert set(theirs) == set(ours)
    assert theirs["parameters"] == ours["parameters"]


@installed
def test_several_pieces_are_said(call: Call, checkpoint: Path) -> None:
    ran = call("score", checkpoint, "--engine", "openprompt")
    assert ran.code == 0, ran.err
    assert (
        "warning: pair: OpenPrompt's scores differ: 1 of 3 label words have several pieces"
        in ran.err
    )
    assert "warning: topic" not in ran.err


@installed
def test_without_training(call: Call, suite: Path, backbone: Path) -> None:
    ran = call(
        "score",
        backbone,
        "--patterns",
        suite,
        "--json",
        "--engine",
        "openprompt",
        "--calibration",
        "prior",
    )
    assert ran.code == 0, ran.err
    ours = call("score", backbone, "--patterns", suite, "--json", "--calibration", "prior")
    of_topic = [run.json["checkpoints"][0]["tasks"]["topic"] for run in (ran, ours)]
    assert of_topic[0] == of_topic[1]
    assert "calibration" in of_topic[0]


def test_missing_package(
    refuse: Callable[..., str], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openprompt_import, "_NEEDS", ("openprompt_that_is_missing",))
    words = refuse("score", checkpoint, "--engine", "openprompt")
    assert words.startswith(
        "error: `openprompt_that_is_missing` not installed\n  hint: install it: pip install "
    )
