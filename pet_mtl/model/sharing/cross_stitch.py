"""Cross-stitch: an encoder for each task, whose states are mixed behind some layers: x̃_t = Σ_s α_ts
x_s (Misra et al. 2016).

A row goes through the encoders of all tasks up to the last stitched layer, and through its own
task's from there on. α starts at 0.9 for the task's own and 0.1 shared out among the others; the
identity is separate encoders.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pet_mtl.model.sharing.routes import Routes, routes
from pet_mtl.model.slot_encoder import SlotEncoder

_OWN = 0.9


class CrossStitch(nn.Module):
    """The mixing numbers of all stitched layers.

    Args:
        tasks: number of tasks.
        layers: numbers of the layers behind which states are mixed, from 1, ascending.
    """

    def __init__(self, tasks: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.tasks, self.layers = tasks, tuple(layers)
        start = torch.full((tasks, tasks), (1 - _OWN) / max(tasks - 1, 1))
        start.fill_diagonal_(_OWN if tasks > 1 else 1.0)
        # one dimension each: weight decay, which is for matrices, would pull them to 0
        self.alphas = nn.ParameterList(nn.Parameter(start.flatten().clone()) for _ in layers)

    def forward(
        self,
        encoders: Sequence[SlotEncoder],
        input_ids: Tensor,
        attention_mask: Tensor,
        segments: Tensor | None,
        rows: Mapping[int, Tensor],
    ) -> dict[int, Tensor]:
        """Return the last layer's states of each task's rows.

        Args:
            encoders: one a task.
            input_ids: `[N, L]`.
            attention_mask: `[N, L]`.
            segments: `[N, L]` token types; None: all 0.
            rows: by task, its `n_t` row numbers.

        Returns:
            By task `[n_t, L, H]`.
        """
        runs = [encoder.start(input_ids, attention_mask, segments) for encoder in encoders]
        done = 0
        for layer, alpha in zip(self.layers, self.alphas, strict=True):
            states = torch.stack([run.through(done, layer) for run in runs])  # [T, ...]
            done = layer
            matrix = alpha.view(self.tasks, self.tasks).to(states.dtype)
            mixed = (matrix @ states.flatten(1)).view(states.shape)
            for run, of_task in zip(runs, mixed, strict=True):
                run.states = of_task.flatten(0, 1)
        depth = encoders[0].depth
        return {
            task: runs[task].only(of_task).through(done, depth) for task, of_task in rows.items()
        }

    def routes(self, names: Sequence[str]) -> list[Routes]:
        """Return α behind each stitched layer."""
        return [
            routes(f"behind layer {layer}", names, names, alpha.view(self.tasks, self.tasks))
            for layer, alpha in zip(self.layers, self.alphas, strict=True)
        ]
