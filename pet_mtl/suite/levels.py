"""Labels with hierarchical names, such as `news/sports`: the tree that they make."""

from collections.abc import Sequence
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.kind import Levels
from pet_mtl.suite.label_lines import line_for, quoted
from pet_mtl.suite.verbalizer import Verbalizer


class UpperWords(BaseModel):
    """The label words of what stands above the labels; `words[i]` belong to `labels[i]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _check_shape(self) -> Self:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError("`above` needs a label, and each once")
        if len(self.words) != len(self.labels) or not all(self.words):
            raise ValueError("every label of `above` needs a word")
        if self.lines and len(self.lines) != len(self.labels):
            raise ValueError("`lines` of `above` must have one number per label")
        return self


_Words = TypeVar("_Words", Verbalizer, UpperWords)


def in_order(given: _Words, labels: Sequence[str]) -> _Words:
    """Return the same words with the labels in another order."""
    place = {label: number for number, label in enumerate(given.labels)}
    changes = {"labels": tuple(labels)}
    for name in ("words", "lines"):
        of_label = getattr(given, name)
        changes[name] = tuple(of_label[place[label]] for label in labels) if of_label else ()
    return given.model_copy(update=changes)


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
                hint=f"add a line for it: {line_for(name, verbalizer.source)}; or score labels "
                "alone: `levels: joint`",
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


def check_tree(
    labels: Sequence[str],
    levels: Levels | None,
    separator: str,
    above: UpperWords | None,
    *,
    lines: bool,
) -> None:
    """Refuse labels and words above them that are no tree: a stored task is not written by us only.

    Args:
        lines: the labels have line numbers.

    Raises:
        ValueError: words above labels without levels that are scored, or the other way round; they
            are not those of what stands above the labels; a label stands above another.
    """
    if (above is not None) != (levels == "by_level"):
        raise ValueError("`above` has the words of upper levels for `levels: by_level`")
    if levels is None:
        return
    inner = set(inner_labels(labels, separator))
    if both := sorted(inner.intersection(labels)):
        raise ValueError(f"the label {quoted(both[0])} stands above another")
    if above is not None and inner != set(above.labels):
        raise ValueError("the labels of `above` are not those that stand above the labels")
    if above is not None and bool(above.lines) != lines:
        raise ValueError("`lines` of the verbalizer and of `above` must both be there, or neither")
