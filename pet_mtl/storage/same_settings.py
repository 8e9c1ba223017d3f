"""What the parts of a folder were made with, noted in it, so that none is added that was made with
something else."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pet_mtl.atomic import write_text
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.folder_kinds import refuse_others
from pet_mtl.suite.method import METHODS
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.text import indented_json

# where label words come from, not what they are
PLACES: Any = {"tasks": {"__all__": {"verbalizer": {"source", "lines"}}}}


def training_settings(suite: Suite) -> dict[str, Any]:
    """Return what decides what training a suite gives, as plain values."""
    parts = {"model", "tasks", "train", "sampling", "method"}
    return suite.model_dump(mode="json", include=parts, exclude=PLACES)


def same_settings(
    file: Path, what: str, parts: Sequence[str], changes: Callable[[Any], Sequence[str]]
) -> Any:
    """Return the settings that the folder holds, None where it holds none yet.

    Args:
        file: of the settings.
        what: is made there, for the message: `sweep`.
        parts: patterns of what lies beside the settings of one that was begun.
        changes: returns the keys at which the stored settings differ from those of today.

    Raises:
        PetMtlError: the folder holds another one; the file is damaged, or missing beside parts.
    """
    refuse_others(file.parent, file.name)
    if not file.is_file():
        if any(any(file.parent.glob(part)) for part in parts):
            raise PetMtlError(
                f"the settings of this {what} are missing",
                where=str(file),
                hint="put the file back, or choose another folder with `--out DIR`",
            )
        return None
    try:
        then = _with_later_settings(json.loads(read_bounded(file)))
        changed = list(dict.fromkeys(changes(then)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PetMtlError(
            "damaged", where=str(file), hint="choose another folder with `--out DIR`"
        ) from error
    if changed:
        raise PetMtlError(
            f"this is another {what} than the one in the folder: "
            f"{', '.join(f'`{key}`' for key in changed)} changed",
            where=str(file.parent),
            hint="put that back, or choose another folder with `--out DIR`",
        )
    return then


def changed_keys(then: Any, now: Any, path: str = "") -> list[str]:
    """Return the dotted keys, up to four names long, at which two trees of settings differ; the
    order of `tasks` is that in which their rows are drawn.

    >>> changed_keys({"train": {"epochs": 2}, "rows": "a"}, {"train": {"epochs": 3}, "rows": "a"})
    ['train.epochs']
    """
    if isinstance(then, dict) and isinstance(now, dict) and path.count(".") < 4:
        keys = {**then, **now}
        found = [
            one
            for key in keys
            for one in changed_keys(then.get(key), now.get(key), f"{path}.{key}")
        ]
        if not found and path.endswith(".tasks") and [*then] != [*now]:
            return [f"{path.removeprefix('.')} (their order)"]
        return found
    return [] if then == now else [path.removeprefix(".")]


def _with_later_settings(then: Any) -> Any:
    """Return stored settings with the keys of `train:` and `method:` that came after they were
    stored, at their defaults: a folder outlives the version that made it."""
    if not isinstance(then, dict):
        return then
    # tasks leave out what is new; one may be called `train`
    filled = {k: v if k == "tasks" else _with_later_settings(v) for k, v in then.items()}
    if isinstance(train := filled.get("train"), dict):
        filled["train"] = {**TrainSettings().model_dump(mode="json"), **train}
    if isinstance(method := filled.get("method"), dict) and method.get("name") in [*METHODS]:
        plain = METHODS[method["name"]].model_validate({"name": method["name"]})
        filled["method"] = {**plain.model_dump(mode="json"), **method}
    return filled


def note_settings(file: Path, now: Any) -> None:
    """Write the settings of what a folder holds."""
    write_text(file, indented_json(now))
