"""How much longer a tokenizer makes a text: a few lines of `tokenizer.json` can take all memory."""

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.checked_json import read_bounded

_MOST = 10_000  # characters of one; what BERT, ALBERT, T5 and LLaMA have comes to 1,000
_PARTS = (("normalizer", "pre_tokenizer"), ("decoder",))  # those of a tuple follow each other
_NESTED = ("normalizers", "pretokenizers", "decoders")
# what Unicode makes of one character at the most; those that are left out make one or none
_CHARACTERS = {
    "BertNormalizer": 12.0,
    "ByteLevel": 4.0,
    "Lowercase": 2.0,
    "NFC": 3.0,
    "NFD": 4.0,
    "NFKC": 18.0,
    "NFKD": 18.0,
}
# expressions of which we know that each match has a character: letters and sets, one or more times
_NEVER_EMPTY = re.compile(
    r"(?:(?:[^\\\[\](){}*+?|^$]|\\[sdwSDW.]|\[[^\[\]\\]+\])(?:\+|\{[1-9]\d*,\})?)+"
)


def check_growth(file: Path) -> None:
    """Refuse a `tokenizer.json` that makes a text longer without bound.

    Raises:
        PetMtlError: it does.
        OSError: the file cannot be read.
        ValueError: it is no JSON, or a step is no object.
    """
    content = json.loads(read_bounded(file))
    if isinstance(content, dict):
        _check({name: content.get(name) for names in _PARTS for name in names}, str(file))


def check_loaded_growth(tokenizer: Any, where: str) -> None:
    """Refuse a tokenizer that makes a text longer without bound, whatever files its steps came
    from: transformers makes them of a `vocab.txt` or a SentencePiece model too.

    What is written in Python, a whole tokenizer or a step (`PreTokenizer.custom`), cannot be looked
    at.

    Raises:
        PetMtlError: it does.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    steps = {name: getattr(backend, name, None) for names in _PARTS for name in names}
    _check({name: _content(step) for name, step in steps.items()}, where)


def _content(step: Any) -> Any:
    """Return what a file says of a loaded step; None where there is none, or it is no file's."""
    try:
        # what the library pickles of a step is its JSON
        return None if step is None else json.loads(step.__getstate__())
    except MemoryError:
        raise
    except Exception:  # the library raises bare ones
        return None


def _check(steps: Mapping[str, Any], where: str) -> None:
    for names in _PARTS:
        if (growth := math.prod(_growth(steps.get(name)) for name in names)) > _MOST:
            named = " with ".join(f"`{name}`" for name in names)
            raise PetMtlError(
                f"{named} makes a text up to {min(growth, 1e15):,.0f} times as long, "
                f"{_MOST:,} times are allowed",
                where=where,
                hint="encoding would take all memory; copy the file again from where it is known",
            )


def _growth(step: Any) -> float:
    """Return how many characters a step, with those in it, makes of one."""
    if step is None:
        return 1.0
    if not isinstance(step, dict):  # the library reads arrays too, which no tokenizer has
        raise ValueError("a step is no object")  # noqa: TRY004, as for other damage
    # the library reads steps without `type` by their keys
    own = _CHARACTERS.get(str(step.get("type")), 1.0) * _replaced(step) * _put_in(step)
    return own * math.prod((_in_turn(step.get(key) or ()) for key in _NESTED), start=1.0)


def _in_turn(steps: Iterable[Any]) -> float:
    """Return the growth by steps that follow each other. Literal patterns that none before wrote a
    character of find what stood in the text, so that each character is replaced once."""
    growth, run, written = 1.0, 1.0, ""
    for step in steps:
        own, literal = _growth(step), _literal(step)
        if literal and not set(literal) & set(written):
            run, written = max(run, own), written + step["content"]
        else:
            growth, run, written = growth * run, own, step["content"] if literal else ""
    return growth * run


def _literal(step: dict[str, Any]) -> str | None:
    """Return the text that a step replaces; None where it replaces no text or does something
    else."""
    pattern = step.get("pattern")
    literal = pattern.get("String") if isinstance(pattern, dict) else None
    return literal if isinstance(literal, str) and isinstance(step.get("content"), str) else None


def _replaced(step: dict[str, Any]) -> float:
    """Return the growth by what stands in for a pattern."""
    pattern, content = step.get("pattern"), step.get("content")
    if not isinstance(pattern, dict) or not isinstance(content, str):
        return 1.0
    literal, expression = pattern.get("String"), pattern.get("Regex")
    if isinstance(literal, str) and literal:
        return max(1.0, len(content) / len(literal))
    if isinstance(expression, str) and _NEVER_EMPTY.fullmatch(expression):
        return max(1.0, len(content))
    return 1.0 + len(content)  # it may match between any two characters


def _put_in(step: dict[str, Any]) -> float:
    """Return the growth by what is put before a text, or listed for its characters."""
    prepend, charsmap = step.get("prepend"), step.get("precompiled_charsmap")
    growth = 1.0
    if isinstance(prepend, str):
        growth += len(prepend)
    if isinstance(charsmap, str):
        content = base64.b64decode(charsmap)
        # the size of an index, the index, then the replacements, each with a zero behind it
        texts = content[4 + int.from_bytes(content[:4], "little") :].split(b"\0")
        growth *= max(1, *(len(text.decode("utf-8", "replace")) for text in texts))
    return growth
