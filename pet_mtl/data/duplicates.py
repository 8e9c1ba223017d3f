"""Find rows with the same text, above all those whose labels contradict each other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows

SHOWN = 3


@dataclass(frozen=True)
class Conflicts:
    """Groups of rows (their indices) with the same normalised text and different labels.

    `duplicates` counts the rows whose text stood in an earlier row, `rows` all rows.
    """

    groups: tuple[NDArray[np.int64], ...]
    duplicates: int
    rows: int

    def summary(self, rows: Rows, labels: tuple[str, ...] | Callable[[int], str]) -> str | None:
        """Return a line with the number of conflicts and the first places, None where there are
        none."""
        if not self.groups:
            return None
        name = labels if callable(labels) else lambda row: labels[rows.labels[row]]
        answers, places = rows.answers, []
        for group in self.groups[:SHOWN]:
            found = answers[group]
            # the rows that contradict, not mere repetitions
            other = int(np.flatnonzero(found != found[0])[0])
            pair = (int(group[0]), int(group[other]))
            places.append(" and ".join(f'{rows.where(row)} "{name(row)}"' for row in pair))
        more = "; …" if len(self.groups) > SHOWN else ""
        count = len(self.groups)
        texts = "1 text has" if count == 1 else f"{count} texts have"
        return (
            f"{self.duplicates} of {self.rows} rows repeat a text, {texts} different labels "
            f"({'; '.join(places)}{more})"
        )


def find_conflicts(rows: Rows, *, keys: NDArray[np.uint64] | None = None) -> Conflicts:
    """Find the groups of rows that have one text and several labels; rows without a label are left
    out.

    Groups stand in the order of their first rows. `keys` are the `row_keys`, if known.

    >>> rows = Rows.of({"title": ["新车上市", "新车 上市", "利率上调"]}, labels=[0, 1, 1])
    >>> conflicts = find_conflicts(rows)
    >>> first, second = conflicts.summary(rows, ("汽车", "财经")).split(", ")
    >>> print(first)
    1 of 3 rows repeat a text
    >>> print(second)
    1 text has different labels (memory: row 1 "汽车" and memory: row 2 "财经")
    """
    labelled = np.flatnonzero(rows.labels >= 0)
    found = (row_keys(rows) if keys is None else keys)[labelled]
    order = np.argsort(found, kind="stable")
    _, starts = np.unique(found[order], return_index=True)
    if not len(starts):
        return Conflicts((), 0, len(rows))
    labels = rows.answers[labelled][order]
    mixed = np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)
    ends = np.append(starts[1:], len(order))
    groups = [
        labelled[order[start:end]] for start, end in zip(starts[mixed], ends[mixed], strict=True)
    ]
    groups.sort(key=lambda group: int(group[0]))
    return Conflicts(tuple(groups), len(found) - len(starts), len(rows))
