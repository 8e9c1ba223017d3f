"""Dropout by rows: the same masks in every batch, and as good as any others."""

from collections.abc import Callable, Iterator

import pytest
import torch
import toys
from torch import Tensor

from pet_mtl.model.row_dropout import RowNoise, begin_rows, rows_of_steps, second_pass
from pet_mtl.model.slot_encoder import SlotEncoder

MANY = 2**64


@pytest.fixture(autouse=True)
def of_a_step() -> Iterator[None]:
    begin_rows(7)
    yield
    begin_rows(None)


def batch(*rows: list[int], length: int) -> tuple[Tensor, Tensor]:
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    return ids, mask


def noise(*rows: list[int], length: int = 8) -> RowNoise:
    return RowNoise.of(*batch(*rows, length=length))


def mixed(number: int) -> int:
    """splitmix64's finalizer."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % MANY
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % MANY
    return number ^ (number >> 31)


def test_masks_are_the_hash_of_key_and_counter() -> None:
    """The slow obvious way, with Python's own integers."""
    found = noise([3, 4], [5])
    dropped = found.states(torch.ones(2 * 3, 6), 0.3, 3)
    limit = round(0.3 * 2**16)
    for row, key in enumerate(found.keys.tolist()):
        for place in range(3):
            for unit in range(6):
                counter = place * 2 + unit // 4  # six units take two hashes
                bits = mixed((key + counter + 1) % MANY)
                signed = (bits >> 16 * (unit % 4)) % 2**16
                signed -= 2**16 if signed >= 2**15 else 0
                kept = signed + 2**15 >= limit
                value = dropped[row * 3 + place, unit].item()
                assert value == pytest.approx(kept / (1 - limit / 2**16))


@pytest.mark.parametrize(
    "drop",
    [
        lambda of, wide: of.states(torch.ones(len(of.keys) * wide, 5), 0.5, wide),
        lambda of, wide: of.weights(torch.ones(len(of.keys) * 2, wide, wide), 0.5),
    ],
    ids=["states", "weights"],
)
def test_a_rows_masks_do_not_depend_on_its_batch(
    drop: Callable[[RowNoise, int], Tensor],
) -> None:
    short, long = [4, 9, 2], [5, 6, 7, 8, 9]
    alone = drop(noise(short, length=3), 3).view(1, -1, *drop(noise(short, length=3), 3).shape[1:])
    among = drop(noise(long, short, length=8), 8)
    of_short = among.view(2, -1, *among.shape[1:])[1]
    if among.dim() == 3:
        assert torch.equal(of_short[:, :3, :3], alone[0])
    else:
        assert torch.equal(of_short[:3], alone[0])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_is_the_rate_and_the_mean_stays(rate: float) -> None:
    found = noise(*([number, number + 1] for number in range(2, 202)))
    for dropped in (
        found.states(torch.ones(200 * 8, 64), rate, 8),
        found.weights(torch.ones(200 * 2, 8, 23), rate),
    ):
        error = 5 * (rate * (1 - rate) / dropped.numel()) ** 0.5
        assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=error)
        assert dropped.mean().item() == pytest.approx(1, abs=error / (1 - rate))


def test_rows_places_passes_steps_and_orders_are_independent() -> None:
    def kept(found: RowNoise) -> Tensor:
        return (found.states(torch.ones(4096, 4), 0.5, 4096) > 0).float() - 0.5

    found = [noise([2, 3]), noise([3, 2]), noise([2, 3, 0]), noise([2, 3]).at(0)]
    found += [noise([2, 3]).at(-1), noise([2, 3]).at(1), noise([2, 3]).at(1).at(0)]
    with second_pass():
        found.append(noise([2, 3]))
    begin_rows(8)
    found.append(noise([2, 3]))
    masks = torch.stack([kept(of).flatten() for of in found])
    correlation = 4 * masks @ masks.T / masks.shape[1]
    off = correlation - torch.eye(len(found))
    assert off.abs().max().item() < 5 / masks.shape[1] ** 0.5


def test_without_a_step_torchs_generator_decides() -> None:
    with rows_of_steps():
        begin_rows(3)
    torch.manual_seed(1)
    first, second = noise([2, 3]).keys, noise([2, 3]).keys
    torch.manual_seed(1)
    assert torch.equal(noise([2, 3]).keys, first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("family", ["bert", "roberta", "electra-wide"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_an_encoders_states_of_a_row_do_not_depend_on_its_batch(
    family: str, attention: str
) -> None:
    model = toys.build_mlm(family, dropout=0.3).train()
    encoder = SlotEncoder(model.base_model, attention)
    short, long = [4, 9, 12], [5, 6, 7, 8, 9]

    def states(slots: list[list[int]], *rows: list[int], length: int) -> Tensor:
        out: Tensor = encoder(*batch(*rows, length=length), torch.tensor(slots))
        return out

    alone = states([[1]], short, length=3)
    among = states([[2, 4], [1, 0]], long, short, length=8)
    torch.testing.assert_close(among[1, :1], alone[0], rtol=1e-5, atol=1e-5)
    with second_pass():
        assert not torch.allclose(states([[1]], short, length=3), alone, atol=1e-2)
    alone.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_layer_by_layer_is_the_whole() -> None:
    model = toys.build_mlm("bert", dropout=0.3).train()
    encoder = SlotEncoder(model.base_model, "eager")
    ids, mask = batch([4, 9, 12], [5, 6, 7, 8], length=4)
    whole = encoder(ids, mask, torch.arange(4).expand(2, -1))
    run = encoder.start(ids, mask)
    run.through(0, 1)
    parted = torch.cat(
        [run.only(torch.tensor([row])).through(1, encoder.depth) for row in range(2)]
    )
    torch.testing.assert_close(parted[0, :3], whole[0, :3], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(parted[1], whole[1], rtol=1e-5, atol=1e-5)
