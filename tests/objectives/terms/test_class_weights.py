import numpy as np
import pytest
import torch

from pet_mtl.objectives.terms import TaskScores
from pet_mtl.objectives.terms.class_weights import ClassWeights, build
from pet_mtl.suite.losses import ClassWeightsSettings

COUNTS = [np.array([40, 10, 0]), np.array([5, 5])]


@pytest.mark.parametrize("beta", [0.25, 0.5, 1.0])
def test_the_formula_for_each_form(beta: float) -> None:
    """w_c = n_c^-β over the mean of all; a label without rows counts as one row."""
    weights = ClassWeights(beta, COUNTS)
    raw = [40**-beta, 10**-beta, 1.0]
    found = weights.factors(TaskScores(0, torch.tensor([2, 0, 1, 0]), torch.zeros(4, 3)))
    assert found.tolist() == pytest.approx([raw[label] / (sum(raw) / 3) for label in (2, 0, 1, 0)])
    every = weights.factors(TaskScores(0, torch.arange(3), torch.zeros(3, 3)))
    assert every.mean() == pytest.approx(1)
    assert weights.factors(TaskScores(1, torch.tensor([0, 1]), torch.zeros(2, 2))).tolist() == [
        1,
        1,
    ]


def test_beta_0_is_cross_entropy_and_no_term() -> None:
    assert ClassWeights(0.0, COUNTS).factors(
        TaskScores(0, torch.arange(3), torch.zeros(3, 3))
    ).tolist() == [1, 1, 1]
    assert build(ClassWeightsSettings(beta=0), COUNTS) is None


def test_rows_without_label_get_through() -> None:
    assert (
        ClassWeights(1.0, COUNTS)
        .factors(TaskScores(0, torch.tensor([-1]), torch.zeros(1, 3)))
        .isfinite()
        .all()
    )
