import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.model.encoder import Encoder
from pet_mtl.model.sharing.cross_stitch import CrossStitch


def encoders(family: str, tasks: int, attention: str) -> list[Encoder]:
    mlm = toys.build_mlm(family, 60)
    made = []
    for task in range(tasks):
        generator, encoder = torch.Generator().manual_seed(task), Encoder(mlm, attention)
        made.append(toys_copy(encoder, generator))
    return made


def toys_copy(encoder: Encoder, generator: torch.Generator) -> Encoder:
    import copy

    other = copy.deepcopy(encoder)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return other


def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(5, 60, (5, 8))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    mask[4, 2:] = 0
    return ids, mask


ROWS = {0: torch.tensor([0, 3]), 1: torch.tensor([1, 2, 4])}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("family", ["bert", "roberta", "electra"])
@torch.no_grad()
def test_the_identity_is_separate_encoders(family: str, attention: str) -> None:
    both, (ids, mask) = encoders(family, 2, attention), inputs()
    stitch = CrossStitch(2, [1, 2])
    for alpha in stitch.alphas:
        alpha.copy_(torch.eye(2).flatten())
    got = stitch([one.slots() for one in both], ids, mask, None, ROWS)
    for encoder, rows, states in zip(both, ROWS.values(), got.values(), strict=True):
        real = mask[rows].bool()
        wanted = encoder(ids[rows], mask[rows])
        torch.testing.assert_close(states[real], wanted[real], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_mixed_states_by_transformers_own_layers() -> None:
    both, (ids, mask) = encoders("bert", 2, "eager"), inputs()
    stitch = CrossStitch(2, [1])
    (alpha,) = stitch.alphas
    torch.testing.assert_close(alpha, torch.tensor([0.9, 0.1, 0.1, 0.9]))
    alpha.copy_(torch.tensor([0.7, 0.2, -0.4, 1.1]))
    got = stitch([one.slots() for one in both], ids, mask, None, ROWS)
    added = (1.0 - mask[:, None, None, :]) * torch.finfo(torch.float32).min
    layers = [one.base.encoder.layer for one in both]

    def through(layer: torch.nn.Module, states: Tensor) -> Tensor:
        output = layer(states, added)
        return output[0] if isinstance(output, tuple) else output

    below = [
        through(own[0], one.base.embeddings(ids)) for own, one in zip(layers, both, strict=True)
    ]
    mixed = [0.7 * below[0] + 0.2 * below[1], -0.4 * below[0] + 1.1 * below[1]]
    for own, states, rows, found in zip(layers, mixed, ROWS.values(), got.values(), strict=True):
        real = mask[rows].bool()
        wanted = through(own[1], states)[rows]
        torch.testing.assert_close(found[real], wanted[real], rtol=1e-4, atol=1e-4)


def test_the_others_share_a_tenth() -> None:
    matrix = CrossStitch(4, [1]).alphas[0].view(4, 4)
    torch.testing.assert_close(matrix.sum(-1), torch.ones(4))
    torch.testing.assert_close(matrix.diagonal(), torch.full((4,), 0.9))
    assert CrossStitch(1, [1]).alphas[0].tolist() == [1.0]
    (shown,) = CrossStitch(2, [2]).routes(["a", "b"])
    assert (shown.title, shown.readers, shown.sources) == ("behind layer 2", ("a", "b"), ("a", "b"))
