"""How labels that a program has in memory would stand in a file."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pet_mtl.errors import PetMtlError

# a whole number with a point, `1.0` in JSON, is the `1` of Parquet and of the verbalizer, and the
# reverse
WHOLE = r"^(-?[0-9]+)\.0+$"
_MISSING = {"NAType", "NaTType"}  # pandas' own, which need not be there


def label_text(label: Any) -> str:
    """Return a label as it would stand in a file.

    >>> label_text(3), label_text(True), label_text(2.0)
    ('3', 'true', '2')
    """
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def label_cell(label: Any) -> str:
    """Return a row's label, or its labels, as a file would have them; what is missing is empty, in
    a list the NaN that readers refuse.

    >>> label_cell(["a", 1]), label_cell("a"), label_cell(0.5)
    ('["a", "1"]', 'a', '0.5')
    >>> label_cell(["a", float("nan")]), label_cell(float("nan")), label_cell(None)
    ('["a", NaN]', '', '')
    """
    if isinstance(label, list | tuple | set | frozenset | np.ndarray):
        each = [math.nan if is_missing(one) else label_text(one) for one in label]
        if isinstance(label, set | frozenset):
            each.sort(key=str)
        return json.dumps(each, ensure_ascii=False)
    return "" if is_missing(label) else label_text(label)


def is_missing(value: Any) -> bool:
    """Say whether a value is None, or what frames have for a missing one: NaN, NA, NaT."""
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return value is None or type(value).__name__ in _MISSING


def words_by_label(words: Mapping[Any, str | Sequence[str]], task: str) -> dict[str, Any]:
    """Return the words of each label as it would stand in a file.

    Raises:
        PetMtlError: two keys are one label, such as `1` and `"1"`.
    """
    found: dict[str, Any] = {}
    for label, each in words.items():
        text = label_text(label)
        if text in found:
            raise PetMtlError(f"`labels` has the label {text!r} twice", where=f"task {task}")
        found[text] = list(each) if isinstance(each, list | tuple) else each
    return found
