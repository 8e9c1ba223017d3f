"""The best trial's settings as a pattern file, comments and order kept."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pet_mtl.atomic import write_text
from pet_mtl.suite.text_file import read_text_file


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
    tree = round_trip.load(read_text_file(source))
    for name, value in settings.items():
        _set(tree, name.split("."), value)
    _move(tree, source.parent, target.parent)
    text = io.StringIO()
    round_trip.dump(tree, text)
    write_text(target, text.getvalue())


def _set(tree: Any, names: list[str], value: Any) -> None:
    node = tree
    for name in names[:-1]:
        part = int(name) if isinstance(node, list) else _written(node, name)
        if not isinstance(node, list) and node.get(part) is None:
            _put(node, part, CommentedMap())
        node = node[part]
        if isinstance(node, str):  # `method: heads` with `method.features`
            node = tree[part] = {"name": node}
    last = names[-1]
    if isinstance(node, list):
        node[int(last)] = value
    else:
        _put(node, _written(node, last), value)


def _put(node: Any, key: Any, value: Any) -> None:
    """Set a key; a new one stands first, since comments behind the last belong to what follows."""
    if key in node or not isinstance(node, CommentedMap):
        node[key] = value
    else:
        node.insert(0, key, value)


def _written(node: Mapping[Any, Any], name: str) -> Any:
    """Return the key as the file has it: `100:` is a number for YAML, text for us."""
    return next((key for key in node if str(key) == name), name)


def _move(tree: Any, old: Path, new: Path) -> None:
    """Rewrite the paths that start from the file's folder."""
    for task in tree["tasks"].values():
        words = task.get("verbalizer")
        if isinstance(words, str):
            task["verbalizer"] = _from(new, old / words)
        for place, pattern in enumerate(_texts(task.get("patterns"))):
            if pattern.endswith(".txt") and (old / pattern).is_file():
                moved = _from(new, old / pattern)
                if isinstance(task["patterns"], str):
                    task["patterns"] = moved
                else:
                    task["patterns"][place] = moved
    _put(tree, "data_root", _from(new, old / (tree.get("data_root") or "")))
    model = tree.get("model")
    if isinstance(model, str) and (old / model).is_dir() and not Path(model).is_dir():
        tree["model"] = _from(new, old / model)


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _from(folder: Path, path: Path) -> str:
    """Return a path as seen from a folder."""
    if path.is_absolute() and not path.is_relative_to(Path.cwd()):
        return str(path)
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return str(path.resolve())
