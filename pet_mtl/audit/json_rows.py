"""JSON on its way through `data clean`: numbers that Python would lose are kept, what no file may
hold is mended."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from pet_mtl.data.json_values import RepeatedKeys
from pet_mtl.data.jsonl import encodable
from pet_mtl.data.set_cells import shortened
from pet_mtl.suite.label_lines import quoted

SHOWN = 3  # keys of a row
# a text that is never closed is one too, so that each character is read once
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"?'
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(f"{_TEXT}|{_NUMBER}", re.S)
# without one of these no number is beyond a float
_LARGE = re.compile(r"\d[eE]\+?\d{3}|\d{200}")
_KEPT = re.compile(rf'(?<=[\[ ])"\\u0000({_NUMBER})\\u0000"')
_HALF = re.compile("[\ud800-\udfff]")


def keep_numbers(text: str) -> str:
    r"""Return JSON in which numbers beyond a float, which Python reads as infinite, are texts in
    marks; `row_text` writes them as the numbers they were.

    >>> row_text(json.loads(keep_numbers('{"text": "1e400", "score": [1e400, 0.5]}')))
    '{"text": "1e400", "score": [1e400, 0.5]}'
    """
    return _TOKEN.sub(_kept, text) if _LARGE.search(text) else text


def _kept(found: re.Match[str]) -> str:
    token = found[0]
    if token.startswith('"') or token.lstrip("-").isdecimal() or math.isfinite(float(token)):
        return token
    return rf'"\u0000{token}\u0000"'


def mend_value(value: Any) -> tuple[Any, list[str]]:
    r"""Return a parsed value without halves of surrogate pairs, `NaN` and `Infinity`, and which of
    them it held; also which keys were there several times.

    >>> mend_value({"text": "good \ud83d film", "score": [float("nan"), 1]})[1]
    ['NaN or Infinity, which are no JSON', 'half a surrogate pair']
    """
    keys = dict.fromkeys(_repeated(value))
    kinds = []
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(value, ensure_ascii=False)
        kinds.append("NaN or Infinity, which are no JSON")
    if not encodable(text):
        text = _HALF.sub("\ufffd", text)
        kinds.append("half a surrogate pair")
    mended = json.loads(text, parse_constant=lambda _: None) if kinds else value
    if keys:
        names = _HALF.sub("\ufffd", ", ".join(quoted(shortened(key)) for key in [*keys][:SHOWN]))
        more = ", …" if len(keys) > SHOWN else ""
        kinds.append(f"keys that stand several times, of which the last counts: {names}{more}")
    return mended, kinds


def _repeated(value: Any) -> Iterator[str]:
    """Yield the keys that an object, or one in it, has several times."""
    if isinstance(value, RepeatedKeys):
        yield from value.repeated
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            if isinstance(each, dict | list):
                yield from _repeated(each)


def row_text(value: Any) -> str:
    """Return a row as JSON on one line."""
    return _KEPT.sub(r"\1", json.dumps(value, ensure_ascii=False, allow_nan=False))
