"""Rows in memory: lists, tuples, pandas, numpy, Arrow, `datasets`, generators."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from pet_mtl.data.jsonl import encodable
from pet_mtl.data.parquet import label_names
from pet_mtl.errors import PetMtlError

MEMORY = "memory"  # the source of rows that a program gave, and of a task of label names alone
NO_FILE = (
    "its rows are in no file: they were in the memory of the program that made it, or it was made "
    "with `--labels`"
)


def row_list(rows: Any) -> list[Any]:
    """Return rows as a list of texts, of tuples, or of mappings.

    Frames and tables of any library become mappings, known by what they can do, so none of them is
    imported here.

    >>> row_list(("a", "b")), row_list(text for text in "ab"), row_list({"text": ["a", "b"]})
    (['a', 'b'], ['a', 'b'], [{'text': 'a'}, {'text': 'b'}])

    Raises:
        PetMtlError: one text or one row instead of several, a set, or nothing that holds rows.
    """
    columns = isinstance(rows, Mapping) and rows and all(map(_is_column, rows.values()))
    if columns:
        names, values = list(rows), [row_list(column) for column in rows.values()]
        if len({len(column) for column in values}) > 1:
            lengths = ", ".join(
                f"`{name}` {len(column)}" for name, column in zip(names, values, strict=True)
            )
            raise PetMtlError(f"the columns of `rows` have several lengths: {lengths}")
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    if isinstance(rows, str | bytes | Mapping):  # a text is a sequence of texts, too
        what = "row" if isinstance(rows, Mapping) else "text"
        raise PetMtlError(
            f"`rows` is one {what}, not a list of rows", hint="put it in a list: `predict([row])`"
        )
    if hasattr(rows, "to_dicts"):  # polars
        return list(rows.to_dicts())
    if hasattr(rows, "columns") and hasattr(rows, "to_dict"):  # pandas
        _refuse_twice(rows.columns)
        return list(rows.to_dict(orient="records"))
    if hasattr(rows, "to_pylist"):  # Arrow
        _refuse_twice(getattr(rows, "column_names", ()))
        return list(rows.to_pylist())
    if hasattr(rows, "tolist") or hasattr(rows, "to_list"):  # numpy, a pandas series
        listed = rows.tolist() if hasattr(rows, "tolist") else rows.to_list()
        if isinstance(listed, list):
            return listed
    if isinstance(rows, Set):
        raise PetMtlError("`rows` is a set, which has no order", hint="give a list of rows")
    if isinstance(rows, Iterable) and getattr(rows, "shape", None) != ():
        return list(rows)
    raise PetMtlError(
        f"`rows` is no list of rows, found {type(rows).__name__}",
        hint="give a list of texts, of tuples of texts, or of mappings; or a frame or table",
    )


def named_labels(labels: Sequence[Any], rows: Any, column: str, known: Set[str]) -> list[Any]:
    """Return labels by name where rows of `datasets` number them and these names are known, as
    files of such rows are read; else as they are.

    Args:
        labels: numbers, or lists of them.
        rows: what they are a column of.
    """
    to_dict = getattr(getattr(rows, "features", None), "to_dict", None)
    names = label_names(to_dict()).get(column) if to_dict else None
    if names is None or known.isdisjoint(names):
        return list(labels)
    name_of = dict(enumerate(names))
    return [
        [name_of.get(each, each) for each in label]
        if isinstance(label, list)
        else name_of.get(label, label)
        for label in labels
    ]


def _refuse_twice(names: Iterable[Any]) -> None:
    """Refuse two columns of one name: as mappings, rows would hold the values of the last alone.

    Raises:
        PetMtlError: there are some.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise PetMtlError(f"{count} columns of `rows` are named `{name}`", hint="rename them")


def _is_column(value: Any) -> bool:
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return listed or hasattr(value, "tolist") or hasattr(value, "to_pylist")


def text_columns(rows: Sequence[Any], fields: Sequence[str], task: str) -> dict[str, list[str]]:
    """Return the texts of each field.

    Args:
        rows: texts for a task with one field, tuples in the order of the fields, or mappings.

    Raises:
        PetMtlError: a row lacks the text of a field.
    """
    columns: dict[str, list[str]] = {name: [] for name in fields}
    for number, row in enumerate(rows):
        values: Any = row
        if isinstance(row, str):
            values = {fields[0]: row} if len(fields) == 1 else {}
        elif isinstance(row, list | tuple) or (hasattr(row, "tolist") and hasattr(row, "shape")):
            values = dict(zip(fields, row, strict=True)) if len(row) == len(fields) else {}
        for name, column in columns.items():
            value = values.get(name) if isinstance(values, Mapping) else None
            if not isinstance(value, str):
                raise PetMtlError(
                    f"rows[{number}] gives no text for the field `{name}`",
                    hint=f"task `{task}` takes rows such as {_example(fields)}",
                )
            if not encodable(value):
                raise PetMtlError(
                    f"rows[{number}]: the text of `{name}` holds half a surrogate pair",
                    hint="an emoji was cut in two: take what is left of it out",
                )
            column.append(str(value))
    return columns


def _example(fields: Sequence[str]) -> str:
    mapping = str(dict.fromkeys(fields, "…"))
    return mapping if len(fields) == 1 else f"{tuple('…' for _ in fields)} or {mapping}"
