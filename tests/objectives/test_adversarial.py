import pytest
import torch
from torch import nn

from pet_mtl.objectives.adversarial import perturbed, word_embeddings


def test_the_step_has_the_wanted_length_over_all_tables() -> None:
    weights = [torch.randn(5, 3), torch.randn(4, 3)]
    gradients = [torch.randn(5, 3), torch.randn(4, 3)]
    before = [weight.clone() for weight in weights]
    with perturbed(weights, gradients, 0.7):
        moved = torch.cat([(weight - old).flatten() for weight, old in zip(weights, before, strict=True)])
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.testing.assert_close(moved, 0.7 * flat / flat.norm(), rtol=1e-4, atol=1e-6)
    assert all(torch.equal(weight, old) for weight, old in zip(weights, before, strict=True))


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_without_a_direction_nothing_moves(value: float) -> None:
    weight = torch.ones(2, 2)
    with perturbed([weight], [torch.full((2, 2), value)], 1.0):
        assert value != 0.0 or torch.equal(weight, torch.ones(2, 2))
    assert torch.equal(weight, torch.ones(2, 2))


def test_an_error_in_between_leaves_the_weights_as_they_were() -> None:
    weight = torch.ones(2, 2)
    with pytest.raises(RuntimeError, match="stop"), perturbed([weight], [torch.ones(2, 2)], 1.0):
        raise RuntimeError("stop")
    assert torch.equal(weight, torch.ones(2, 2))


def test_the_tables_of_words_are_found_once_each() -> None:
    words, other = nn.Embedding(50, 4), nn.Embedding(60, 4)
    decoder = nn.Linear(4, 50)
    decoder.weight = words.weight
    model = nn.ModuleList([words, nn.Embedding(32, 4), decoder, other])
    found = word_embeddings(model, 50)
    assert len(found) == 2
    assert found[0] is words.weight
    assert found[1] is other.weight
    words.weight.requires_grad = False
    assert len(word_embeddings(model, 50)) == 1
