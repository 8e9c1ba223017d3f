"""Rows that cannot be read, and lines that were one row before a stray line break cut it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.audit.finding import EXAMPLES, Finding
from pet_mtl.audit.parts import Part
from pet_mtl.data.delimited import HEADER_HINT
from pet_mtl.data.table import Request, RowProblem, locate
from pet_mtl.errors import PetMtlError
from pet_mtl.text import counted


@dataclass(slots=True)
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
    message = f"{counted(len(part.bad), 'row')} cannot be used"
    hint = _remedy(part.bad)
    return figures, [Finding("error", "broken_lines", part.title, message, tuple(shown), hint)]


def _remedy(bad: Sequence[RowProblem]) -> str:
    """Return what to do with bad rows: cleaning leaves labels as they are, for they are for the
    user to say."""
    faults = {problem.fault for problem in bad if problem.hint != HEADER_HINT}
    ways = []
    if faults - {"label"}:
        ways.append("`pet-mtl data clean` mends rows that a stray line break cut")
    if "value" in faults:
        ways[-1] += " and drops those that lack a value"
    if "label" in faults:
        ways.append(
            "give the rows a label of the verbalizer, or delete them (`data clean` keeps them)"
        )
    if any(problem.hint == HEADER_HINT for problem in bad):
        ways.append(HEADER_HINT)
    return "; ".join([*ways, "`pet-mtl train --skip-bad-rows N` leaves bad rows out"])


def text_places(
    path: Path, requests: Iterable[Request], header: Sequence[str] | None, width: int
) -> set[int]:
    """Return the columns of a file that are a text of any that read it."""
    texts: set[int] = set()
    for request in requests:
        names = None if request.by_position else header
        try:
            places = locate(request, str(path), header=names, width=width)
        except PetMtlError:  # told where this one reads the file
            continue
        texts.update(places[name] for name in request.texts)
    return texts


def rejoin(
    lines: Sequence[Line], width: int, texts: Collection[int], *, glue: str = ""
) -> tuple[list[Line], list[Line]]:
    """Join neighbouring lines that together are one row, and return the whole rows and the lines
    that are none.

    A line break inside a cell leaves the cell's halves at the end of one line and at the start of
    the next one. One in the first or last column leaves a whole row beside a lone cell, which is
    joined where that column is a text. A line of one column is a row, whatever stands beside it.

    Args:
        width: columns of a row.
        texts: the columns that hold texts.
        glue: what to put where the line break stands.

    >>> rows = [["1", "新车上市", "a"], ["2", "利率"], ["上调", "b"], ["3", "天气", "a"], ["4"]]
    >>> whole, rest = rejoin([Line(number, cells) for number, cells in enumerate(rows,
    ...     start=1)], 3, {1})
    >>> [line.cells for line in whole], [line.number for line in rest]
    ([['1', '新车上市', 'a'], ['2', '利率上调', 'b'], ['3', '天气', 'a']], [5])
    """
    whole: list[Line] = []
    beyond: list[Line] = []
    at = 0
    while at < len(lines):
        row = Line(lines[at].number, list(lines[at].cells))
        last = [row.cells.pop()]  # the parts of the last cell
        while at + row.pieces < len(lines):
            following, size = lines[at + row.pieces].cells, len(row.cells) + 1
            if size == width:
                fits = len(following) == 1 and width - 1 in texts and width > 1
            else:
                fits = len(following) < width or (size == 1 and 0 in texts)
            if not fits or size + len(following) - 1 > width:
                break
            last.append(following[0])
            if len(following) > 1:
                row.cells += [glue.join(last), *following[1:-1]]
                last = [following[-1]]
            row.pieces += 1
        row.cells.append(glue.join(last))
        if len(row.cells) == width:
            whole.append(row)
            at += row.pieces
            continue
        # what begins with the next of some lone cells is joined to the same lines, in vain too
        start, at = at, at + 1
        while at < len(lines) and len(lines[at - 1].cells) == len(lines[at].cells) == 1:
            at += 1
        beyond += lines[start:at]
    return whole, beyond
