"""Rows that cannot be read, and lines that were one row before a stray line break cut it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pet_mtl.audit.finding import EXAMPLES, Finding
from pet_mtl.audit.parts import Part
from pet_mtl.data.table import Request, usual_width


@dataclass
class Line:
    """A line of a delimited file, or several that were joined; `number` is that of the first."""

    number: int
    cells: list[str]
    pieces: int = 1


def check_broken_lines(part: Part) -> tuple[dict[str, Any], list[Finding]]:
    """Count the rows that `train` would refuse."""
    figures = {"rows": len(part.rows), "bad_rows": len(part.bad)}
    if not part.bad:
        return figures, []
    shown = [f"{problem.where}: {problem.message}" for problem in part.bad[:EXAMPLES]]
    shown += ["…"] if len(part.bad) > EXAMPLES else []
    message = "1 row cannot be used" if len(part.bad) == 1 else f"{len(part.bad):,} rows cannot be used"
    hint = "`pet-mtl data clean` mends rows that a stray line break cut; `--skip-bad-rows N` leaves bad rows out"
    return figures, [Finding("error", "broken_lines", part.title, message, tuple(shown), hint)]


def rejoin(
    lines: Sequence[Line], request: Request, width: int | None, *, glue: str = ""
) -> tuple[int, list[Line], list[Line]]:
    """Join neighbouring lines with too few columns that together are one row.

    A line break inside a cell leaves the cell's halves at the end of one line and at the start of the next one.

    Args:
        width: columns of a row, None where the usual number is to be found.
        glue: what stood where the line break stands.

    Returns:
        The width, the whole rows, and the lines that are none.

    >>> rows = [["1", "新车上市", "a"], ["2", "利率"], ["上调", "b"], ["3", "天气", "a"], ["4"]]
    >>> lines = [Line(number, cells) for number, cells in enumerate(rows, start=1)]
    >>> width, whole, rest = rejoin(lines, Request({"text": 1, "label": 2}), None)
    >>> [line.cells for line in whole], [line.number for line in rest]
    ([['1', '新车上市', 'a'], ['2', '利率上调', 'b'], ['3', '天气', 'a']], [5])
    """
    if width is None:
        width = usual_width(np.array([len(line.cells) for line in lines] or [0]), request)
    whole: list[Line] = []
    beyond: list[Line] = []
    at = 0
    while at < len(lines):
        row = Line(lines[at].number, list(lines[at].cells))
        while len(row.cells) < width and at + row.pieces < len(lines):
            following = lines[at + row.pieces].cells
            if len(following) >= width or len(row.cells) + len(following) - 1 > width:
                break
            row.cells[-1] += glue + following[0]
            row.cells += following[1:]
            row.pieces += 1
        if len(row.cells) == width:
            whole.append(row)
            at += row.pieces
        else:
            beyond.append(lines[at])
            at += 1
    return width, whole, beyond
