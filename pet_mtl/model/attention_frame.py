"""The shapes that the kernels see, few of them: of rows, and of the attention in `fused_layer`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Every new shape costs the CPU kernels a new plan, in time and memory: all batches of one token
# budget get the same number of rows, whatever their length. One short row in such a step would cost
# as much as eight, so few rows have smaller ones while scoring: at most six shapes more.
TOKEN_STEP = 256
SLOT_STEP = 128
_FEW = ((64, 16), (256, 64))  # up to so many rows, a step of so many
_BLOCK = 16  # prompts
_LENGTH_STEP = 16  # tokens


@dataclass(frozen=True)
class Frame:
    """The shape that attention works in: blocks of prompts at padded lengths, so that few shapes
    occur.

    Every shape costs the CPU kernels a plan of a megabyte; `N` prompts of `L` tokens would be a
    shape for each `L`.

    Attributes:
        count: `N` prompts.
        length: `L` tokens of a prompt.
        heads: attention heads.
        bias: `[≥ N * heads, 1, ≥ L]` added to the attention scores.
    """

    count: int
    length: int
    heads: int
    bias: Tensor

    @classmethod
    def of(cls, attention_mask: Tensor, heads: int, kind: torch.dtype) -> "Frame":
        """Build the frame of a batch from its mask `[N, L]`; fewer prompts than a block, as a step
        of long texts has them, are padded to 1, 2, 4 or 8 only."""
        count, length = attention_mask.shape
        block = min(1 << (count - 1).bit_length(), _BLOCK)
        mask = F.pad(attention_mask, (0, -length % _LENGTH_STEP, 0, -count % block))
        bias = torch.zeros(mask.shape, dtype=kind, device=mask.device)
        bias = bias.masked_fill(mask == 0, torch.finfo(kind).min)
        return cls(count, length, heads, bias.repeat_interleave(heads, 0)[:, None])

    def read(self, queries: Tensor, keys: Tensor, wide: int, height: int) -> Tensor:
        """Return what queries read, `[height, H]`, the rows behind theirs zero.

        By torch's own kernel, in three fifths of the time of `split`, `weights`, `product` and
        `join`; its gradient would take ten times as long as theirs. Prompts are padded as there, so
        that short ones (tried: up to 64 tokens) read the same beside longer ones to the bit.

        Args:
            queries: `[≥ N * wide, H]`.
            keys: `[≥ N * L, 2 H]`, keys and values side by side.
        """
        length, long = self.length, self.bias.shape[-1]
        q = queries[: self.count * wide].view(self.count, wide, self.heads, -1).transpose(1, 2)
        cut = keys[: self.count * length].view(self.count, length, 2, self.heads, -1)
        if long > length:
            padded = keys.new_empty(self.count, long, *cut.shape[2:])
            padded[:, length:].zero_()
            padded[:, :length] = cut
            cut = padded
        k, v = cut.permute(2, 0, 3, 1, 4).unbind(0)
        mask = self.bias.view(-1, self.heads, 1, long)[: self.count, :1].expand(-1, -1, wide, -1)
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return pad_to(found.transpose(1, 2).flatten(0, 1).flatten(1), height)

    def split(self, rows: Tensor, length: int, parts: int) -> tuple[Tensor, ...]:
        """Cut rows `[≥ N * length, parts * H]` into `parts` tensors `[≥ N * heads, ≥ length, H /
        heads]`."""
        high = self.bias.shape[0] // self.heads
        long = self.bias.shape[-1] if length == self.length else length
        cut = rows[: self.count * length].view(self.count, length, parts, self.heads, -1)
        cut = cut.permute(2, 0, 3, 1, 4)
        size = cut.shape[-1]
        out = rows.new_empty(parts, high, self.heads, long, size)
        if high > self.count:
            out[:, self.count :].zero_()
        if long > length:
            out[:, : self.count, :, length:].zero_()
        out[:, : self.count, :, :length] = cut
        return out.view(parts, high * self.heads, long, size).unbind(0)

    def join(self, parts: Sequence[Tensor], length: int, height: int) -> Tensor:
        """Undo `split`: `[height, parts * H]`, the rows behind `N * length` zero."""
        size = parts[0].shape[-1] * self.heads
        out = parts[0].new_empty(height, len(parts) * size)
        out[self.count * length :].zero_()
        into = out[: self.count * length].view(self.count, length, len(parts), self.heads, -1)
        for number, part in enumerate(parts):
            cut = part.view(-1, self.heads, *part.shape[1:])[: self.count, :, :length]
            into[:, :, number].copy_(cut.transpose(1, 2))
        return out

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Return the weights of attention, block by block."""
        out = q.new_empty(q.shape[0], q.shape[1], k.shape[1])
        keys, scale = k.transpose(1, 2), q.shape[-1] ** -0.5
        for *given, scores in self._blocks(self.bias, q, keys, out):
            torch.baddbmm(*given, alpha=scale, out=scores)
            torch.softmax(scores, -1, out=scores)
        return out

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """Return `left @ right`, block by block."""
        out = left.new_empty(left.shape[0], left.shape[1], right.shape[2])
        for some_left, some_right, into in self._blocks(left, right, out):
            torch.bmm(some_left, some_right, out=into)
        return out

    def _blocks(self, *tensors: Tensor) -> Iterable[tuple[Tensor, ...]]:
        """Return tensors `[≥ N * heads, …]` in blocks."""
        step = _BLOCK * self.heads
        if self.bias.shape[0] <= step:
            return (tensors,)
        return zip(*(torch.split(tensor, step) for tensor in tensors), strict=True)


def step_for(rows: int, most: int) -> int:
    """Return the step for a number of rows.

    Args:
        most: the step of many rows.

    >>> [rows + -rows % step_for(rows, 256) for rows in (1, 16, 17, 65, 200, 257)]
    [16, 16, 32, 128, 256, 512]
    """
    return next((min(step, most) for until, step in _FEW if rows <= until), most)


def pad_rows(rows: Tensor, most: int, *, training: bool) -> Tensor:
    """Add zero rows `[n, H]` up to the next multiple of the step.

    Args:
        most: the step of many rows, and of all while training, where short steps are rare.
    """
    if torch.compiler.is_compiling():  # `len` would fix `n` there
        return rows
    count = rows.shape[0]
    step = most if training else step_for(count, most)
    return pad_to(rows, count + -count % step)


def pad_to(rows: Tensor, count: int) -> Tensor:
    """Add zero rows `[n, H]` up to `count`; none to a graph that is exported for any `n`. `F.pad`
    writes all rows twice."""
    if torch.compiler.is_compiling():
        return rows
    missing = count - rows.shape[0]
    return torch.cat((rows, rows.new_zeros(missing, rows.shape[1]))) if missing > 0 else rows
