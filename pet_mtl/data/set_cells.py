"""Label cells that hold a set: a JSON list, or text split at a separator."""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from pet_mtl.data.json_values import json_problem, parse_value
from pet_mtl.data.jsonl import plain_value
from pet_mtl.suite.label_lines import quoted

LIST, TEXT = "a list", "text"


class SetCell(NamedTuple):
    """The labels of a cell, each once; how they are written, empty for `[]`, which goes with both;
    what is wrong, if anything."""

    labels: list[str]
    form: str
    problem: str = ""


class SetReader:
    """Reads the cells of one task.

    A cell that begins with `[` is a JSON list. Where labels begin so too, it is text if it is no
    JSON, or if its parts are labels and it is no list of strings: `[1]`.

    >>> reader = SetReader(("[hot]", "cold"), ",")
    >>> reader.read("[hot], cold")
    SetCell(labels=['[hot]', 'cold'], form='text', problem='')
    >>> reader.read('["cold", "[hot]"]').labels
    ['cold', '[hot]']
    """

    def __init__(self, labels: Sequence[str], separator: str) -> None:
        self._separator = separator
        self._known = {label.strip() for label in labels}
        self._bracketed = any(label.startswith("[") for label in self._known)
        self._holding = [label.strip() for label in labels if separator in label.strip()]

    def read(self, cell: str) -> SetCell:
        """Return what a cell holds."""
        text = cell.strip()
        if not text:
            return SetCell([], TEXT, "the label is empty")
        items = self._parts(text)
        if not text.startswith("["):
            return _without_repeats(items, TEXT)
        values = parse_value(text)
        if self._is_text(values, items):
            return _without_repeats(items, TEXT)
        if isinstance(values, Exception):
            reason = json_problem(values)[0]
            return SetCell([], LIST, f"the list of labels cannot be read: {reason}")
        for value in values:
            if not _is_label(value):
                shown = quoted(shortened(json.dumps(value, ensure_ascii=False)))
                return SetCell([], LIST, f"the list holds {shown}, which is no label")
        labels = [str(plain_value(value)).strip() for value in values]
        return _without_repeats(labels, LIST if values else "")

    def _is_text(self, values: Any, items: Sequence[str]) -> bool:
        if not self._bracketed or _are_strings(values):
            return False
        return isinstance(values, Exception) or self._known.issuperset(items)

    def doubt(self, items: Sequence[str]) -> str | None:
        """Return the label that some items of a text may be together, if any."""
        if not self._holding:
            return None
        text = self._enclosed(items)
        found = (each for each in self._holding if self._enclosed(self._parts(each)) in text)
        return next(found, None)

    @property
    def holds_separator(self) -> str | None:
        """A label that holds the separator, which only lists can have, if any."""
        return next(iter(self._holding), None)

    def _parts(self, text: str) -> list[str]:
        return [part.strip() for part in text.split(self._separator)]

    def _enclosed(self, items: Sequence[str]) -> str:
        return self._separator.join(("", *items, ""))


def _is_label(value: Any) -> bool:
    """Say whether an item is text, a number or a truth value; NaN and infinities stand for numbers
    that are missing."""
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _are_strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _without_repeats(items: list[str], form: str) -> SetCell:
    if "" in items:
        return SetCell([], form, "a label of the set is empty")
    return SetCell(list(dict.fromkeys(items)), form)


def shortened(text: str) -> str:
    """Return a text as messages show it."""
    return text if len(text) <= 40 else f"{text[:39]}…"
