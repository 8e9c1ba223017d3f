"""Rows of one task in memory: Arrow columns, label numbers, and where each row came from."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pet_mtl.data.arrow import use_arrow


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of one file: numbered from `first`, or by `numbers` where rows were skipped
    or span lines."""

    path: str
    unit: str
    length: int
    first: int = 1
    numbers: NDArray[np.int64] | None = None

    def place(self, offset: int) -> str:
        """Return `path:line`, or `path: row 3` for files without lines."""
        number = self.first + offset if self.numbers is None else int(self.numbers[offset])
        return (
            f"{self.path}:{number}" if self.unit == "line" else f"{self.path}: {self.unit} {number}"
        )


@dataclass(frozen=True)
class Sources:
    """The places of rows: whole segments, and the chosen rows of them after a `take`.

    >>> sources = Sources((Segment("a.tsv", "line", 2), Segment("b.parquet", "row", 3)))
    >>> sources.where(1), sources.take(np.array([4])).where(0)
    ('a.tsv:2', 'b.parquet: row 3')
    """

    segments: tuple[Segment, ...] = ()
    index: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return (
            len(self.index)
            if self.index is not None
            else sum(segment.length for segment in self.segments)
        )

    def where(self, i: int) -> str:
        """Return the place of row `i`, counted from 1 in its file."""
        position = int(self.index[i]) if self.index is not None else i
        ends = np.cumsum([segment.length for segment in self.segments])
        which = bisect_right(ends, position)
        start = int(ends[which - 1]) if which else 0
        return self.segments[which].place(position - start)

    def take(self, indices: NDArray[np.integer]) -> "Sources":
        """Return the places of the rows `indices`."""
        chosen = np.asarray(indices, dtype=np.int64)
        return Sources(self.segments, chosen if self.index is None else self.index[chosen])

    @staticmethod
    def concat(parts: Sequence["Sources"]) -> "Sources":
        """Return the places of all rows of `parts`, one after the other."""
        segments = tuple(segment for part in parts for segment in part.segments)
        if all(part.index is None for part in parts):
            return Sources(segments)
        indices, start = [], 0
        for part in parts:
            length = sum(segment.length for segment in part.segments)
            indices.append(start + (np.arange(length) if part.index is None else part.index))
            start += length
        return Sources(segments, np.concatenate(indices).astype(np.int64))


@dataclass
class Rows:
    """Rows of one task: `ids` and `fields` are string columns without nulls, `labels` numbers of
    verbalizer labels.

    A label of -1 stands for "no label"; rows whose target is more than one label have `targets`, a
    target a row, and their labels are groups that a split keeps in proportion. An id that the data
    does not hold is the 0-based row number.

    >>> rows = Rows.of({"title": ["利率上调", "新车上市"]}, labels=[0, 1])
    >>> len(rows), rows.text(1), rows.where(1)
    (2, {'title': '新车上市'}, 'memory: row 2')
    >>> rows.take(np.array([1])).text(0)
    {'title': '新车上市'}
    """

    ids: pa.ChunkedArray
    fields: dict[str, pa.ChunkedArray]
    labels: NDArray[np.int64]
    sources: Sources
    targets: NDArray[np.float32] | None = None

    @property
    def gold(self) -> NDArray[Any]:
        """Return what is to be predicted of each row: its label's number, or its target."""
        return self.labels if self.targets is None else self.targets

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def of(
        fields: Mapping[str, Sequence[str]],
        *,
        labels: Sequence[int] | None = None,
        path: str = "memory",
    ) -> "Rows":
        """Make rows of plain lists, without labels where `labels` is None."""
        use_arrow()
        length = len(next(iter(fields.values())))
        return Rows(
            ids=pa.chunked_array(
                [pa.array([str(number) for number in range(length)], pa.string())]
            ),
            fields={
                name: pa.chunked_array([pa.array(values, pa.string())])
                for name, values in fields.items()
            },
            labels=np.full(length, -1, np.int64)
            if labels is None
            else np.asarray(labels, np.int64),
            sources=Sources((Segment(path, "row", length),)),
        )

    @property
    def answers(self) -> NDArray[np.int64]:
        """Return a number for each row's target, the same for equal ones; -1 for "no label"."""
        if self.targets is None or not len(self):
            return self.labels
        _, same = np.unique(self.targets, axis=0, return_inverse=True)
        return np.where(self.labels < 0, -1, same.reshape(-1)).astype(np.int64)

    def where(self, i: int) -> str:
        """Return `path:line` of row `i` (lines from 1), or `path: row 3` for files without
        lines."""
        return self.sources.where(i)

    def text(self, i: int) -> dict[str, str]:
        """Return the fields of row `i`."""
        return {name: column[i].as_py() for name, column in self.fields.items()}

    def take(self, indices: NDArray[np.integer]) -> "Rows":
        """Return the rows `indices`, in that order."""
        chosen = np.asarray(indices, dtype=np.int64)
        wanted = pa.array(chosen)
        return Rows(
            ids=self.ids.take(wanted),
            fields={name: column.take(wanted) for name, column in self.fields.items()},
            labels=self.labels[chosen],
            sources=self.sources.take(chosen),
            targets=None if self.targets is None else self.targets[chosen],
        )

    def sample(self, most: int, generator: np.random.Generator) -> "Rows":
        """Return at most so many rows, drawn at random, in their order."""
        if len(self) <= most:
            return self
        return self.take(np.sort(generator.choice(len(self), most, replace=False)))

    @staticmethod
    def concat(parts: "list[Rows]") -> "Rows":
        """Return all rows of `parts`, one after the other, without copying their texts; the fields
        must be the same."""
        targets = [part.targets for part in parts if part.targets is not None]
        return Rows(
            ids=pa.chunked_array(
                [chunk for part in parts for chunk in part.ids.chunks], pa.string()
            ),
            fields={
                name: pa.chunked_array(
                    [chunk for part in parts for chunk in part.fields[name].chunks], pa.string()
                )
                for name in parts[0].fields
            },
            labels=np.concatenate([part.labels for part in parts]),
            sources=Sources.concat([part.sources for part in parts]),
            targets=np.concatenate(targets) if targets else None,
        )
