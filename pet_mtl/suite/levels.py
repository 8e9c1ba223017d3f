"""Labels with hierarchical names, such as `news/sports`: the tree that they make."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.kind import Levels
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.verbalizer import Verbalizer


class UpperWords(BaseModel):
    """The label words of what stands above the labels; `words[i]` belong to `labels[i]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...] = ()


def path_of(label: str, separator: str) -> tuple[str, ...]:
    """Return the names from the top down to a label.

    >>> path_of("news/sports/ball", "/")
    ('news', 'news/sports', 'news/sports/ball')
    """
    parts = label.split(separator)
    return tuple(separator.join(parts[: depth + 1]) for depth in range(len(parts)))


def parent_of(label: str, separator: str) -> str:
    """Return the name above a label; an empty one above those at the top."""
    return label.rpartition(separator)[0]


def inner_labels(labels: Sequence[str], separator: str) -> tuple[str, ...]:
    """Return the names that stand above some label, in the order of the labels.

    >>> inner_labels(["news/sports", "news/money", "weather"], "/")
    ('news',)
    """
    return tuple(dict.fromkeys(name for label in labels for name in path_of(label, separator)[:-1]))


def split_levels(
    verbalizer: Verbalizer, levels: Levels, separator: str
) -> tuple[Verbalizer, UpperWords | None]:
    """Return the labels of a verbalizer, which are the leaves of the tree, and the words of what
    stands above them; these only where levels are scored.

    Raises:
        PetMtlError: no label has a level, a level has no name, or, where levels are scored, no
            words; fewer than two leaves.
    """
    problems, number = ProblemList(), {name: k for k, name in enumerate(verbalizer.labels)}
    for label, place in number.items():
        if "" in (part.strip() for part in label.split(separator)):
            problems.add(
                f"label {quoted(label)} has a level without a name",
                where=verbalizer.where(place),
                hint=f"write names on both sides of each `{separator}`, or set another "
                "`level_separator`",
            )
    problems.raise_if_any()
    inner = inner_labels(verbalizer.labels, separator)
    leaves = [label for label in verbalizer.labels if label not in inner]
    if not inner:
        raise PetMtlError(
            f"`levels: {levels}`, but no label holds the separator `{separator}`",
            where=verbalizer.source,
            hint="write labels as `news/sports`, set `level_separator`, or leave `levels` out",
        )
    if len(leaves) < 2:
        raise PetMtlError(
            f"only one label without another below it, {quoted(leaves[0])}; a task needs at least "
            "two",
            where=verbalizer.where(number[leaves[0]]),
        )
    for name in inner if levels == "by_level" else ():
        if name not in number:
            below = next(leaf for leaf in leaves if name in path_of(leaf, separator))
            problems.add(
                f"the level {quoted(name)} above label {quoted(below)} has no label words",
                where=verbalizer.where(number[below]),
                hint=f"add a line for it: {name}  WORD; or score labels alone: `levels: joint`",
            )
    problems.raise_if_any()
    places = [number[leaf] for leaf in leaves]
    done = Verbalizer(
        labels=tuple(leaves),
        words=tuple(verbalizer.words[place] for place in places),
        source=verbalizer.source,
        lines=tuple(verbalizer.lines[place] for place in places) if verbalizer.lines else (),
    )
    if levels == "joint":
        return done, None
    above = [number[name] for name in inner]
    return done, UpperWords(
        labels=inner,
        words=tuple(verbalizer.words[place] for place in above),
        lines=tuple(verbalizer.lines[place] for place in above) if verbalizer.lines else (),
    )
