from pathlib import Path

import numpy as np
import pytest
import toys

from pet_mtl.comparison.cell import CellResult
from pet_mtl.comparison.page import compare_markdown, compare_page, write_pages
from pet_mtl.comparison.plan import Cell
from pet_mtl.comparison.summary import summarize
from pet_mtl.comparison.table import markdown, sheets
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite

GOLD = np.array([0, 1] * 20)
SUITE = Suite(
    name="s",
    model="m",
    tasks={"a": toys.make_task("{one}{mask}", {"0": ["好"], "1": ["坏"]}, name="a")},
    train=TrainSettings(),
    sampling=SamplingSettings(),
    source="s.yaml",
    base="/",
)


def result(wrong: int, *, steps: int = 1) -> CellResult:
    """A cell that is wrong on its first rows."""
    predicted = np.where(np.arange(len(GOLD)) < wrong, 1 - GOLD, GOLD)
    return CellResult(
        scores={"a": float((predicted == GOLD).mean())},
        predicted={"a": predicted.tolist()},
        parameters={"all": 1, "task_specific": 0, "task_specific_share": 0},
        rows=8,
        steps=steps,
        seconds=1.0,
        samples_per_second=1.0,
        peak_memory_gb=None,
    )


def test_pages_name_no_folder_of_the_machine(tmp_path: Path) -> None:
    suite = SUITE.model_copy(update={"model": "/home/me/models/own"})
    write_pages(
        tmp_path, summarize(suite, ["pet"], {"a": GOLD}, {Cell("pet", 8, 1): result(3)}, {})
    )
    for name in ("compare.html", "compare.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "own" in text
        assert "/home" not in text


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
    found = summarize(SUITE, ["pet", "heads", "cln"], {"a": GOLD}, results, {})
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


def test_figures_are_named_where_they_differ() -> None:
    pair = toys.make_task("{one}{mask}", {"0": ["好"], "1": ["坏"]}, name="b", kind="similarity")
    suite = SUITE.model_copy(update={"tasks": {**SUITE.tasks, "b": pair}})
    gold, more = {"a": GOLD, "b": GOLD.astype(np.float32)}, result(3)
    both = more.model_copy(
        update={
            "scores": {**more.scores, "b": -0.2},
            "predicted": {**more.predicted, "b": [0.5] * len(GOLD)},
        }
    )
    found = summarize(
        suite, ["pet", "heads"], gold, {Cell(m, 8, 1): both for m in ("pet", "heads")}, {}
    )
    assert "dev macro-F1 (b: Pearson), mean ± sd over 1 seed; " in compare_markdown(found)
    plain = found.to_json()
    assert plain["metrics"] == {"a": "macro_f1", "b": "pearson"}
    assert plain["entries"][0]["mean_score"]["mean"] == pytest.approx((37 / 40 - 0.2) / 2)
    assert plain["entries"][1]["difference"] == {"mean": 0.0, "ci95": [0.0, 0.0]}


def test_costs_are_those_of_the_middle_seed() -> None:
    """Early stopping gives each seed steps of its own."""
    results = {
        Cell("pet", 8, seed): result(2, steps=steps) for seed, steps in enumerate((90, 20, 40))
    }
    found = summarize(SUITE, ["pet"], {"a": GOLD}, results, {})
    entry = found.entry("pet", 8)
    assert entry is not None
    assert (entry.rows, entry.steps) == (8, 40)
    assert "| 8 | 40 |" in markdown(sheets(found)[1])


def test_only_tasks_alone_are_done() -> None:
    """Each joint run failed, or another process has it in hand."""
    alone = {Cell("pet", 8, 1, "a"): result(2)}
    found = summarize(SUITE, ["pet"], {"a": GOLD}, alone, {Cell("pet", 8, 1): "it diverged"})
    page = compare_page(found)
    assert "it diverged" in page
    assert page.count('<div class="scroll wide" tabindex="0" role="region" aria-label="') == 2
    failed = "## Failed\n- pet, 8 rows a label, seed 1, all tasks: it diverged\n"
    assert compare_markdown(found).endswith(f"\n\n{failed}")
    assert "Learning curves" not in page
    assert [sheet.rows for sheet in sheets(found)] == [[], []]
