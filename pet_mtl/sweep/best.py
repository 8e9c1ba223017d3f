"""The best trial's settings as a pattern file, comments and order kept."""

import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from copy import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from pet_mtl.atomic import write_text
from pet_mtl.paths import user_path
from pet_mtl.resources import bundled_backbone, model_folder
from pet_mtl.suite.task_section import TEMPLATE_FILE
from pet_mtl.suite.text_file import read_text_file
from pet_mtl.suite.yaml_file import TAG_PREFIX, parse_value


class _AsWritten(VersionedResolver):
    """All scalars are text, but for an empty one: ruamel would write the label `True` as `true`,
    and take `1` and `1.0` for one key."""

    @property
    def versioned_resolver(self) -> Any:
        return {"": [(f"{TAG_PREFIX}null", re.compile("$"))]}


def write_best(source: Path, settings: Mapping[str, Any], target: Path) -> None:
    """Write a pattern file with other settings into another folder, so that it finds the same
    verbalizers and rows.

    Args:
        source: the pattern file.
        settings: values by dotted key, as `-s` takes them.
    """
    round_trip = YAML()  # keeps comments; a tag makes no object
    round_trip.preserve_quotes = True
    round_trip.width = 1_000
    round_trip.Resolver = _AsWritten
    tree = round_trip.load(read_text_file(source))
    for name, value in settings.items():
        _set(tree, name.split("."), value)
    _move(tree, source.parent, target.parent)
    text = io.StringIO()
    round_trip.dump(tree, text)
    write_text(target, text.getvalue())


def _set(tree: Any, names: list[str], value: Any) -> None:
    node = tree
    for name, inner in pairwise(names):
        part = int(name) if isinstance(node, list) else name
        if not isinstance(node, list) and node.get(part) is None:
            _put(node, part, CommentedMap())
        there = node[part]
        if isinstance(there, str):  # one pattern, or `method: heads` with `method.features`
            there = [there] if inner.isdecimal() else {"name": there}
        node[part] = copy(there)  # an alias of it elsewhere stays as it is
        node = node[part]
    last = names[-1]
    if isinstance(node, list):
        node[int(last)] = _scalars(value)
    else:
        _put(node, last, _scalars(value))


def _scalars(value: Any) -> Any:
    """Return a value with its scalars as they are to be written: text in quotes where it would be
    read as something else."""
    if isinstance(value, dict):
        return {str(key): _scalars(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scalars(item) for item in value]
    if isinstance(value, str):
        return value if parse_value(value) == value else DoubleQuotedScalarString(value)
    return json.dumps(value)


def _put(node: Any, key: Any, value: Any) -> None:
    """Set a key; a new one stands first, since comments behind the last belong to what follows."""
    if key in node or not isinstance(node, CommentedMap):
        node[key] = value
    else:
        node.insert(0, key, value)


def _move(tree: Any, old: Path, new: Path) -> None:
    """Rewrite the paths that start from the file's folder."""

    def moved(pattern: Any) -> Any:
        is_file = isinstance(pattern, str) and re.fullmatch(TEMPLATE_FILE, pattern)
        return _from(new, old / user_path(pattern)) if is_file else pattern

    tasks = _each_once(tree["tasks"].values())
    for task in tasks:
        words, patterns = task.get("verbalizer"), task.get("patterns")
        if isinstance(words, str):
            task["verbalizer"] = _from(new, old / user_path(words))
        if isinstance(patterns, str):
            task["patterns"] = moved(patterns)
    for patterns in _each_once(task.get("patterns") for task in tasks):
        for place, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
            patterns[place] = moved(pattern)
    _put(tree, "data_root", _from(new, old / user_path(tree.get("data_root") or "")))
    folder = None if bundled_backbone(tree["model"]) else model_folder(tree["model"], old)
    if folder is not None:
        tree["model"] = _from(new, folder)


def _each_once(parts: Iterable[Any]) -> list[Any]:
    """Return parts of the tree without those that are aliases of one before."""
    return list({id(part): part for part in parts}.values())


def _from(folder: Path, path: Path) -> str:
    """Return a path as seen from a folder."""
    if path.is_absolute() and not path.is_relative_to(Path.cwd()):
        return str(path)
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return str(path.resolve())
