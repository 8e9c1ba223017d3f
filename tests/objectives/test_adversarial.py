import pytest
import torch
from torch import Tensor, nn

from pet_mtl.objectives.adversarial import Lookups, move, word_tables


class Tied(nn.Module):
    """Score words by the table that they are looked up in, as masked language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 4)
        self.mix = nn.Linear(4, 4)

    def forward(self, ids: Tensor) -> Tensor:
        return self.after(self.words(ids))

    def after(self, inputs: Tensor) -> Tensor:
        scores: Tensor = torch.tanh(self.mix(inputs)).mean(1) @ self.words.weight.T
        return scores


def test_each_sequence_is_moved_along_the_gradient_of_its_inputs_alone() -> None:
    """Against sequences one by one, with the gradient of a leaf in the place of what is looked
    up."""
    model, ids, labels = Tied(), torch.randint(50, (6, 3)), torch.randint(50, (6,))
    lookups = Lookups(word_tables(model, 50))
    with lookups.watched():
        nn.functional.cross_entropy(model(ids), labels, reduction="sum").mul(0.25).backward()
    with lookups.moved(0.7):
        found = model(ids)
    for row in range(6):
        leaf = model.words(ids[row : row + 1]).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(
            nn.functional.cross_entropy(model.after(leaf), labels[row : row + 1]), leaf
        )
        wanted = model.after(leaf + 0.7 * gradient / gradient.norm())
        torch.testing.assert_close(found[row : row + 1], wanted)
        assert move(gradient, 0.7).norm() == pytest.approx(0.7)
    assert torch.equal(model(ids), model.after(model.words(ids)))  # nothing is left behind


def test_tied_output_rows_count_for_nothing() -> None:
    """The table has a gradient from the output layer too: neither direction nor size of the move
    depend on it."""
    model, ids = Tied(), torch.tensor([[1, 2]])
    lookups = Lookups(word_tables(model, 50))
    before = model.words.weight.detach().clone()
    with lookups.watched():
        nn.functional.cross_entropy(model(ids), torch.tensor([7])).backward()
    assert model.words.weight.grad is not None
    assert model.words.weight.grad[3:].norm() > 0.01
    seen: list[Tensor] = []
    with lookups.moved(1.0):
        model.words.register_forward_hook(
            lambda _module, _inputs, output: seen.append(output.detach())
        )
        model(ids)
        assert torch.equal(model.words.weight, before)
    assert (seen[0] - before[ids]).norm() == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_without_a_direction_nothing_moves(value: float) -> None:
    gradient = torch.stack([torch.full((2, 2), value), torch.ones(2, 2)])
    found = move(gradient, 1.0)
    assert torch.equal(found[0], torch.zeros(2, 2))
    assert found[1].norm() == pytest.approx(1.0)
    assert move(None, 1.0) == 0


def test_several_lookups_of_a_pass_are_moved_each_its_own_way() -> None:
    table = nn.Embedding(9, 3)
    lookups = Lookups([table])
    ids, slopes = (
        (torch.tensor([[1, 2]]), torch.tensor([[2]])),
        (torch.randn(1, 2, 3), torch.randn(1, 1, 3)),
    )
    with lookups.watched():
        sum((table(i) * slope).sum() for i, slope in zip(ids, slopes, strict=True)).backward()
    with lookups.moved(0.5):
        for i, slope in zip(ids, slopes, strict=True):
            torch.testing.assert_close(table(i) - table.weight[i], 0.5 * slope / slope.norm())


def test_an_error_in_between_leaves_no_hook() -> None:
    table = nn.Embedding(9, 3)
    lookups = Lookups([table])
    with pytest.raises(RuntimeError, match="stop"), lookups.watched():
        raise RuntimeError("stop")
    assert not table._forward_hooks


def test_the_tables_of_words_are_found_once_each() -> None:
    words, other = nn.Embedding(50, 4), nn.Embedding(60, 4)
    decoder = nn.Linear(4, 50)
    decoder.weight = words.weight
    model = nn.ModuleList([words, nn.Embedding(32, 4), decoder, other])
    assert word_tables(model, 50) == [words, other]
    words.weight.requires_grad = False
    assert word_tables(model, 50) == [other]
