"""The gradients of a step's pieces, computed side by side on a CPU and added up in the pieces'
order, so that they are the same to the bit in each run."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from pet_mtl.model.in_threads import in_threads
from pet_mtl.model.row_dropout import begin_rows, seed_of_rows

Piece = TypeVar("Piece")
Note = TypeVar("Note")


def add_gradients(
    parameters: Sequence[nn.Parameter],
    compute: Callable[[Piece], tuple[Tensor, Note]],
    pieces: Sequence[Piece],
) -> list[Note]:
    """Add the gradients of pieces to those of parameters on a CPU.

    Args:
        compute: gives a piece's loss, and what its user notes; called in threads, so it must draw
            nothing from torch's generator and leave nothing behind.

    Returns:
        What was noted of each piece.
    """
    seed = seed_of_rows()

    def work(piece: Piece) -> tuple[Note, tuple[Tensor | None, ...]]:
        begin_rows(seed)
        loss, note = compute(piece)
        return note, torch.autograd.grad(loss, parameters, allow_unused=True)

    # Not written to: autograd may give one tensor as the gradient of two parameters.
    first: dict[nn.Parameter, Tensor] = {}
    notes = list[Note]()
    with in_threads(torch.device("cpu"), len(pieces), alike=True) as each:
        for note, gradients in each(work, pieces):
            notes.append(note)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is None:
                    continue
                if parameter.grad is not None:
                    parameter.grad.add_(gradient)
                elif parameter in first:
                    parameter.grad = _copy(first.pop(parameter), parameter).add_(gradient)
                else:
                    first[parameter] = gradient
    for parameter, gradient in first.items():
        parameter.grad = _copy(gradient, parameter)
    return notes


def _copy(gradient: Tensor, parameter: nn.Parameter) -> Tensor:
    """Return a gradient laid out as its parameter, as `backward` has it: on a CPU, torch's fused
    AdamW misreads others."""
    return torch.empty_like(parameter).copy_(gradient)
