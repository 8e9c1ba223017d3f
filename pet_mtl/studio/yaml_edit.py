"""Values of a YAML file changed in its text: comments, order, quotes and line ends of all else stay
as they are."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.yaml_nodes import compose

Key = tuple[str, ...]
_ODD = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # as they are: in JSON, not in YAML
Value = str | Sequence[str]


def edit_yaml(text: str, values: Mapping[Key, Value], where: str) -> str:
    """Return the text with other values; a key that is missing is put in before that of the same
    mapping which follows in `values`, or behind the last where another comes before it there, else
    at the start.

    Args:
        values: by path of keys, texts or lists of texts.

    Raises:
        PetMtlError: the file's form is too unusual to change it in place (aliases, flow mappings
            that lack the key).

    >>> print(edit_yaml("a:  # one\\n  b: x   # two\\n", {("a", "b"): "y: z"}, "f.yaml"), end="")
    a:  # one
      b: "y: z"   # two
    """
    changed = {key: value for key, value in values.items() if not _says(text, key, value)}
    if not changed:
        return text
    wanted = _set(_tree(text, where), changed)
    new = text
    try:
        for key in reversed([*changed]):
            new = _edit_one(new, key, values, where)
        if _data(compose(new)) != wanted:
            raise _unusual(where)
    except YAMLError:  # an alias whose anchor was in the value that went
        raise _unusual(where) from None
    return new


def _says(text: str, key: Key, value: Value) -> bool:
    """Whether the text has this value; one text says what a list of it does."""
    found = value_at(text, key)
    return found == _plain(value) or (isinstance(found, str) and [found] == _plain(value))


def _edit_one(text: str, key: Key, values: Mapping[Key, Value], where: str) -> str:
    node, value = _node(text, key), values[key]
    if node is None:
        return _with_key(text, key, values, where)
    if isinstance(node, SequenceNode) and not isinstance(value, str):
        items = node.value
        if not all(isinstance(item, ScalarNode) for item in items):
            raise _unusual(where)
        if len(items) == len(value):
            return _with_texts(text, items, value)
        if items and not node.flow_style:
            return _with_lines(text, items, value)
    return _replaced(text, node, _written(value))


def _with_key(text: str, key: Key, values: Mapping[Key, Value], where: str) -> str:
    """Return the text with one more key; those that follow in `values` are there."""
    parent = _node(text, key[:-1])
    if not isinstance(parent, MappingNode) or parent.flow_style or not parent.value:
        raise _unusual(where)
    beside = [other[-1] for other in values if other[:-1] == key[:-1]]
    place, end = beside.index(key[-1]), _line_end(text)
    indent: str = " " * parent.value[0][0].start_mark.column
    name = key[-1] if key[-1].isidentifier() else _quoted(key[-1])
    line = f"{name}: {_written(values[key])}{end}"
    if place == len(beside) - 1 > 0:
        at = _behind(text, parent.value[-1][1])
        return text[:at] + (end if text[at - 1] != "\n" else "") + indent + line + text[at:]
    starts: dict[str, int] = {name.value: name.start_mark.index for name, _ in parent.value}
    at = starts[beside[place + 1]] if place < len(beside) - 1 else min(starts.values())
    return text[:at] + line + indent + text[at:]


def _with_texts(text: str, items: Sequence[ScalarNode], values: Sequence[str]) -> str:
    """Return the text with as many other items; what is between stays."""
    for item, value in reversed([*zip(items, values, strict=True)]):
        if item.value != value:
            text = _replaced(text, item, _quoted(value))
    return text


def _with_lines(text: str, items: Sequence[ScalarNode], values: Sequence[str]) -> str:
    """Return the text with more or fewer items of a list that has a line for each; comments stay,
    but for those of items that go."""
    starts = [item.start_mark.index for item in items]
    lines = [text.rfind("\n", 0, start) + 1 for start in starts]
    mark, end = text[lines[0] : starts[0]], _line_end(text)
    old = [item.value for item in items]
    for step in reversed(SequenceMatcher(None, old, values, autojunk=False).get_opcodes()):
        (first, last), (start, stop) = step[1:3], step[3:]
        both = min(last - first, stop - start)
        split = first + both  # up to here, item by item
        if split < last:
            text = text[: lines[split]] + text[_behind(text, items[last - 1]) :]
        elif start + both < stop:
            at = _behind(text, items[split - 1]) if split else lines[0]
            open_line = end if at and text[at - 1] != "\n" else ""
            new = [f"{mark}{_quoted(value)}{end}" for value in values[start + both : stop]]
            text = text[:at] + open_line + "".join(new) + text[at:]
        text = _with_texts(text, items[first:split], values[start : start + both])
    return text


def _behind(text: str, item: Node) -> int:
    """Return where the line after an item begins."""
    end = _end(item)
    if text[end - 1] == "\n":  # of a block scalar
        return end
    return text.find("\n", end) + 1 or len(text)


def _line_end(text: str) -> str:
    """Return how the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def _replaced(text: str, node: Node, new: str) -> str:
    start, end = node.start_mark.index, _end(node)
    # block scalars end behind their last line break
    tail = "\n" if isinstance(node, ScalarNode) and text[start:end].endswith("\n") else ""
    return text[:start] + new + tail + text[end:]


def _end(node: Node) -> int:
    """Return where a node's text ends; ruamel lets a block collection reach to the next key."""
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    return int(node.end_mark.index)


def _written(value: Value) -> str:
    return _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"


def _quoted(text: str) -> str:
    """Return a text as a double-quoted YAML scalar; JSON's escapes are YAML's."""
    escaped = json.dumps(text, ensure_ascii=False)
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped)


def _plain(value: Value) -> Any:
    return value if isinstance(value, str) else list(value)


def _node(text: str, key: Key) -> Node | None:
    node = compose(text)
    for part in key:
        if not isinstance(node, MappingNode):
            return None
        node = next((value for name, value in node.value if name.value == part), None)
    return node


def _data(node: Node | None) -> Any:
    """Return a node as plain data, scalars as text."""
    if isinstance(node, MappingNode):
        return {name.value: _data(value) for name, value in node.value}
    if isinstance(node, SequenceNode):
        return [_data(item) for item in node.value]
    return node.value if isinstance(node, ScalarNode) else None


def value_at(text: str, key: Key) -> Any:
    """Return the value of a key as text, list or dict of texts; None where there is none."""
    try:
        return _data(_node(text, key))
    except (YAMLError, RecursionError):  # an alias may refer to itself
        return None


def _tree(text: str, where: str) -> Any:
    try:
        return _data(compose(text))
    except (YAMLError, RecursionError) as error:
        raise PetMtlError("the file is no YAML any more", where=where) from error


def _set(tree: Any, values: Mapping[Key, Value]) -> Any:
    for key, value in values.items():
        inner = tree
        for part in key[:-1]:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            raise PetMtlError(f"the file has no `{'.'.join(key[:-1])}` any more")
        inner[key[-1]] = _plain(value)
    return tree


def _unusual(where: str) -> PetMtlError:
    return PetMtlError(
        "this file's form is too unusual to change it in place",
        where=where,
        hint="copy the words or patterns from the page into the file",
    )
