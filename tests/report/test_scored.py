import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scored_cases import kinds_suite, labels_suite, made_up
from test_page import WellFormed
from toy_kinds import write_kinds

from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import Kind, kind_of
from pet_mtl.kinds.kind import Decided, Gold
from pet_mtl.report import task_data
from pet_mtl.report.matrix import MOST_CELLS, drawn_cells
from pet_mtl.report.places import short_settings
from pet_mtl.report.scored import require_report, score_page
from pet_mtl.report.side_by_side import Column, changes, gain_over, paired
from pet_mtl.scoring.given_rows import dev_rows
from pet_mtl.scoring.records import Predicted
from pet_mtl.suite.suite import load_suite

WORDS = ("labels", "words", "lines")


def test_every_kind_stands_side_by_side(tmp_path: Path, backbone: Path) -> None:
    suite = kinds_suite(tmp_path, backbone)
    one, two = made_up(suite, "/home/me/runs/a/checkpoint", 1), made_up(suite, "b", 2, 4.0)
    html = score_page([one, two])
    page = WellFormed(html)
    for name in suite.tasks:
        assert name in page.text
        for score in (one, two):
            assert f"{score.tasks[name].main.value:.4f}" in page.text
        gain = gain_over(one, two, name)
        assert gain is not None
        assert gain.ci95 is not None
        assert str(gain) in page.text
    assert str(tmp_path) not in html
    assert "/home/me" not in html
    assert "a/checkpoint" in page.text
    assert "macro-F1" in page.text
    assert not re.search("micro_f1|macro_f1|exact_match", page.text)
    alone = WellFormed(score_page([one]))
    assert "Predicted over gold" in alone.text
    assert "Confusion matrix" in alone.text
    assert "B − A" not in alone.text


def test_sets_and_numbers_show_what_is_theirs(tmp_path: Path, backbone: Path) -> None:
    def page_of(name: str) -> str:
        suite = load_suite(write_kinds(tmp_path, backbone), only=[name])
        return WellFormed(score_page([made_up(suite, "a", 1, 0.2)])).text

    numbers, sets, labels = map(page_of, ("alike", "marks", "judged"))
    assert "the rows furthest off" in numbers
    assert "probability" not in numbers
    # the rows of a label are not those of the set that holds it alone
    assert "Worst confusions" in sets
    assert "% of gold" not in sets
    assert "% of gold" in labels
    assert "probability of the predicted label" in labels
    assert "probability of the predicted set" in sets


def _main(kind: Kind, gold: Gold, decided: Decided) -> float:
    return kind.score(gold, decided, resamples=1).main.value


def test_intervals_are_those_of_scores_on_the_same_draws(tmp_path: Path, backbone: Path) -> None:
    """The slow way: draw rows, score both, subtract."""
    suite = kinds_suite(tmp_path, backbone)
    one, two = made_up(suite, "a", 1, 1.0), made_up(suite, "b", 2, 5.0)
    draw = np.random.default_rng(0)
    for name in ("marks", "alike", "stars", "judged"):
        kind, gold = kind_of(suite.tasks[name]), one.predicted[name].rows.gold
        sides = [kind.decide(side.predicted[name].log_probs) for side in (one, two)]
        changes = []
        for _ in range(300):
            rows = draw.integers(0, len(gold), len(gold))
            first, other = (_main(kind, gold[rows], side[rows]) for side in sides)
            changes.append(other - first)
        slow = np.quantile(changes, [0.025, 0.975])
        assert kind.gain(gold, *sides) == pytest.approx(slow, abs=0.12), name
        assert kind.gain(gold, sides[0], sides[0]) == (0, 0)


def test_other_rows_have_no_interval(tmp_path: Path) -> None:
    suite = labels_suite(tmp_path, 5, rows=40)
    rows = dev_rows(suite, 0)
    fewer = {name: own.take(np.arange(30)) for name, own in rows.items()}
    moved = {name: own.take(np.roll(np.arange(40), 1)) for name, own in rows.items()}
    one = made_up(suite, "a", 1)
    for other in (made_up(suite, "b", 2, rows=fewer), made_up(suite, "b", 2, rows=moved)):
        assert not paired(one.predicted["many"], other.predicted["many"])
        gain = gain_over(one, other, "many")
        assert gain is not None
        assert gain.ci95 is None
        assert not gain.clear
        assert "Rows that changed" not in score_page([one, other])


@pytest.mark.parametrize("name", ["marks", "judged"])
def test_labels_in_another_order_are_the_same_labels(
    name: str, tmp_path: Path, backbone: Path
) -> None:
    suite = kinds_suite(tmp_path, backbone)
    one, other = made_up(suite, "a", 1, 1.0), made_up(suite, "b", 2, 5.0)
    same, own = gain_over(one, other, name), other.predicted[name]
    labels = own.task.verbalizer.labels
    order = [2, 0, 1]
    chosen = {key: tuple(getattr(own.task.verbalizer, key)[k] for k in order) for key in WORDS}
    turned = own.task.model_copy(
        update={"verbalizer": own.task.verbalizer.model_copy(update=chosen), "thresholds": None}
    )
    rows = own.rows
    if rows.targets is None:
        rows = replace(rows, labels=np.array([order.index(k) for k in range(3)])[rows.labels])
    else:
        rows = replace(rows, targets=rows.targets[:, order])
    moved = Predicted(turned, rows, own.log_probs[:, order])
    assert turned.verbalizer.labels != labels
    assert paired(one.predicted[name], moved)
    beside = replace(other, predicted={**other.predicted, name: moved})
    assert gain_over(one, beside, name) == same
    wrong = replace(rows, labels=np.roll(rows.labels, 1))
    wrong = wrong if rows.targets is None else replace(rows, targets=np.roll(rows.targets, 1, 0))
    assert not paired(one.predicted[name], replace(moved, rows=wrong))


def test_a_changed_row_is_told_by_each_one_s_own_thresholds(tmp_path: Path, backbone: Path) -> None:
    suite = kinds_suite(tmp_path, backbone)
    one, other = made_up(suite, "a", 1), made_up(suite, "b", 1)
    rows = one.predicted["shares"].rows.take(np.array([0]))
    gold = rows.gold[0] > 0
    odds = np.zeros((1, 3), np.float32)  # each label has a probability of 0.5
    fitted = [tuple(np.where(gold, 0.4, 0.6)), tuple(np.where(gold, 0.6, 0.4))]
    sides = [
        replace(side, predicted={"shares": Predicted(task, rows, odds)}, tasks={"shares": score})
        for side, thresholds in zip((one, other), fitted, strict=True)
        for task in [suite.tasks["shares"].model_copy(update={"thresholds": thresholds})]
        for score in [side.tasks["shares"]]
    ]
    page = str(changes([Column("A", sides[0]), Column("B", sides[1])], "shares"))
    labels = np.array(suite.tasks["shares"].verbalizer.labels)
    told = ["|".join(labels[chosen]) or "∅" for chosen in (gold, ~gold)]
    assert f"A: {told[0]}; B: {told[1]}" in page


def test_the_page_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    pages = []
    for rows in (6_000, 12_000):
        suite = labels_suite(tmp_path / str(rows), 30, rows=rows, text="长" * 1000)
        pages.append(score_page([made_up(suite, "a", 1, 1.0)]))
    assert len(pages[1]) < 1.1 * len(pages[0]) < 2_500_000
    assert "kept are those of the 200 most frequent of" in pages[1]


def test_a_scatter_says_how_many_rows_it_shows(
    tmp_path: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [made_up(kinds_suite(tmp_path, backbone), "a", 1)]
    rows = scores[0].tasks["alike"].examples
    assert "evenly spaced" not in score_page(scores)
    monkeypatch.setattr(task_data, "POINTS", 5)
    page = score_page(scores)
    assert f"5 of {rows} rows, evenly spaced" in page
    assert page.count("<title>gold ") == 5


def test_of_many_cells_the_diagonal_and_the_most_frequent_are_drawn() -> None:
    size = 70
    confusion = [[2 if (i + j) % 2 else 1 for j in range(size)] for i in range(size)]
    kept, left_out = drawn_cells(confusion)
    assert len(kept) == MOST_CELLS
    assert left_out == size * size - MOST_CELLS
    assert {(k, k) for k in range(size)} < set(kept)
    misses = [confusion[i][j] for i, j in kept if i != j]
    assert misses == [2] * (MOST_CELLS - size)
    assert kept == sorted(kept)


def test_settings_name_no_folder_of_the_machine() -> None:
    found = short_settings({"a": "/home/me/x", "b": ["C:\\data\\y", 3, None], "c": {"d": "e/f"}})
    assert found == {"a": "x", "b": ["y", 3, None], "c": {"d": "e/f"}}


def test_a_page_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, what in (
        (tmp_path, "this is a folder"),
        (tmp_path / "file" / "page.html", "file"),
    ):
        with pytest.raises(PetMtlError, match=what) as error:
            require_report(path)
        assert "--report" in str(error.value)
    require_report(tmp_path / "new" / "page.html")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
