"""One of the labels: against torch's and numpy's own formulas, and what files and Python hold."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import make_task, piece_tokenizer

from pet_mtl.kinds import Prediction, build_kind, kind_of, kind_of_form
from pet_mtl.suite.kind import KINDS, KindSpec

KIND = build_kind(KindSpec(labels=("a", "b", "c")))


def random_scores(rows: int = 7) -> torch.Tensor:
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_is_cross_entropy_and_rows_without_a_label_cost_nothing(smoothing: float) -> None:
    scores, labels = random_scores(), torch.tensor([0, 1, 2, -1, 1, 0, -1])
    known = labels >= 0
    expected = F.cross_entropy(scores[known], labels[known], label_smoothing=smoothing)
    losses = KIND.losses(scores, labels, smoothing)
    assert losses[~known].tolist() == [0, 0]
    torch.testing.assert_close(losses[known].mean(), expected)
    torch.testing.assert_close(KIND.loss(scores, labels, smoothing) / 5, expected)


def test_a_sure_teacher_is_a_label() -> None:
    scores, labels = random_scores(), torch.tensor([0, 1, 2, 2, 1, 0, 0])
    weights = torch.arange(1.0, 8.0)
    of_teacher = KIND.teacher_loss(scores, F.one_hot(labels, 3).float(), weights)
    torch.testing.assert_close(of_teacher, (weights * KIND.losses(scores, labels)).sum())


def test_patterns_are_averaged_by_their_weights() -> None:
    each = np.stack([KIND.log_probs(random_scores()).numpy(), KIND.log_probs(-random_scores())])
    for weights in ([1, 1], [3, 1]):
        mean = np.average(each, axis=0, weights=weights)
        expected = mean - np.log(np.exp(mean).sum(-1, keepdims=True))
        found = KIND.average(each, np.array(weights, np.float32))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_allclose(KIND.probabilities(found).sum(-1), 1, atol=1e-6)


def test_the_likeliest_label_is_chosen_and_told() -> None:
    log_probs = np.log(np.array([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]], np.float32))
    decided = KIND.decide(log_probs)
    assert decided.tolist() == [1, 0]
    assert KIND.right(np.array([1, 2]), decided).tolist() == [True, False]
    assert KIND.score(np.array([1, 2]), decided).value("accuracy") == 0.5
    cells = list(KIND.cells(log_probs))
    assert [cell["label"] for cell in cells] == ["b", "a"]
    assert cells[0]["probability"] == pytest.approx(0.7)
    first = KIND.predictions(log_probs)[0]
    assert isinstance(first, Prediction)
    assert (first.label, first.probability) == ("b", pytest.approx(0.7))
    assert first.probabilities == pytest.approx({"a": 0.2, "b": 0.7, "c": 0.1})


def test_a_form_knows_its_kind() -> None:
    from pet_mtl.cloze.form import compile_forms

    task = make_task("{mask}。{text}", {"x": ["好"], "y": ["坏"]})
    (form,) = compile_forms(task, piece_tokenizer("wordpiece"), 40).forms
    assert kind_of_form(form) is kind_of(task)
    assert kind_of(task).spec.labels == ("x", "y")


def test_each_kind_has_its_maths_and_its_facts() -> None:
    for name, facts in KINDS.items():
        kind = build_kind(KindSpec(name, ("1", "2")))  # type: ignore[arg-type]
        assert kind.spec.facts is facts
        assert facts.metrics
