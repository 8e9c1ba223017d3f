import numpy as np
import pytest

from pet_mtl.distillation.generations import choose_others, confident_rows, grown_by


def test_the_surest_rows_of_each_label_in_the_shares_of_the_training_rows() -> None:
    draw = np.random.default_rng(1)
    probs = draw.dirichlet(np.ones(3), 400).astype(np.float32)
    probs[5] = np.nan
    labels = np.array([0] * 6 + [1] * 3 + [2] + [-1] * 4)
    rows, found = confident_rows(probs, labels, 100)
    assert np.bincount(found).tolist() == [60, 30, 10]
    assert 5 not in rows
    said = np.nan_to_num(probs).argmax(1)
    assert np.array_equal(said[rows], found)
    for label in range(3):
        taken = probs[rows[found == label], label]
        left = np.setdiff1d(np.flatnonzero(said == label), [*rows, 5])
        assert taken.min() >= probs[left, label].max()


def test_a_label_that_is_rarely_given() -> None:
    probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]], np.float32)
    rows, found = confident_rows(probs, np.array([0, 1]), 4)
    assert (rows.tolist(), found.tolist()) == ([0, 1, 2], [0, 0, 1])


@pytest.mark.parametrize(("teachers", "count"), [(2, 1), (5, 1), (9, 2), (13, 3)])
def test_others(teachers: int, count: int) -> None:
    drawn = [choose_others(teachers, own, 3, 1) for own in range(teachers)]
    for own, others in enumerate(drawn):
        assert len(set(others)) == count
        assert own not in others
        assert others == choose_others(teachers, own, 3, 1)
    if teachers > 4:
        assert drawn != [choose_others(teachers, own, 3, 2) for own in range(teachers)]
        assert drawn != [choose_others(teachers, own, 4, 1) for own in range(teachers)]


def test_growth() -> None:
    assert [10 + grown_by(10, 5.0, g) for g in (1, 2, 3)] == [50, 250, 1250]
