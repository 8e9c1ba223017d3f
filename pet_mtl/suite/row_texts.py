"""What a row holds and what patterns read of it: the columns and the patterns of a task."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pet_mtl.errors import PetMtlError, Problem
from pet_mtl.suite.pattern import LABEL_NAME, MASK_NAME, parse_pattern
from pet_mtl.suite.validation import found

LABEL_COLUMN = "label"
ID_COLUMN = "id"
_WIDE_FIELD = re.compile(r"｛\s*(\w+)\s*｝")


def column_problems(
    columns: Mapping[str, Any], *, labelled: bool = True
) -> Iterator[tuple[str | None, Problem]]:
    """Yield what is wrong with the columns of a task, which has rows with labels if `labelled`;
    each with the column it is about, if one."""
    taken: dict[int | str, str] = {}
    for name, column in columns.items():
        if name == MASK_NAME:
            hint = "`{mask}` is the place of the label word"
            yield name, Problem("no column can be called `mask`", hint=hint)
        elif not name.isidentifier():
            hint = "use letters, digits and `_`, no digit at the start"
            yield name, Problem(f"`{name}` is not a field name", hint=hint)
        if isinstance(column, bool) or not isinstance(column, int | str) or column == "":
            message = f"column `{name}` must be a position (from 0) or a name"
            hint = "a file without a header has positions, one with a header (or JSON keys) names"
            yield name, Problem(f"{message}, found {found(column)}", hint=hint)
        elif isinstance(column, int) and column < 0:
            yield name, Problem(f"column `{name}` must be 0 or more, found `{column}`")
        elif column in taken:
            yield name, Problem(f"columns `{taken[column]}` and `{name}` are both `{column}`")
        else:
            taken[column] = name
    if len({isinstance(column, str) for column in taken}) > 1:
        hint = "use positions for a file without a header, names for one with a header"
        yield None, Problem("columns mix positions and names", hint=hint)
    if labelled and LABEL_COLUMN not in columns:
        hint = "say where the labels are: columns: {…, label: 2}"
        yield None, Problem("no `label` column", hint=hint)
    if not set(columns) - {LABEL_COLUMN, ID_COLUMN}:
        hint = "name a field, for example: columns: {text: 1, …}"
        yield None, Problem("no text column", hint=hint)


def pattern_problems(
    source: str, columns: Iterable[str] | None, *, statements: bool
) -> Iterator[Problem]:
    """Yield what is wrong with a pattern and with its fields.

    Args:
        columns: that there are; None: not known.
        statements: `{label}` may stand in it.
    """
    try:
        pattern = parse_pattern(source)
    except PetMtlError as error:
        yield from error.problems
        return
    fields = [name for name in columns or () if name not in (LABEL_COLUMN, ID_COLUMN)]
    if not pattern.fields:
        hint = "put the row's text in, as in `{text}`"
        yield Problem(f"no field in the pattern `{source}`", hint=hint)
    for name in _WIDE_FIELD.findall(source):
        if name in fields:
            hint = f"write `{{{name}}}`, with the ASCII braces"
            yield Problem(f"`{name}` stands in full-width braces, which are plain text", hint=hint)
    for name in pattern.fields:
        if name == LABEL_NAME and statements:
            continue
        if name in (LABEL_COLUMN, ID_COLUMN):
            yield Problem(f"the pattern uses `{{{name}}}`, which is not a text")
        elif columns is not None and name not in fields:
            known = "columns: " + ", ".join(f"`{field}`" for field in fields)
            hint = "write `{mask}` in lower case" if name.lower() == MASK_NAME else known
            message = f"the pattern uses `{{{name}}}`, but `columns` has no `{name}`"
            yield Problem(message, hint=hint)
