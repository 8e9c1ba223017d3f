"""What `scaling.py` asks: a point of the measurement, and the lines on which points stand."""

from collections.abc import Callable
from dataclasses import dataclass, replace

PARTS = ("read", "compile", "encode", "plan", "train", "score")


@dataclass(frozen=True)
class Point:
    """What is measured at once.

    Attributes:
        rows: of all tasks together.
        words: of each label.
        lengths: of words, in pieces: from 1 to so many.
        text: characters of a text; None: as news titles have them.
    """

    rows: int = 20_000
    tasks: int = 1
    labels: int = 15
    words: int = 1
    lengths: int = 1
    text: int | None = None


@dataclass(frozen=True)
class Axis:
    """One line of questions: sizes, and the point of each.

    Attributes:
        linear: slope that is expected, with the reason.
    """

    name: str
    sizes: tuple[int, ...]
    point: Callable[[Point, int], Point]
    linear: str


AXES = {
    "rows": Axis(
        "rows",
        (10_000, 100_000, 1_000_000),
        lambda p, n: replace(p, rows=n),
        "1 for read, encode and plan; 0 for a thousand rows of training and scoring",
    ),
    "tasks": Axis(
        "tasks (the same rows)",
        (3, 30, 100),
        lambda p, n: replace(p, tasks=n),
        "0 but for compile, which has more patterns and words",
    ),
    "words": Axis(
        "label words (15 labels)",
        (15, 150, 1500),
        lambda p, n: replace(p, words=n // p.labels),
        "0 but for compile",
    ),
    "labels": Axis(
        "labels (a word each)",
        (15, 150, 1500),
        lambda p, n: replace(p, labels=n),
        "0 but for compile",
    ),
    "lengths": Axis(
        "lengths of words",
        (1, 2, 4, 8),
        lambda p, n: replace(p, labels=16, lengths=n),
        "1 for train and score: a prompt a row for each length",
    ),
    "text": Axis(
        "characters of a text",
        (16, 64, 128, 256, 500),
        lambda p, n: replace(p, text=n, rows=p.rows // 4),
        "1, and more for long texts: attention is quadratic",
    ),
}
