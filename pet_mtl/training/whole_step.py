"""Losses over all rows of a step, however it is cut into pieces and over processes.

The states of all rows are computed once without gradients; the loss over them gives each state its
gradient, which the ordinary pass over the pieces then takes further down (gradient caching, Gao et
al. 2021). A step of one piece needs none of it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pet_mtl.cloze.collate import Batch
from pet_mtl.objectives.terms import StepTerm
from pet_mtl.random_streams import WHOLE_STEP
from pet_mtl.training.step_model import StepModel, Whole

_APART = 1_000_000_007  # between the seeds of two pieces


class WholeStep:
    """The terms of a run that want whole steps.

    Args:
        accelerator: accelerate's, for several processes.
    """

    def __init__(self, model: StepModel, accelerator: Any) -> None:
        self._model, self._accelerator = model, accelerator
        self.terms: dict[str, StepTerm] = {
            name: term  # type: ignore[misc]
            for name, term in model.row_loss.piece_terms.items()
            if "step" in term.wants
        }

    def seed(self, of_step: int, number: int) -> None:
        """Let both passes over a piece draw the same dropout."""
        WHOLE_STEP.start((of_step + number * _APART) % 2**63)

    def losses(self, batches: Sequence[Batch], real: int, seed: int) -> list[Whole]:
        """Return for each piece of this process the terms' losses of its items, and the gradients
        with regard to their states.

        Args:
            real: so many pieces count; those behind them only keep the processes in step.
            seed: of the step on this process.
        """
        found: list[dict[str, tuple[Tensor, Tensor]]] = [{} for _ in batches]
        members: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in self.terms}
        with torch.no_grad():
            for number, batch in enumerate(batches):
                self.seed(seed, number)
                piece = self._model.piece(batch)
                for name, term in self.terms.items():
                    members[name].append(term.members(piece))
        for name, term in self.terms.items():
            states, classes = zip(*members[name], strict=True)
            losses, gradients = self._of_step(
                term,
                torch.cat([states[0][:0], *states[:real]]),
                torch.cat([classes[0][:0], *classes[:real]]),
            )
            start = 0
            for number, of_piece in enumerate(states):
                end = start + len(of_piece)
                found[number][name] = losses[start:end], gradients[start:end]
                if number >= real:
                    found[number][name] = of_piece.new_zeros(len(of_piece)), of_piece * 0
                start = end
        return [*found]

    def _of_step(self, term: StepTerm, states: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and gradients of this process's rows among those of all."""
        count, first = len(states), 0
        if self._accelerator.num_processes > 1:
            counts = self._accelerator.gather(torch.tensor([count], device=states.device))
            room = int(counts.max())
            first = room * self._accelerator.process_index
            padded = states.new_zeros(room, states.shape[1]), classes.new_full((room,), -1)
            padded[0][:count], padded[1][:count] = states, classes
            states, classes = (self._accelerator.gather(part) for part in padded)
        leaf = states.detach().requires_grad_()
        losses = term.step_losses(leaf, classes)
        (gradients,) = torch.autograd.grad(losses.sum(), leaf)
        return losses.detach()[first : first + count], gradients[first : first + count]
