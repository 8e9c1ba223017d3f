"""The shape that the attention of `fused_layer` works in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

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

    def split(self, rows: Tensor, length: int, parts: int) -> tuple[Tensor, ...]:
        """Cut rows `[≥ N * length, parts * H]` into `parts` tensors `[≥ N * heads, ≥ length, H /
        heads]`."""
        high = len(self.bias) // self.heads
        long = self.bias.shape[-1] if length == self.length else length
        cut = rows[: self.count * length].view(self.count, length, parts, self.heads, -1)
        cut = cut.permute(2, 0, 3, 1, 4)
        size = cut.shape[-1]
        out = rows.new_empty(parts, high, self.heads, long, size)
        out[:, self.count :].zero_()
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

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """Return `left @ right`, block by block."""
        out = left.new_empty(len(left), left.shape[1], right.shape[2])
        for block in self.blocks():
            torch.bmm(left[block], right[block], out=out[block])
        return out

    def blocks(self) -> Iterator[slice]:
        step = _BLOCK * self.heads
        return (slice(start, start + step) for start in range(0, len(self.bias), step))


def pad_to(rows: Tensor, count: int) -> Tensor:
    """Add zero rows `[n, H]` up to `count`; none to a graph that is exported for any `n`."""
    if torch.compiler.is_compiling():
        return rows
    return F.pad(rows, (0, 0, 0, count - len(rows))) if count > len(rows) else rows
