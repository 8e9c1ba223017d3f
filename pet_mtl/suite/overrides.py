"""Apply `-s train.epochs=5` to the plain tree of a pattern file, before it is validated."""

import re
from collections.abc import Sequence
from typing import Any

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.validation import name_hint
from pet_mtl.suite.yaml_file import Document, Key, parse_value

# what a pattern file may write as one text in place of a list of texts, or in place of keys
_TEXTS = frozenset({"patterns", "train", "dev", "test", "unlabelled", "soft_labels", "yes", "no"})
_NAMES = frozenset({"dev", "verbalizer", "weighting", "features"})
_NAMED = frozenset({"method", "verbalizer_kind"})  # a name alone is one with its defaults


def apply_overrides(document: Document, overrides: Sequence[str], problems: ProblemList) -> None:
    """Set every `path=value` in the tree and note its place; the last one wins.

    Adds a problem for one that is not UTF-8, has no `=`, names no key or an unknown task, or goes
    through a value.
    """
    for override in overrides:
        place = f"-s {override}"
        if re.search("[\ud800-\udfff]", override):  # bytes that Python could not read
            hint = "set the terminal to UTF-8, or write it into the pattern file"
            problems.add("not UTF-8", where=place, hint=hint)
            continue
        path, equals, text = override.partition("=")
        names = path.strip().split(".")
        if not equals or not all(names):
            problems.add(
                "not of the form `key=value`", where=place, hint="for example: -s train.epochs=5"
            )
            continue
        try:
            key = _set(document.tree, names, parse_value(text, strict=True))
        except PetMtlError as error:
            problems.extend(error, where=place)
            continue
        set_place(document, key, place)


def set_place(document: Document, key: Key, place: str) -> None:
    """Say that `key` and all below it come from `place`."""
    for places in (document.lines, document.places):
        for old in [old for old in places if old[: len(key)] == key]:
            del places[old]
    document.places[key] = place


def _set(tree: Any, names: list[str], value: Any) -> Key:
    """Set the value at the path; return the key of the outermost thing that is new, sections among
    them."""
    node = tree
    key: Key = ()
    created: Key = ()
    for depth, name in enumerate(names):
        last = depth == len(names) - 1
        if isinstance(node, list):
            if not name.isdecimal() or len(name) > 9 or int(name) >= len(node):
                raise PetMtlError(
                    f"`{_dotted(key)}` has no item `{name}`",
                    hint=f"count from 0 to {len(node) - 1}" if node else "the list is empty",
                )
            part: Any = int(name)
        else:
            part = name
            if key == ("tasks",) and name not in node and not last:
                raise PetMtlError(f"no task `{name}`", hint=name_hint(name, list(node)))
        key = (*key, part)
        if last:
            node[part] = value
            break
        child = node[part] if isinstance(node, list) else node.get(part)
        if child is None:
            child = node[part] = {}
            created = created or key
        inner = names[depth + 1]
        if isinstance(child, str) and part in _TEXTS and inner.isdecimal():
            child = node[part] = [child]
        if isinstance(child, str) and part in _NAMED:
            child = node[part] = {"name": child}
        if not isinstance(child, dict | list):
            whole = f"{{{inner}: …}}" if part in _NAMES else "VALUE"
            raise PetMtlError(
                f"`{_dotted(key)}` is a single value, it has no key `{inner}`",
                hint=f"replace it: -s {_dotted(key)}={whole}",
            )
        node = child
    return created or key


def _dotted(key: Key) -> str:
    return ".".join(map(str, key))
