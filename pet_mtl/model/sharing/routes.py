"""Which task uses what: the gates and routes of a kind of sharing, as a report shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Routes:
    """How much each reader takes of each source.

    Attributes:
        title: of the level or layer; empty where there is one only.
        readers: names of the rows: tasks, or parts that later ones read.
        sources: names of the columns.
        weights: `[readers, sources]`; a mean over rows where a gate depends on the row.
    """

    title: str
    readers: tuple[str, ...]
    sources: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]


def routes(title: str, readers: Sequence[str], sources: Sequence[str], weights: Tensor) -> Routes:
    """Return routes from a matrix `[readers, sources]`."""
    rows = weights.detach().float().cpu().tolist()
    return Routes(title, tuple(readers), tuple(sources), tuple(map(tuple, rows)))


def gate_routes(
    gates: Mapping[int, Tensor], names: Sequence[str], sources: Sequence[str]
) -> Routes:
    """Return the mean of each task's gates.

    Args:
        gates: gate logits `[b, sources]` of rows of each task.
        names: of all tasks.
    """
    means = torch.stack([gate.softmax(-1).mean(0) for gate in gates.values()])
    return routes("", [names[task] for task in gates], sources, means)


def numbered(what: str, count: int) -> list[str]:
    """Name parts by number.

    >>> numbered("expert", 2)
    ['expert 1', 'expert 2']
    """
    return [f"{what} {number}" for number in range(1, count + 1)]
