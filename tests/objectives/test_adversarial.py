from typing import Any

import pytest
import torch
import toys
from torch import Tensor, nn
from transformers import BartConfig, BartForConditionalGeneration

from pet_mtl.model.encoder import Encoder
from pet_mtl.model.methods.heads import HeadsModel
from pet_mtl.objectives.adversarial import Lookups, move, word_tables
from pet_mtl.suite.method import HeadsMethod


class Tied(nn.Module):
    """Score words by the table that they are looked up in, as masked language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 4)
        self.mix = nn.Linear(4, 4)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.words

    def forward(self, ids: Tensor) -> Tensor:
        return self.after(self.words(ids))

    def after(self, inputs: Tensor) -> Tensor:
        scores: Tensor = torch.tanh(self.mix(inputs)).mean(1) @ self.words.weight.T
        return scores


def test_each_sequence_is_moved_along_the_gradient_of_its_inputs_alone() -> None:
    """Against sequences one by one, with the gradient of a leaf in the place of what is looked
    up."""
    model, ids, labels = Tied(), torch.randint(50, (6, 3)), torch.randint(50, (6,))
    lookups = Lookups(word_tables(model))
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
    lookups = Lookups(word_tables(model))
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
    one, other = Tied(), Tied()
    decoder = nn.Linear(4, 50)
    decoder.weight = one.words.weight
    model = nn.ModuleList([one, nn.Embedding(60, 4), decoder, other, nn.ModuleList([one])])
    assert word_tables(model) == [one.words, other.words]
    one.words.weight.requires_grad = False
    assert word_tables(model) == [other.words]


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "deberta-v2"])
def test_positions_are_no_words_however_many_there_are(family: str) -> None:
    mlm = toys.build_mlm(family, 60)
    words = mlm.get_input_embeddings()
    assert mlm.config.max_position_embeddings > words.num_embeddings
    assert word_tables(mlm) == [words]


@pytest.mark.parametrize("tied", [True, False])
def test_encoder_and_decoder_look_up_in_modules_of_their_own(tied: bool) -> None:
    layers = {"encoder_layers": 1, "decoder_layers": 1, "tie_word_embeddings": tied}
    bart = BartForConditionalGeneration(
        BartConfig(vocab_size=60, d_model=16, max_position_embeddings=66, **layers)
    )
    found, inner = word_tables(bart), bart.model
    assert {inner.encoder.embed_tokens, inner.decoder.embed_tokens} <= {*found}
    assert all(table.num_embeddings == 60 for table in found)


@pytest.mark.parametrize("sharing", ["hard", "soft", "cross-stitch"])
def test_each_encoder_has_its_own_table(sharing: str) -> None:
    mlm = toys.build_mlm("bert", 60)
    method = HeadsMethod(name="heads", sharing=sharing)
    model = HeadsModel(Encoder(mlm, "eager"), method, [2, 3], [0, 1])
    encoders: Any = model.encoders
    wanted = [encoder.base.get_input_embeddings() for encoder in encoders]
    assert len(wanted) == (1 if sharing == "hard" else 2)
    assert word_tables(model) == wanted
