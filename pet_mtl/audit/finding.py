"""What a check has to say."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pet_mtl.text import one_line

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        level: `error` makes scores worthless or `train` refuse, `warning` should be looked at,
            `note` is good to know.
        check: the file of this package that found it.
        about: the task and part, `tnews/train`.
        message: what was found.
        where: the first places, `…` last if there are more.
        hint: what to do.

    >>> print(Finding("warning", "repeats", "tnews/train", "3 rows repeat a text",
    ...     ("a.csv:2",), "see `data clean`"))
    warning: tnews/train: 3 rows repeat a text (a.csv:2)
      hint: see `data clean`
    """

    level: Level
    check: str
    about: str
    message: str
    where: tuple[str, ...] = ()
    hint: str | None = None

    def __str__(self) -> str:
        places = f" ({', '.join(self.where)})" if self.where else ""
        hint = f"\n  hint: {one_line(self.hint)}" if self.hint else ""
        return one_line(f"{self.level}: {self.about}: {self.message}{places}") + hint

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def first_places(where: Callable[[int], str], rows: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the places of the first rows, and a mark if there are more."""
    return (*(where(int(row)) for row in rows[:EXAMPLES]), *(["…"] if len(rows) > EXAMPLES else []))


def share(part: int, whole: int) -> str:
    """Return a count with its percentage.

    >>> share(3641, 53360), share(1, 53360)
    ('3,641 of 53,360 rows (6.8 %)', '1 of 53,360 rows')
    """
    percent = 100 * part / whole
    return f"{part:,} of {whole:,} rows" + (f" ({percent:.1f} %)" if percent >= 0.05 else "")
