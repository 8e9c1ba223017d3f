"""The steps in which linear layers get their rows: large for many rows, small for few.

Every new shape costs the CPU kernels a plan, in time and memory, so the rows of a batch are padded
to a multiple of a step. A step as large as full batches want it would make one short row cost as
much as eight, so while scoring few rows have steps of their own: no more than six shapes in
addition.
"""

import torch.nn.functional as F
from torch import Tensor

_FEW = ((64, 16), (256, 64))  # up to so many rows, a step of so many


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
        most: the step of many rows, and of all while training: random numbers are drawn for
            padding too, so with other shapes a seed would give another model.
    """
    step = most if training else step_for(len(rows), most)
    return pad_to(rows, len(rows) + -len(rows) % step)


def pad_to(rows: Tensor, count: int) -> Tensor:
    """Add zero rows `[n, H]` up to `count`."""
    return F.pad(rows, (0, 0, 0, count - len(rows))) if count > len(rows) else rows
