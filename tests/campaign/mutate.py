"""Seeded changes of texts, bytes and JSON trees: what damage, other versions and malice make."""

import json
import random
import struct
from typing import Any

HOSTILE = [
    "",
    "\x00",
    "\x1b]0;pwned\x07",
    "\u009b31m",
    "\u202e\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
    "9" * 5000,
    "-1",
    "1e400",
    "2" + "0" * 30,
    "NaN",
    ".inf",
    "true",
    "null",
    "~",
    "~nosuchuser/x",
    "../../x",
    "/etc/passwd",
    "[" * 3000,
    "{a: " * 400,
    "&a [*a]",
    "*a",
    "!!python/object/apply:os.system [id]",
    "{mask}",
    "{mask}{mask}",
    "{",
    "}",
    "{soft:101}",
    "{text:b}",
    '"',
    "'",
    "#",
    ":",
    "\t",
    "\r",
    "\n",
    ",",
    "[MASK]",
    "</s>",
    "👩‍👩‍👧",
    "é" * 300,
    "长" * 3000,
    "<script>alert(1)</script>",
    "%s%n{0}",
    "sample:nothing/train",
    "hub:x/y:z/train",
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**70,
    1e308,
    float("nan"),
    float("inf"),
    0.5,
    "",
    "x",
    "1",
    "\x1b[31m",
    "../../x",
    "/etc/passwd",
    [],
    [[]],
    [1, "a", None],
    {},
    {"a": {"b": 1}},
    {"__class__": "os.system"},
]


def mutate_text(draw: random.Random, text: str) -> str:
    """Return a text with a few changes of spans, lines and words."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        at = draw.randrange(len(text) + 1)
        end = min(len(text), at + draw.choice((1, 1, 3, 10, 60)))
        lines = text.split("\n")
        match draw.randrange(8):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:at] + draw.choice(HOSTILE) + text[at:]
            case 2:
                text = text[:at] + draw.choice(HOSTILE) + text[end:]
            case 3:
                text = text[:end] + text[at:end] * draw.choice((1, 3, 50)) + text[end:]
            case 4:
                line = draw.randrange(len(lines))
                text = "\n".join(lines[:line] + lines[line + 1 :])
            case 5:
                line = draw.randrange(len(lines))
                text = "\n".join([*lines[: line + 1], *lines[line:]])
            case 6:
                draw.shuffle(lines)
                text = "\n".join(lines)
            case _:
                numbers = [i for i, letter in enumerate(text) if letter.isdigit()]
                if numbers:
                    at = draw.choice(numbers)
                    text = text[:at] + draw.choice(HOSTILE) + text[at + 1 :]
    return text


def mutate_bytes(draw: random.Random, data: bytes) -> bytes:
    """Return bytes with flipped bits, cut, doubled, or with other ones in between."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(len(changed)) if changed else 0
        match draw.randrange(6):
            case 0 if changed:
                changed[at] ^= 1 << draw.randrange(8)
            case 1:
                del changed[at:]
            case 2:
                del changed[at : at + draw.choice((1, 4, 64))]
            case 3:
                changed[at:at] = draw.randbytes(draw.choice((1, 8, 512)))
            case 4:
                changed[at : at + 8] = bytes(8)
            case _:
                changed[at:at] = changed[at : at + 256]
    return bytes(changed)


def mutate_tree(draw: random.Random, tree: Any) -> Any:
    """Return a JSON tree in which one part is gone, doubled or of another type."""
    paths = list(_paths(tree))
    path = draw.choice(paths) if paths else ()
    return _changed(draw, tree, path)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    items: Any = ()
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree[:20])
    for key, value in items:
        yield from _paths(value, (*path, key))


def _changed(draw: random.Random, tree: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return draw.choice(VALUES)
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    if len(path) > 1:
        copy[path[0]] = _changed(draw, copy[path[0]], path[1:])
        return copy
    match draw.randrange(5):
        case 0:
            del copy[path[0]]
        case 1 if isinstance(copy, dict):
            copy[str(draw.choice(HOSTILE))[:100]] = copy[path[0]]
        case _:
            copy[path[0]] = draw.choice(VALUES)
    return copy


def mutate_json(draw: random.Random, text: str) -> str:
    """Return JSON whose tree is changed, or now and then its text."""
    if draw.random() < 0.25:
        return mutate_text(draw, text)
    try:
        return json.dumps(mutate_tree(draw, json.loads(text)), ensure_ascii=False)
    except ValueError:
        return mutate_text(draw, text)


def mutate_safetensors(draw: random.Random, data: bytes) -> bytes:
    """Return a safetensors file whose header is changed and fits again, or whose bytes are."""
    if draw.random() < 0.4 or len(data) < 8:
        return mutate_bytes(draw, data)
    (size,) = struct.unpack("<Q", data[:8])
    header = mutate_json(draw, data[8 : 8 + size].decode()).encode("utf-8", "replace")
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def mutate_file(draw: random.Random, name: str, data: bytes) -> bytes:
    """Return changed content of a file, as its name wants it."""
    if name.endswith(".safetensors"):
        return mutate_safetensors(draw, data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return mutate_bytes(draw, data)
    if draw.random() < 0.15:
        return mutate_bytes(draw, data)
    if name.endswith(".json"):
        text = mutate_json(draw, text)
    elif name.endswith(".jsonl") and draw.random() < 0.7:
        lines = text.splitlines()
        at = draw.randrange(len(lines)) if lines else 0
        lines[at : at + 1] = [mutate_json(draw, lines[at])] if lines else []
        text = "\n".join(lines) + "\n"
    else:
        text = mutate_text(draw, text)
    return text.encode("utf-8", "surrogatepass")
