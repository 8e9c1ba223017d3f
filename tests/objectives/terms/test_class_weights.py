import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from pet_mtl.objectives.terms import TaskScores
from pet_mtl.objectives.terms.class_weights import ClassWeights, build
from pet_mtl.suite.losses import ClassWeightsSettings

COUNTS = [np.array([40, 10, 0]), np.array([5, 5])]


@pytest.mark.parametrize("beta", [0.25, 0.5, 1.0])
def test_the_formula_for_each_form(beta: float) -> None:
    """w_c = n_c^-β over its mean over the rows; a label without rows counts as one row."""
    weights = ClassWeights(beta, COUNTS)
    raw = [40**-beta, 10**-beta, 1.0]
    mean = (40 * raw[0] + 10 * raw[1]) / 50
    found = weights.factors(TaskScores(0, torch.tensor([2, 0, 1, 0]), torch.zeros(4, 3)))
    assert found.tolist() == pytest.approx([raw[label] / mean for label in (2, 0, 1, 0)])
    rows = torch.tensor([0] * 40 + [1] * 10)
    of_rows = weights.factors(TaskScores(0, rows, torch.zeros(50, 3)))
    assert of_rows.mean() == pytest.approx(1)
    if beta == 1:
        balanced = compute_class_weight("balanced", classes=np.arange(2), y=rows.numpy())
        assert found[1:3].tolist() == pytest.approx(balanced.tolist())
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
