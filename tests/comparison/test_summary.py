import numpy as np
import pytest
import toys

from pet_mtl.comparison.cell import CellResult
from pet_mtl.comparison.plan import Cell
from pet_mtl.comparison.summary import summarize
from pet_mtl.comparison.table import markdown, sheets
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite

GOLD = np.array([0, 1] * 20)


def result(wrong: int) -> CellResult:
    """A cell that is wrong on its first rows."""
    predicted = np.where(np.arange(len(GOLD)) < wrong, 1 - GOLD, GOLD)
    return CellResult(
        macro_f1={"a": float((predicted == GOLD).mean())},
        predicted={"a": predicted.tolist()},
        parameters={"all": 1, "task_specific": 0, "task_specific_share": 0},
        rows=8,
        steps=1,
        seconds=1.0,
        samples_per_second=1.0,
        peak_memory_gb=None,
    )


def test_a_missing_seed_is_no_difference() -> None:
    """Seeds differ much and methods not at all: what one method lacks must not count for it."""
    results = {
        Cell("pet", 8, 1): result(2),
        Cell("pet", 8, 2): result(18),
        Cell("heads", 8, 1): result(2),
        Cell("cln", 8, 3): result(2),
        Cell("pet", 8, 2, "a"): result(18),
        Cell("heads", 8, 3, "a"): result(0),
    }
    suite = Suite(
        name="s",
        model="m",
        tasks={"a": toys.make_task("{one}{mask}", {"0": ["好"], "1": ["坏"]}, name="a")},
        train=TrainSettings(),
        sampling=SamplingSettings(),
        source="s.yaml",
        base="/",
    )
    found = summarize(suite, ["pet", "heads", "cln"], {"a": GOLD}, results, {})
    heads, cln = found.entry("heads", 8), found.entry("cln", 8)
    assert heads is not None
    assert cln is not None
    assert heads.difference is not None
    assert heads.difference.mean == pytest.approx(0)
    assert cln.difference is None  # no seed in common
    assert [one.gain and one.gain.mean for one in found.joining] == [0, None]
    scores, _, joining = map(markdown, sheets(found))
    assert "| heads (1 of 3 seeds) |" in scores
    assert "(1 of 3 seeds) | – |" in joining
