"""The cells of a table that is kept whole: short ones that come again are held once, and a small
file of too many is refused."""

from pathlib import Path
from typing import Any

from pet_mtl.data.files import Unpacked

SHORT = 16  # characters of a cell that is looked up; longer ones seldom come again
MOST_KNOWN = 100_000  # different short cells
CELL_BYTES = 100  # its places in columns, here and where the task is tried
BLANK_BYTES = 16  # the same of one without a value
TEXT_BYTES = 60  # what Python takes for a text beside its characters
STEP = 10_000  # cells


class HeldCells:
    """Gives back one object for equal short texts, and counts what all cells take.

    >>> held = HeldCells(Path("a.csv"))
    >>> one, other = "".join(["a", "b"]), "".join(["a", "b"])
    >>> one is other, held.text(one) is held.text(other)
    (False, True)
    """

    def __init__(self, path: Path) -> None:
        self._known: dict[str, str] = {}
        self._unpacked = Unpacked(path)
        self._cells = self._size = 0

    def text(self, cell: str) -> str:
        """Return a cell that is equal, and count it."""
        self._cells += 1
        if len(cell) <= SHORT:
            known = self._known.get(cell)
            if known is not None:
                return known
            if len(self._known) < MOST_KNOWN:
                self._known[cell] = cell
        self._size += TEXT_BYTES + len(cell)
        return cell

    def value(self, value: Any) -> Any:
        """Return a value that is equal, texts in a list too, and count it."""
        if isinstance(value, str):
            return self.text(value)
        self._cells += 1
        if isinstance(value, list):
            self._size += TEXT_BYTES
            return [self.value(item) for item in value]
        return value

    def blanks(self, count: int) -> None:
        """Count cells without a value: where each row has keys of its own, nearly all are."""
        self._size += count * BLANK_BYTES

    def check(self) -> None:
        """Say when it is too much, now and then.

        Raises:
            PetMtlError: see `Unpacked`.
        """
        if self._cells >= STEP or self._size >= STEP * CELL_BYTES:
            self._unpacked.add(self._cells, self._size, CELL_BYTES)
            self._cells = self._size = 0
