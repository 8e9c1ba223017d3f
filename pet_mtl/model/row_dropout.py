"""Dropout that is a function of the row: of the seed, the step, the row's own ids, and the place.

So a row's masks are the same whichever batch, piece or process it is in, and whatever padding
stands beside it: several processes learn what one learns. The numbers come from a hash of counters
(splitmix64), four of 16 bits from each; rates are multiples of 2⁻¹⁶.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from pet_mtl.model.attention_frame import pad_to

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # as int64, which wraps
_FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


class _Now(threading.local):
    seed: int | None = None
    second: bool = False


_now = _Now()


def begin_rows(seed: int | None) -> None:
    """Let the rows of this thread have the masks of a step from here on.

    Args:
        seed: of the step, the same in all processes; None: torch's generator gives one for each
            batch.
    """
    _now.seed = seed


def seed_of_rows() -> int | None:
    """Return what `begin_rows` was given last in this thread."""
    return _now.seed


@contextmanager
def rows_of_steps() -> Iterator[None]:
    """Leave no step's masks behind."""
    try:
        yield
    finally:
        begin_rows(None)


@contextmanager
def second_pass() -> Iterator[None]:
    """Give rows other masks while entered."""
    _now.second = True
    try:
        yield
    finally:
        _now.second = False


@dataclass(frozen=True)
class RowNoise:
    """What decides the masks of some rows.

    Attributes:
        keys: `[N]` int64, a hash for each row.
    """

    keys: Tensor

    @classmethod
    def of(cls, input_ids: Tensor, attention_mask: Tensor) -> "RowNoise":
        """Return the noise of a step's rows, by their ids `[N, L]` where the mask `[N, L]` is 1."""
        seed = _now.seed
        if seed is None:
            seed = int(torch.randint(2**62, ()))
        # one number on the CPU: copied to a GPU it would wait for the step before
        start = _mixed(torch.tensor((2 * seed + _now.second) % 2**63))
        places = torch.arange(1, input_ids.shape[1] + 1, device=input_ids.device) * _GOLDEN
        pieces = _mixed(_mixed(input_ids + start) + places) * attention_mask
        return cls(_mixed(pieces.sum(1) + start))

    def at(self, place: int) -> "RowNoise":
        """Return the noise of a place in the model: of a layer, say."""
        return RowNoise(_mixed(self.keys + (place + 1) * 0x632BE5AB))

    def only(self, rows: Tensor) -> "RowNoise":
        """Return the noise of some of the rows."""
        return RowNoise(self.keys[rows])

    def states(self, states: Tensor, rate: float, wide: int) -> Tensor:
        """Return states `[≥ N * wide, H]` with dropout; those behind the rows' own become 0."""
        size = states.shape[-1]
        blocks = -(-size // 4)
        factors = _factors(_under(self.keys, wide * blocks), rate, states.dtype)
        return states * pad_to(factors.view(-1, 4 * blocks)[:, :size], len(states))

    def weights(self, weights: Tensor, rate: float) -> Tensor:
        """Return attention weights `[N * heads, Q, K]` with dropout."""
        _, queries, keys = weights.shape
        heads = len(weights) // len(self.keys)
        # one under the other: padding, which adds queries and keys, moves no number
        numbers = _under(_under(_under(self.keys, heads), queries), -(-keys // 4))
        factors = _factors(numbers, rate, weights.dtype)
        return weights * factors.view(len(weights), queries, -1)[..., :keys]


def _factors(numbers: Tensor, rate: float, kind: torch.dtype) -> Tensor:
    """Return `[…, 4 * n]` factors by numbers `[…, n]`: 0, or what keeps the mean."""
    limit = min(round(rate * 2**16), 2**16 - 1)
    kept = numbers.view(torch.int16) >= limit - 2**15
    factors: Tensor = kept.to(kind) * (2**16 / (2**16 - limit))
    return factors


def _under(numbers: Tensor, count: int) -> Tensor:
    """Return `count` numbers under each, `[…, count]`."""
    return _mixed(numbers[..., None] + torch.arange(1, count + 1, device=numbers.device))


def _mixed(numbers: Tensor) -> Tensor:
    mixed = (numbers ^ _shifted(numbers, 30)) * _FACTORS[0]
    mixed = (mixed ^ _shifted(mixed, 27)) * _FACTORS[1]
    return mixed ^ _shifted(mixed, 31)


def _shifted(numbers: Tensor, by: int) -> Tensor:
    """Shift to the right as unsigned numbers."""
    shifted: Tensor = (numbers >> by) & (2 ** (64 - by) - 1)
    return shifted
