"""Families whose states depend on the padding beside a row: they are read by equal length.

FNet mixes tokens over the whole width of a batch, and some convolutions and position biases know no
mask, so a row would score one way alone and another beside a longer one. Whether a model does so is
tried once, on a short row with and without padding, and kept for as long as the model lives.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

_SHORT, _WIDE = 5, 9  # tokens of the row that is tried
_TOLERANCE = 1e-3  # of the largest state; rounding of fp32 is a thousandth of it
_FOUND: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()

Read = Callable[[Tensor, Tensor], Tensor]


def padding_matters(mlm: Any, read: Read) -> bool:
    """Say whether the states of a row change when padding stands behind it.

    Args:
        mlm: the model, which the answer is kept for.
        read: gives `[N, L, X]` of ids `[N, L]` and their mask.
    """
    if mlm not in _FOUND:
        _FOUND[mlm] = _differs(mlm, read)
    return _FOUND[mlm]


@torch.no_grad()
def _differs(mlm: Any, read: Read) -> bool:
    pad = getattr(mlm.config, "pad_token_id", None) or 0
    size = mlm.get_input_embeddings().weight.shape[0]
    ids = [i for i in range(size // 2, size) if i != pad][:_SHORT]
    if len(ids) < _SHORT:
        return False
    device = next(mlm.parameters()).device
    short = torch.tensor([ids], device=device)
    wide = F.pad(short, (0, _WIDE - _SHORT), value=pad)
    trained = mlm.training
    mlm.eval()
    try:
        alone = read(short, torch.ones_like(short)).float()
        padded = read(wide, (torch.arange(_WIDE, device=device) < _SHORT).long()[None]).float()
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False  # a model of fixed or least widths; what is wrong with it is said when it runs
    finally:
        mlm.train(trained)
    apart = (alone - padded[:, :_SHORT]).abs().max()
    return bool(apart > _TOLERANCE * alone.abs().max())


def read_by_length(
    read: Read, input_ids: Tensor, attention_mask: Tensor, *, all_rows: bool = False
) -> Tensor:
    """Return `[N, L, X]` of rows, each read without padding, beside rows of its own length; zeros
    behind them.

    Args:
        all_rows: `read` needs all `N` rows at once, as amendments do that were made for them:
            those of other lengths are read too, cut or padded, and dropped.
    """
    lengths = attention_mask.sum(1)
    parts, order = [], []
    for length in sorted({int(length) for length in lengths}):
        rows = (lengths == length).nonzero().flatten()
        if all_rows:
            states = read(input_ids[:, :length], attention_mask[:, :length])[rows]
        else:
            states = read(input_ids[rows, :length], attention_mask[rows, :length])
        parts.append(F.pad(states, (0, 0, 0, input_ids.shape[1] - length)))
        order.append(rows)
    return torch.cat(parts)[torch.cat(order).argsort()]
