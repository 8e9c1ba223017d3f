"""The one parser of JSON data for reading, `data clean` and `init`: values of lines or an array."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pet_mtl.data.encoding import as_utf8
from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    Unpacked,
    first_line,
    lines_of,
    open_bytes,
    read_whole,
)
from pet_mtl.data.table import encoding_problem
from pet_mtl.errors import PetMtlError

# what Python takes for an object, and for a value in it
OBJECT_BYTES, VALUE_BYTES = 200, 60


class RepeatedKeys(dict[str, Any]):
    """An object in which keys stand several times, of which the last counts; `repeated` are
    these."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs)
        self.repeated = [name for name, count in counts.items() if count > 1]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(pairs)


_STRICT = json.JSONDecoder(object_pairs_hook=_object)
_LENIENT = json.JSONDecoder(strict=False, object_pairs_hook=_object)


class JsonValue(NamedTuple):
    """A value, or the exception where it is none; the number of its line or item (from 1), and its
    line's bytes (0 for an item)."""

    number: int
    value: Any
    size: int = 0


def holds_array(path: Path, encoding: str = "utf-8") -> bool:
    """Say whether a JSON file holds one array, not an object a line."""
    if encoding == "utf-8":
        line = first_line(path).lstrip()
        return (line or _first_text(path)).startswith(b"[")
    with open_bytes(path) as stream:
        return as_utf8(stream, encoding).read(1 << 10).lstrip().startswith(b"[")


def _first_text(path: Path) -> bytes:
    """Return the first line of a file that holds more than white space, from there on (of a longer
    one the first MiB)."""
    with open_bytes(path) as stream:
        line = stream.readline(1 << 20).removeprefix(BYTE_ORDER_MARK)
        while line and not line.strip():
            line = stream.readline(1 << 20)
    return line.lstrip()


def parse_value(text: bytes | str, *, strict: bool = True) -> Any:
    r"""Return the value, or the exception where there is none; an object that repeats a key is a
    `RepeatedKeys`.

    Args:
        strict: control characters in strings are errors.

    >>> parse_value(b'{"a": 1}'), parse_value('["a\tb"]', strict=False)
    ({'a': 1}, ['a\tb'])
    >>> type(parse_value('["a\tb"]'))
    <class 'json.decoder.JSONDecodeError'>
    """
    try:
        known = text.decode("utf-8") if isinstance(text, bytes) else text
        known = known.removeprefix("\ufeff")  # of each file of `cat a.jsonl b.jsonl`
        return (_STRICT if strict else _LENIENT).decode(known)
    except (ValueError, RecursionError) as error:  # also what is not UTF-8
        return error


def json_problem(error: Exception) -> tuple[str, str | None]:
    """Return what is wrong with a text that `parse_value` gave an exception for, and a hint where
    that is not its syntax.

    >>> json_problem(RecursionError())[0], json_problem(json.JSONDecodeError("no value", "", 0))
    ('lists or objects are nested too deeply', ('invalid JSON: no value', None))
    """
    if isinstance(error, RecursionError):
        hint = "give each row as one object, each value a text or a number"
        return "lists or objects are nested too deeply", hint
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON: {error.msg}", None
    hint = "is this the right file? as text, the number stands in quotes"
    return f"a number of more than {sys.get_int_max_str_digits():,} digits", hint


def line_values(stream: BinaryIO, path: str) -> Iterator[JsonValue]:
    """Yield the values of all lines that are not blank.

    Raises:
        PetMtlError: a line is longer than any row.
    """
    for number, raw in enumerate(lines_of(stream, path), start=1):
        line = raw.removeprefix(BYTE_ORDER_MARK)
        if line.strip():
            yield JsonValue(number, parse_value(line), len(line))


def array_values(stream: BinaryIO, path: str, *, strict: bool = True) -> Iterator[JsonValue]:
    """Yield the items of an array, which is read into memory whole.

    Raises:
        PetMtlError: it is not valid JSON, or of too many values (see `Unpacked`).
    """
    raw = read_whole(stream, path).removeprefix(BYTE_ORDER_MARK)
    values = max(raw.count(b":"), raw.count(b","))  # a text may hold either, lists have commas only
    Unpacked(path).add(raw.count(b"{"), len(raw) + VALUE_BYTES * values, OBJECT_BYTES)
    items = parse_value(raw, strict=strict)
    if isinstance(items, UnicodeDecodeError):
        line = raw.count(b"\n", 0, items.start)
        message, hint = encoding_problem(raw.split(b"\n")[line], path)
        raise PetMtlError(message, where=f"{path}:{line + 1}", hint=hint) from items
    if isinstance(items, Exception):
        message, remedy = json_problem(items)
        line_number = getattr(items, "lineno", None)
        where = path if line_number is None else f"{path}:{line_number}"
        raise PetMtlError(message, where=where, hint=remedy) from items
    yield from (JsonValue(number, item) for number, item in enumerate(items, start=1))
