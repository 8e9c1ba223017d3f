"""Rows ranked for labelling, against the formulas one row at a time."""

import math
import zlib

import numpy as np
import pytest
from target_tasks import sets_task

from pet_mtl.cloze import columns
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.ranking import Order, diverse, ranking, text_vectors, uncertainty
from pet_mtl.scoring.records import Predicted

DRAW = np.random.default_rng(3)
P = DRAW.dirichlet(np.full(5, 0.5), size=40).astype(np.float32)


def slow(row: np.ndarray, by: str) -> float:
    ordered = sorted(map(float, row), reverse=True)
    if by == "margin":
        return 1 - (ordered[0] - ordered[1])
    if by == "least_confidence":
        return (1 - ordered[0]) / (1 - 1 / len(row))
    return -sum(p * math.log(p) for p in ordered if p > 0) / math.log(len(row))


@pytest.mark.parametrize("by", ["entropy", "margin", "least_confidence"])
def test_the_formulas(by: str) -> None:
    found = uncertainty(P, ranking(by))
    assert found == pytest.approx([slow(row, by) for row in P], abs=1e-5)
    ends = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    assert uncertainty(ends, ranking(by)) == pytest.approx([0, 1], abs=1e-6)


def test_sets_are_yes_or_no_for_each_label() -> None:
    p = np.array([[0.5, 1.0], [0.9, 0.2]], np.float32)
    entropy = [np.mean([slow(np.array([q, 1 - q]), "entropy") for q in row]) for row in p]
    assert uncertainty(p, "entropy", sets=True) == pytest.approx(entropy, abs=1e-5)
    assert uncertainty(p, "margin", sets=True) == pytest.approx([1.0, 0.4], abs=1e-5)


def test_a_label_of_a_set_is_in_doubt_at_its_threshold() -> None:
    task = sets_task(thresholds=[0.1, 0.5, 0.9])
    p = np.array([[0.5, 0.05, 0.05], [0.1, 0.9, 0.5], [0.9, 0.1, 0.9], [0.99, 0.01, 0.1]])
    rows = Rows.of({"text": list("abcd")})
    log_odds = np.log(p / (1 - p)).astype(np.float32)
    said = Predicted(task, rows, log_odds)
    (block,) = Order("margin")(iter([{"toy": said}]))
    found = block["toy"]
    assert found.rows.fields["text"].to_pylist()[:2] == ["b", "c"]  # each has a label at it
    assert found.uncertainty[:2].tolist() == pytest.approx([1, 1], abs=1e-6)
    assert found.uncertainty[2] < 0.95


def test_diversity_by_the_slow_greedy_choice() -> None:
    texts = ["".join(DRAW.choice(list("山水火土木金"), 4)) for _ in range(30)]
    rows = Rows.of({"text": texts})
    doubt = DRAW.random(30).astype(np.float32)
    vectors = text_vectors(rows)
    chosen: list[int] = []
    while len(chosen) < 8:
        left = [i for i in range(30) if i not in chosen]
        gain = {i: doubt[i] - max([0.0, *(vectors[i] @ vectors[j] for j in chosen)]) for i in left}
        chosen.append(max(left, key=lambda i: gain[i]))
    assert diverse(doubt, rows, 8).tolist() == chosen


def test_vectors_count_characters_and_pairs_of_what_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(columns, "MOST_CHARACTERS", 5)  # endless texts take no endless time
    found = text_vectors(Rows.of({"a": ["山山山水", "火" * 5 + "木" * 9], "b": ["", "山水"]}))
    each = (
        [*"山山山水", "山山", "山山", "山水"],
        [*"火火火火火", *["火火"] * 4, *"山水", "山水"],
    )
    for vector, units in zip(found, each, strict=True):
        wanted = np.zeros(512)
        for unit in units:
            wanted[zlib.crc32(unit.encode()) % 512] += 1
        np.testing.assert_allclose(vector, wanted / np.linalg.norm(wanted), rtol=1e-6)


def test_a_copy_of_the_most_doubtful_row_waits() -> None:
    rows = Rows.of({"text": ["同样的话", "同样的话", "别的事情", ""]})
    doubt = np.array([0.9, 0.9, 0.3, 0.1], np.float32)
    assert diverse(doubt, rows, 9).tolist() == [0, 2, 3, 1]


@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_each_chosen_row_has_the_highest_gain_of_all(levels: int) -> None:
    """With copies and equal doubts; not all rows are compared each time."""
    draw = np.random.default_rng(levels)
    rows = Rows.of({"text": ["".join(draw.choice(list("山水火土"), n % 6)) for n in range(150)]})
    doubt = (draw.integers(levels, size=150) / levels).astype(np.float32)
    vectors, left, likeness = text_vectors(rows), doubt.copy(), np.zeros(150, np.float32)
    found = diverse(doubt, rows, 60).tolist()
    assert len(found) == len({*found}) == 60
    for row in found:
        assert left[row] - likeness[row] >= (left - likeness).max() - 1e-5
        left[row] = -np.inf
        likeness = np.maximum(likeness, vectors @ vectors[row])


def test_an_unknown_ranking() -> None:
    with pytest.raises(PetMtlError, match="unknown ranking `luck`"):
        ranking("luck")
