"""What a step did for one task."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskStep:
    """A task's part of a step.

    Attributes:
        loss: mean over its rows, without weights.
        rows: how many.
        norm: norm of the gradient of w · loss; None where nobody asked for it.
        right: share of its labelled rows that are decided rightly; None where nobody asked for it.
    """

    loss: float
    rows: int
    norm: float | None = None
    right: float | None = None
