from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.objectives.terms import Piece, TaskScores
from pet_mtl.objectives.terms.shared_private import (
    Orthogonality,
    SharedAdversary,
    build_sharing_terms,
)

TASKS = ["a", "b", "a"]


class FakeBatch:
    def __init__(self, groups: list[Tensor]) -> None:
        self.groups = [FakeGroup(items) for items in groups]


class FakeGroup:
    def __init__(self, items: Tensor) -> None:
        self.items = items


def piece(features: Tensor) -> tuple[Piece, list[int]]:
    """Return seven rows of three forms, mixed, and the task of each."""
    items = [torch.tensor([0, 3, 5]), torch.tensor([1, 4]), torch.tensor([6, 2])]
    rows = [
        TaskScores(
            form,
            torch.zeros(len(i), dtype=torch.long),
            torch.zeros(len(i), 2),
            hidden=features[i][:, None],
        )
        for form, i in enumerate(items)
    ]
    batch: Any = FakeBatch(items)
    reader: Any = None
    return Piece(batch, rows, reader, progress=0.5), [0, 1, 0, 0, 1, 0, 0]


def test_the_parts_orthogonality_is_that_of_their_matrices() -> None:
    shared, private = nn.Linear(6, 4), [nn.Linear(6, 4), nn.Linear(6, 4)]
    features = torch.randn(7, 6)
    term = Orthogonality(0.3, TASKS, shared, private)
    of_piece, tasks = piece(features)
    found = term.piece_losses(of_piece)
    wanted = torch.zeros(())
    for task in (0, 1):
        rows = features[[i for i, t in enumerate(tasks) if t == task]]
        s, p = (F.normalize(part(rows), dim=1) for part in (shared, private[task]))
        wanted = wanted + 0.3 * (s.T @ p).square().sum()
    torch.testing.assert_close(found.sum(), wanted)


def test_parts_that_never_fire_together_cost_nothing() -> None:
    term = Orthogonality(1.0, ["a"], nn.Identity(), [nn.Identity()])
    s, p = torch.tensor([[1.0, 0], [1.0, 0]]), torch.tensor([[0.0, 1], [0.0, -1]])
    states = torch.cat([s, p], 1)
    assert term.step_losses(states, torch.zeros(2, dtype=torch.long)).tolist() == [0, 0]


def test_the_discriminator_reads_the_shared_part_which_learns_against_it() -> None:
    shared = nn.Linear(6, 4)
    term = SharedAdversary(0.2, TASKS, shared, 4, 1e-3)
    features = torch.randn(7, 6, requires_grad=True)
    of_piece, tasks = piece(features)
    losses = term.piece_losses(of_piece)
    wanted = F.cross_entropy(term.layers(shared(features)), torch.tensor(tasks), reduction="none")
    torch.testing.assert_close(losses, wanted)
    own, model = list(term.parameters()), [*shared.parameters(), features]
    assert len(own) == 4  # not the shared part's
    got = torch.autograd.grad(losses.sum(), [*own, *model])
    plain = torch.autograd.grad(wanted.sum(), [*own, *model])
    for number, (one, other) in enumerate(zip(got, plain, strict=True)):
        torch.testing.assert_close(one, other * (1.0 if number < 4 else -0.2))


@pytest.mark.parametrize(
    ("adversarial", "orthogonality", "names"),
    [(0.0, 0.0, []), (0.1, 0.0, ["adversary"]), (0.1, 0.2, ["adversary", "orthogonality"])],
)
def test_weights_of_0_are_no_terms(
    adversarial: float, orthogonality: float, names: list[str]
) -> None:
    made = build_sharing_terms(
        TASKS,
        nn.Identity(),
        [nn.Identity()] * 2,
        4,
        adversarial=adversarial,
        orthogonality=orthogonality,
        learning_rate=1e-3,
    )
    assert list(made) == names
