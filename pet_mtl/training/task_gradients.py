"""The gradients of a step's tasks, each on its own until they become one."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pet_mtl.objectives.surgery import factors
from pet_mtl.random_streams import SURGERY
from pet_mtl.suite.settings import SurgeryName


class TaskGradients:
    """Take the parameters' gradient of one task after another, and put what surgery makes of them
    in its place.

    A step's rows each belong to one task, so the gradient of a task is that of its rows: all tasks'
    together cost one pass over the rows, as ever. Their memory is one copy of all parameters for
    each task in the step.
    """

    def __init__(self, model: nn.Module, accelerator: Any, surgery: SurgeryName, seed: int) -> None:
        self._parameters = [
            parameter for parameter in model.parameters() if parameter.requires_grad
        ]
        self._accelerator, self._surgery, self._seed = accelerator, surgery, seed
        self._taken: dict[str, Tensor] = {}
        self._rows: list[int] = []
        self._used = torch.zeros(len(self._parameters), device=self._parameters[0].device)

    def take(self, task: str, rows: int) -> None:
        """Take the gradient that a task's rows left, divided by the rows of the whole step; the
        caller clears it."""
        self._rows.append(rows)
        gradients = [parameter.grad for parameter in self._parameters]
        self._used += torch.tensor(
            [gradient is not None for gradient in gradients], device=self._used.device
        )
        self._taken[task] = torch.cat(
            [
                parameter.new_zeros(parameter.numel()) if gradient is None else gradient.flatten()
                for parameter, gradient in zip(self._parameters, gradients, strict=True)
            ]
        )

    def exchange(self) -> None:
        """Make the parameters' gradient the mean over the processes.

        With tasks' gradients the processes exchange none during a backward pass. One pass that did
        would be taken for the last of all those before it, and would ask for the gradients of
        parameters that only these used.
        """
        if self._accelerator.num_processes > 1:
            self.take("", 1)
            self.put(0)

    def put(self, step: int) -> tuple[dict[str, float], float | None]:
        """Give the parameters the step's gradient.

        Args:
            step: number of the step, from which an order is drawn.

        Returns:
            The norm of each task's gradient, and the share of the pairs of tasks that conflict;
            None without a pair.
        """
        if self._accelerator.num_processes > 1:
            self._taken = {
                task: self._accelerator.reduce(row, "mean") for task, row in self._taken.items()
            }
            self._used = self._accelerator.reduce(self._used)
        rows = list(self._taken.values())
        products = (
            torch.stack([torch.stack([a @ b for b in rows]) for a in rows]).double().cpu().numpy()
        )
        generator = SURGERY.generator(self._seed, step)
        shares = np.array(self._rows) / sum(self._rows)
        total = torch.zeros_like(rows[0])
        weights = factors(self._surgery, products, generator, shares).tolist()
        for row, weight in zip(rows, weights, strict=True):
            total.add_(row, alpha=weight)
        parts = torch.split(total, [parameter.numel() for parameter in self._parameters])
        for parameter, part, used in zip(self._parameters, parts, self._used.tolist(), strict=True):
            parameter.grad = part.view_as(parameter) if used else None
        lengths = np.sqrt(products.diagonal().clip(min=0)).tolist()
        norms = dict(zip(self._taken, lengths, strict=True))
        pairs = products[np.triu_indices(len(rows), 1)]
        self._taken, self._rows = {}, []
        self._used = torch.zeros_like(self._used)
        return norms, float((pairs < 0).mean()) if len(pairs) else None
