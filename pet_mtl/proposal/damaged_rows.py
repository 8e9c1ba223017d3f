"""Rows that are not UTF-8: damaged ones among others, or those of a file in another encoding."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pet_mtl.data.encoding import is_another
from pet_mtl.data.json_values import JsonValue
from pet_mtl.data.jsonl import encodable
from pet_mtl.data.table import encoding_problem
from pet_mtl.errors import PetMtlError


class DamagedRows:
    """Counts the rows that are not UTF-8. Some are left out; where many are, and hardly another row
    has more than ASCII, the file is in another encoding.

    >>> rows = DamagedRows(Path("a.csv"))
    >>> rows.is_damaged(1, "good"), rows.is_damaged(2, "b\\udcfcse"), rows.count
    (False, True, 1)
    """

    def __init__(self, path: Path) -> None:
        self._path, self._first = path, (0, b"")
        self.count = self._plain = self._beyond_ascii = 0

    def is_damaged(self, line: int, text: str) -> bool:
        """Count a row, in whose text bytes that are not UTF-8 are lone surrogates."""
        if encodable(text):
            self._plain += text.isascii()
            self._beyond_ascii += not text.isascii()
            return False
        if not self.count:
            self._first = line, text.encode("utf-8", "surrogateescape")
        self.count += 1
        return True

    def refuse(self) -> None:
        """Refuse a file that is in another encoding.

        Raises:
            PetMtlError: it is.
        """
        rows = self.count + self._plain + self._beyond_ascii
        if is_another(self.count, self._beyond_ascii, rows):
            line, text = self._first
            message, hint = encoding_problem(text, str(self._path))
            raise PetMtlError(message, where=f"{self._path}:{line}", hint=hint)


def checked_values(values: Iterator[JsonValue], path: Path) -> Iterator[Any]:
    """Yield the values of JSON lines.

    Raises:
        PetMtlError: they are in another encoding.
    """
    rows = DamagedRows(path)
    for number, value, _ in values:
        if isinstance(value, UnicodeDecodeError):
            rows.is_damaged(number, value.object.decode("utf-8", "surrogateescape"))
        else:
            texts = value.values() if isinstance(value, dict) else ()
            foreign = any(isinstance(text, str) and not text.isascii() for text in texts)
            rows.is_damaged(number, "é" if foreign else "")
        yield value
    rows.refuse()
