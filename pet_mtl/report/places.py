"""Names of files as a page shows them: nothing of the machine that they lie on."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath, PureWindowsPath
from typing import Any

_ABSOLUTE = re.compile(r"(?:/|~|[A-Za-z]:[\\/]|\\\\)")


def short_place(place: str, base: str = "") -> str:
    r"""Return a file, a folder, or a `file:line` without where on the machine it lies: below `base`
    as from there, elsewhere its last part.

    >>> short_place("/home/me/rows/dev.tsv:3", "/home/me"), short_place("/data/dev.tsv:3", "/home")
    ('rows/dev.tsv:3', 'dev.tsv:3')
    >>> short_place("rows/dev.tsv:3"), short_place("C:\\rows\\dev.tsv:3"), short_place("/a/x/run/")
    ('rows/dev.tsv:3', 'dev.tsv:3', 'run')
    """
    if not _ABSOLUTE.match(place):
        return place
    start = base.rstrip("/\\")
    if start and place.startswith((start + "/", start + "\\")):
        return place[len(start) + 1 :]
    return _last(place)


def short_model(name: str) -> str:
    """Return the name of a model, or of a checkpoint with the run that it comes from.

    >>> short_model("/runs/first/checkpoint"), short_model("zh-mini"), short_model("runs/a/last")
    ('first/checkpoint', 'zh-mini', 'runs/a/last')
    """
    if not _ABSOLUTE.match(name):
        return name
    last = _last(name)
    above = _last(name.rstrip("/\\")[: -len(last)])
    return f"{above}/{last}" if above and last in ("checkpoint", "last") else last


def short_settings(settings: Any) -> Any:
    """Return settings, nested as they are, with `short_place` in place of each text."""
    if isinstance(settings, str):
        return short_place(settings)
    if isinstance(settings, Mapping):
        return {key: short_settings(value) for key, value in settings.items()}
    if isinstance(settings, Sequence):
        return [short_settings(value) for value in settings]
    return settings


def _last(path: str) -> str:
    kind = PureWindowsPath if "\\" in path else PurePath
    return kind(path).name
