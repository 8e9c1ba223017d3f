"""Labels with hierarchical names: probabilities down the tree, scores of each level."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch.nn import functional as F

from pet_mtl.kinds import build_kind
from pet_mtl.kinds.hierarchy import Hierarchy
from pet_mtl.metrics.hierarchy import HierarchyScore
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.levels import parent_of, path_of

LABELS = ("a/x/1", "a/x/2", "a/y", "b/x", "b/z", "c")
ABOVE = ("a", "a/x", "b")
BY_LEVEL = KindSpec(labels=LABELS, levels="by_level", above=ABOVE)


def slow_log_probs(scores: list[float]) -> list[float]:
    """The obvious formula: down each path, a softmax among the siblings of each name."""
    score = dict(zip((*LABELS, *ABOVE), scores, strict=True))
    found = []
    for label in LABELS:
        total = 0.0
        for name in path_of(label, "/"):
            siblings = [one for one in score if parent_of(one, "/") == parent_of(name, "/")]
            total += score[name] - float(np.logaddexp.reduce([score[one] for one in siblings]))
        found.append(total)
    return found


def test_by_level_is_the_sum_down_the_path() -> None:
    scores = torch.randn(7, 9, generator=torch.Generator().manual_seed(0)) * 4
    kind = build_kind(BY_LEVEL)
    found = kind.log_probs(scores)
    assert kind.width(9) == 6
    expected = torch.tensor([slow_log_probs(row) for row in scores.tolist()])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(7))


def test_the_loss_is_that_of_these_probabilities() -> None:
    scores = torch.randn(5, 9, generator=torch.Generator().manual_seed(1))
    targets, kind = torch.tensor([0, 3, 5, -1, 2]), build_kind(BY_LEVEL)
    losses = kind.losses(kind.label_scores(scores), targets)
    known = targets >= 0
    expected = F.nll_loss(kind.log_probs(scores)[known], targets[known], reduction="none")
    torch.testing.assert_close(losses[known], expected)
    assert losses[3] == 0


def test_a_kind_that_predicted_first_can_be_trained() -> None:
    scores = torch.randn(2, 9, requires_grad=True)
    with torch.inference_mode():
        kind = Hierarchy(BY_LEVEL)
        kind.log_probs(scores)
    kind.loss(kind.label_scores(scores), torch.tensor([0, 3])).backward()
    assert scores.grad is not None


def test_gradient_reaches_the_names_of_the_path_and_their_siblings_only() -> None:
    scores = torch.zeros(1, 9, requires_grad=True)
    kind = build_kind(BY_LEVEL)
    kind.loss(kind.label_scores(scores), torch.tensor([3])).backward()
    assert scores.grad is not None
    moved = {name for name, g in zip((*LABELS, *ABOVE), scores.grad[0], strict=True) if g != 0}
    assert moved == {"b/x", "b/z", "a", "b", "c"}


def test_a_flat_tree_is_classification() -> None:
    scores = torch.randn(4, 6, generator=torch.Generator().manual_seed(2))
    joint = build_kind(KindSpec(labels=LABELS, levels="joint"))
    assert isinstance(joint, Hierarchy)
    torch.testing.assert_close(joint.log_probs(scores), scores.log_softmax(-1))
    assert joint.width(6) == 6


@pytest.mark.parametrize("spec", [BY_LEVEL, KindSpec(labels=LABELS, levels="joint")])
def test_each_level_is_scored_as_scikit_learn_does(spec: KindSpec) -> None:
    rng = np.random.default_rng(3)
    gold, decided = rng.integers(0, 6, 80), rng.integers(0, 6, 80)
    score = build_kind(spec).score(gold, decided)
    assert isinstance(score, HierarchyScore)
    assert [one.labels for one in score.levels] == [3, 5, 6]
    for one in score.levels:
        names = [
            [path_of(LABELS[k], "/")[: one.level][-1] for k in rows] for rows in (gold, decided)
        ]
        assert one.macro_f1 == pytest.approx(metrics.f1_score(*names, average="macro"))
        assert one.accuracy == pytest.approx(metrics.accuracy_score(*names))
    assert score.levels[-1].macro_f1 == pytest.approx(score.macro_f1)
    found = score.to_json()
    assert [one["level"] for one in found["levels"]] == [1, 2, 3]
    assert {"macro_f1", "accuracy", "per_label", "confusion"} <= found.keys()
    assert score.summary().keys() == {
        "macro_f1",
        "accuracy",
        "macro_f1_level_1",
        "macro_f1_level_2",
    }


def many_groups() -> KindSpec:
    labels = tuple(f"{group}/{leaf}" for group in range(20) for leaf in range(1 + group % 4))
    return KindSpec(labels=labels, levels="by_level", above=tuple(map(str, range(20))))


@pytest.mark.parametrize("spread", [0.0, 2.0, 200.0])
def test_values_and_gradients_of_many_groups_are_those_of_a_softmax_each(spread: float) -> None:
    spec, generator = many_groups(), torch.Generator().manual_seed(3)
    nodes = (*spec.labels, *spec.above)
    parents = [parent_of(node, "/") for node in nodes]
    plain = spread * torch.randn(6, len(nodes), generator=generator)
    wanted = torch.randn(6, len(spec.labels), generator=generator).double()
    scores, slow = (plain.double().requires_grad_() for _ in range(2))
    found = build_kind(spec).label_scores(scores)
    own = {}
    for parent in set(parents):
        siblings = [place for place, of in enumerate(parents) if of == parent]
        for place, column in zip(siblings, slow[:, siblings].log_softmax(-1).T, strict=True):
            own[nodes[place]] = column
    expected = torch.stack([own[label] + own[label.split("/")[0]] for label in spec.labels], -1)
    torch.testing.assert_close(found, expected)
    (found * wanted).sum().backward()
    (expected * wanted).sum().backward()
    torch.testing.assert_close(scores.grad, slow.grad, rtol=1e-7, atol=1e-10)


def test_many_groups_keep_no_table_of_groups_and_names() -> None:
    spec, kept = many_groups(), []
    scores = torch.zeros(2, len(spec.labels) + 20, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        build_kind(spec).label_scores(scores)
    assert max(kept) <= 2 * scores.numel()  # paths of two names
