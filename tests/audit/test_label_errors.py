"""Confident learning against the definition, a row at a time."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pet_mtl.audit import label_errors
from pet_mtl.audit.label_errors import suspects

DRAW = np.random.default_rng(11)


def slow(p: np.ndarray, labels: np.ndarray) -> dict[int, int]:
    """Return the suspected rows and what is suggested for them."""
    thresholds = {
        j: np.mean([p[i, j] for i in range(len(p)) if labels[i] == j]) for j in set(labels.tolist())
    }
    found = {}
    for i in range(len(p)):
        sure = [j for j, least in thresholds.items() if p[i, j] >= least]
        if sure:
            best = max(sure, key=lambda j: p[i, j])
            if best != labels[i]:
                found[i] = best
    return found


@pytest.mark.parametrize("labels", [2, 5])
def test_the_definition(labels: int) -> None:
    p = DRAW.dirichlet(np.full(labels, 0.4), size=200).astype(np.float32)
    given = DRAW.integers(labels - 1, size=200)  # the last label has no rows
    found, wanted = suspects(p, given), slow(p.astype(np.float64), given)
    assert dict(zip(found.rows.tolist(), found.suggested.tolist(), strict=True)) == wanted
    margins = [p[row, given[row]] - p[row, wanted[row]] for row in found.rows.tolist()]
    assert margins == sorted(margins)


def test_flipped_labels_of_a_sure_model_are_found_exactly() -> None:
    true = DRAW.integers(4, size=300)
    p = np.full((300, 4), 0.02, np.float32)
    p[np.arange(300), true] = 0.94
    given, flipped = true.copy(), DRAW.choice(300, 15, replace=False)
    given[flipped] = (given[flipped] + 1) % 4
    found = suspects(p, given)
    assert sorted(found.rows.tolist()) == sorted(flipped.tolist())
    assert found.suggested.tolist() == true[found.rows].tolist()


def test_no_rows() -> None:
    assert suspects(np.empty((0, 3), np.float32), np.empty(0, np.int64)).rows.tolist() == []


def test_a_row_is_judged_by_those_that_did_not_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows, two checkpoints: one saw the first, both saw the second, none the third."""
    from pet_mtl.data.keys import row_keys
    from pet_mtl.data.rows import Rows

    task: Any = SimpleNamespace(
        name="t", verbalizer=SimpleNamespace(labels=("a", "b")), fields=("text",)
    )
    other: Any = SimpleNamespace(
        name="t", verbalizer=SimpleNamespace(labels=("b", "a")), fields=("text",)
    )
    monkeypatch.setattr(
        label_errors,
        "kind_of",
        lambda _: SimpleNamespace(probabilities=lambda log_probs: np.exp(log_probs)),
    )
    rows = Rows.of({"text": ["一", "二", "三"]}, labels=[0, 0, 0])
    keys = row_keys(rows)

    def asked(spec: Any, p: list[float], seen: list[int]) -> Any:
        loaded = SimpleNamespace(
            suite=SimpleNamespace(tasks={"t": spec}),
            log_probs=lambda rows, title: {"t": np.log(np.tile(p, (len(rows["t"]), 1)))},
        )
        return SimpleNamespace(loaded=loaded, trained={"t": np.sort(keys[seen])})

    p, seen = label_errors._probabilities(
        task, rows, [asked(task, [0.9, 0.1], [0, 1]), asked(other, [0.4, 0.6], [1])]
    )
    assert seen.tolist() == [False, True, False]
    assert p == pytest.approx(np.array([[0.6, 0.4], [0.75, 0.25], [0.75, 0.25]]))


def test_columns_in_another_order_are_known_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint's task has them as premise and hypothesis, the checked one the other way."""
    from pet_mtl.data.keys import row_keys
    from pet_mtl.data.rows import Rows

    labels = SimpleNamespace(labels=("a", "b"))
    task: Any = SimpleNamespace(name="t", verbalizer=labels, fields=("two", "one"))
    theirs: Any = SimpleNamespace(name="t", verbalizer=labels, fields=("one", "two"))
    monkeypatch.setattr(label_errors, "kind_of", lambda _: SimpleNamespace(probabilities=np.exp))
    keys = row_keys(Rows.of({"one": ["一"], "two": ["二"]}))
    loaded = SimpleNamespace(
        suite=SimpleNamespace(tasks={"t": theirs}),
        log_probs=lambda rows, title: {"t": np.zeros((len(rows["t"]), 2))},
    )
    rows = Rows.of({"two": ["二", "三"], "one": ["一", "二"]}, labels=[0, 1])
    asked: Any = SimpleNamespace(loaded=loaded, trained={"t": keys})
    assert label_errors._probabilities(task, rows, [asked])[1].tolist() == [True, False]
