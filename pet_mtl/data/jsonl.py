"""Read JSON lines (CLUE, FewCLUE) and files that hold one JSON array of objects."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pet_mtl.data.encoding import as_utf8
from pet_mtl.data.files import open_bytes
from pet_mtl.data.json_values import (
    JsonValue,
    RepeatedKeys,
    array_values,
    holds_array,
    json_problem,
    line_values,
)
from pet_mtl.data.table import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    BadRows,
    Chunk,
    Fault,
    Request,
    encoding_problem,
)
from pet_mtl.errors import PetMtlError

KINDS = {type(None): "null", bool: "true or false", list: "a list", dict: "an object"}


_REPEATED = "keep the right one of its values; `pet-mtl data clean` keeps the last"
_LAYOUT = "the file must hold one JSON object per line, or one array of objects"


def read_json(path: Path, suffix: str, request: Request, bad: BadRows) -> Iterator[Chunk]:
    """Yield the good rows of a JSON file in chunks and note the bad ones.

    Numbers become text as Python writes them (`103`, `0.5`), true and false `true` and `false`; a
    list of one value is that value, and `data.text` is the key `text` of the object `data`.

    An array is read into memory whole, lines are not.

    Raises:
        PetMtlError: the columns are positions (see `Request.of_names`), or an array is not valid
            JSON.
    """
    request = request.of_names()
    if request.by_position:
        hint = "write `columns: {title: sentence, label: label_desc}`: each field and its JSON key"
        raise PetMtlError(
            "`columns` holds positions, but JSON values have names", where=str(path), hint=hint
        )
    is_array = holds_array(path, request.encoding)
    if is_array:
        bad.unit = "item"
    with open_bytes(path) as stream:
        text = as_utf8(stream, request.encoding)
        values = (array_values if is_array else line_values)(text, bad.path)
        yield from _chunks(values, request, bad)


def _chunks(values: Iterable[JsonValue], request: Request, bad: BadRows) -> Iterator[Chunk]:
    optional = {name for name in request.columns if request.may_lack(name)}
    keys = [(name, str(column)) for name, column in request.columns.items()]
    cells: dict[str, list[str]] = {name: [] for name, _ in keys}
    lines: list[int] = []
    rows: list[int] = []
    filled = 0
    for row, (number, value, size) in enumerate(values):
        if isinstance(value, Exception):
            hint: str | None
            if isinstance(value, UnicodeDecodeError):
                message, hint = encoding_problem(value.object, bad.path)
            else:
                message, hint = json_problem(value)
            bad.add(number, message, hint=hint or _LAYOUT)
            continue
        texts = _row_texts(value, keys, optional, request.lists)
        if isinstance(texts, _Wrong):
            bad.add(number, texts.message, hint=texts.hint, fault=texts.fault)
            continue
        for (name, _), text in zip(keys, texts, strict=True):
            cells[name].append(text)
        lines.append(number)
        rows.append(row)
        filled += size
        if len(lines) >= CHUNK_ROWS or filled >= CHUNK_BYTES:
            yield _chunk(cells, lines, rows)
            cells = {name: [] for name, _ in keys}
            lines, rows, filled = [], [], 0
    if lines:
        yield _chunk(cells, lines, rows)


def _chunk(cells: dict[str, list[str]], lines: list[int], rows: list[int]) -> Chunk:
    columns = {name: pa.array(values, pa.string()) for name, values in cells.items()}
    return Chunk(columns, np.array(lines, np.int64), np.array(rows, np.int64))


class _Wrong(NamedTuple):
    """What is wrong with a row."""

    message: str
    fault: Fault = "row"
    hint: str | None = None


def _row_texts(
    value: Any, keys: list[tuple[str, str]], optional: set[str], lists: bool = False
) -> list[str] | _Wrong:
    """Return the wanted values of one row as text, or what is wrong with it; with `lists`, a list
    of labels as its JSON text."""
    if not isinstance(value, dict):
        kind = KINDS.get(type(value), "a number or text")
        return _Wrong(f"expected an object, found {kind}")
    texts = []
    for name, key in keys:
        text = _cell_text(value, name, key, optional=name in optional, lists=lists)
        if isinstance(text, _Wrong):
            return text
        texts.append(text)
    return texts


def _cell_text(
    row: dict[str, Any], name: str, key: str, *, optional: bool, lists: bool
) -> str | _Wrong:
    holder, last = (row, key) if key in row else holder_of(row, key)
    if not (isinstance(holder, dict) and last in holder):
        return "" if optional else _missing(row, name, key)
    if isinstance(holder, RepeatedKeys) and last in holder.repeated:
        return _Wrong(f"the key `{key}` stands several times", hint=_REPEATED)
    text: str | _Wrong = holder[last]
    if not isinstance(text, str):
        text = _as_text(text, name, key, optional=optional, lists=lists)
    if isinstance(text, str) and not text.isascii() and not encodable(text):
        return _Wrong(f"the value of `{key}` holds half a surrogate pair, which is no character")
    return text


def _missing(row: dict[str, Any], name: str, key: str) -> _Wrong:
    near = ", ".join(f"`{other[:40]}`" for other in list(row)[:20])
    near = near.encode("utf-8", "replace").decode("utf-8")
    wanted = f"no key `{key}` (wanted by `columns.{name}`)"
    return _Wrong(f"{wanted}, found {near or 'an empty object'}", "value")


def _as_text(value: Any, name: str, key: str, *, optional: bool, lists: bool) -> str | _Wrong:
    """Return the text of a value that is no text itself, or what is wrong with it."""
    if lists and name == "label" and isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    found = plain_value(value)
    if optional and (
        found is None
        or _is_not_finite(found)
        or (name == "label" and isinstance(found, list | dict))
    ):
        return ""  # what nobody reads need not be readable
    if isinstance(found, str):
        return found
    if isinstance(found, list) and found:
        several = "rows with several labels are of `kind: multi_label`"
        return _Wrong(
            f"the value of `{key}` is a list of {len(found)}: {_shown(found)}, expected one",
            hint=several if name == "label" else None,
        )
    kind = json.dumps(found) if _is_not_finite(found) else KINDS.get(type(found))
    if kind is None:
        return str(found)
    fault: Fault = "value" if found is None or _is_not_finite(found) else "row"
    return _Wrong(f"the value of `{key}` is {kind}, expected text or a number", fault)


def _is_not_finite(value: Any) -> bool:
    """Say whether a value is NaN or an infinity, as programs write numbers that are missing."""
    return isinstance(value, float) and not math.isfinite(value)


def holder_of(value: dict[str, Any], key: str) -> tuple[Any, str]:
    """Return what holds the value of a key, which may be one of keys, and its last part.

    The holder may be no object, or lack that part; a key of the row itself comes first.

    >>> holder_of({"data": {"text": "a"}}, "data.text"), holder_of({"a.b": 1}, "a.b")
    (({'text': 'a'}, 'text'), ({'a.b': 1}, 'a.b'))
    """
    if key in value:
        return value, key
    holder: Any = value
    *way, last = key.split(".")
    for part in way:
        holder = holder.get(part) if isinstance(holder, dict) else None
    return holder, last


def plain_value(value: Any) -> Any:
    """Return the one value of a list of one, and true and false as text; all else as it is.

    >>> plain_value(["正面"]), plain_value(True), plain_value(["a", "b"]), plain_value(0.5)
    ('正面', 'true', ['a', 'b'], 0.5)
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return str(value).lower() if isinstance(value, bool) else value


def _shown(values: list[Any]) -> str:
    return ", ".join(f"`{str(value)[:20]}`" for value in values[:5]) + (
        ", …" if len(values) > 5 else ""
    )


def encodable(text: str) -> bool:
    """Say whether a text holds no half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
