"""The checkpoint folder: an ordinary transformers folder plus `pet_mtl.json`, self-contained and
checked when read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from pet_mtl.atomic import new_folder, recover_folder, write_text
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import DamagedError, PetMtlError
from pet_mtl.model.calibration import Calibration
from pet_mtl.resources import bundled_backbone, versions
from pet_mtl.storage.card_data import hub_name
from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.digests import check_files, file_digest
from pet_mtl.storage.model_card import CARD, NO_FACTS, CardFacts, model_card
from pet_mtl.storage.own_weights import OWN_FILE
from pet_mtl.storage.pretrained import quiet_transformers
from pet_mtl.storage.trained_on import Keys, write_trained_on
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.verbalizer import format_verbalizer
from pet_mtl.text import indented_json

FORMAT_VERSION = 1
MANIFEST = "pet_mtl.json"
_REMAKE = "train again, or copy the folder again from where it is whole"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder that was read and found whole.

    Attributes:
        folder: where it is; transformers loads the backbone from it.
        suite: the tasks and settings of the run that made it.
        metrics: dev scores at the time of saving, by task, and `step`.
        versions: of pet_mtl and the libraries that wrote it.
        calibration: of the tasks that have one.
        started_from: digest of the weights of its backbone, None where earlier versions noted none.
        license: of its backbone, where it is known.
    """

    folder: Path
    suite: Suite
    metrics: dict[str, Any]
    versions: dict[str, str]
    calibration: dict[str, Calibration]
    started_from: str | None = None
    license: str | None = None


def write_checkpoint(
    folder: Path,
    mlm: Any,
    tokenizer: PieceTokenizer,
    suite: Suite,
    metrics: dict[str, Any],
    own: Mapping[str, Tensor] = {},
    trained_on: Mapping[str, Keys] | None = None,
    facts: CardFacts = NO_FACTS,
) -> None:
    """Write a checkpoint, in place of one that is there; a failed write leaves the old one.

    Args:
        own: the weights that the method adds to the masked language model.
        trained_on: the `row_keys` of each task's training rows.
        facts: for the model card.

    Raises:
        PetMtlError, RunError: the folder cannot be written; the disk is full.
    """
    with new_folder(folder) as temporary:
        fill_checkpoint(temporary, mlm, tokenizer, suite, metrics, own, trained_on, facts)


def fill_checkpoint(
    folder: Path,
    mlm: Any,
    tokenizer: PieceTokenizer,
    suite: Suite,
    metrics: dict[str, Any],
    own: Mapping[str, Tensor] = {},
    trained_on: Mapping[str, Keys] | None = None,
    facts: CardFacts = NO_FACTS,
) -> None:
    """Write the files of a checkpoint into an empty folder."""
    with quiet_transformers():
        mlm.save_pretrained(folder)
    if own:
        save_file(dict(own), folder / OWN_FILE)
    tokenizer.tokenizer.save_pretrained(folder)
    for name, task in suite.tasks.items():  # for people; scoring reads the suite in the manifest
        target = folder / "verbalizers" / f"{name}.txt"
        target.parent.mkdir(exist_ok=True)
        target.write_text(format_verbalizer(task.verbalizer), encoding="utf-8")
    if trained_on is not None:
        write_trained_on(folder, trained_on)
    manifest = {
        "format_version": FORMAT_VERSION,
        "versions": versions(),
        "metrics": metrics,
        "facts": facts.to_json(),
        "suite": suite.model_dump(mode="json"),
        "sha256": {
            file.name: file_digest(file) for file in sorted(folder.iterdir()) if file.is_file()
        },
    }
    (folder / MANIFEST).write_text(_format(manifest), encoding="utf-8")
    # without a sum: people write into it, and hubs do
    (folder / CARD).write_text(model_card(suite, manifest), encoding="utf-8")


def add_calibration(
    folder: Path,
    calibration: Mapping[str, Calibration],
    metrics: dict[str, Any],
    scores: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Store calibrations in a checkpoint that is there, and the dev metrics that it has with them;
    `scores`, as the card's facts have them, with their intervals.

    Raises:
        PetMtlError, RunError: the manifest cannot be written; the disk is full.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {
        "metrics": metrics,
        "calibration": {name: c.model_dump() for name, c in calibration.items()},
    }
    if scores is not None:
        manifest["facts"] = {**(manifest.get("facts") or {}), "scores": scores}
    write_text(folder / MANIFEST, _format(manifest))
    suite = Suite.model_validate_json(json.dumps(manifest["suite"]))
    write_text(folder / CARD, model_card(suite, manifest))


def _format(manifest: dict[str, Any]) -> str:
    return indented_json(manifest)


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder is a checkpoint, or a run's folder around one, which
    `read_checkpoint` explains."""
    return (folder / MANIFEST).is_file() or (folder / "checkpoint" / MANIFEST).is_file()


def fields_by_task(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the fields of each task that a model's folder knows, in their order; nothing of a
    folder that is no checkpoint, or none of this version."""
    if not (folder / MANIFEST).is_file():
        return {}
    try:
        tasks = read_checkpoint(folder).suite.tasks
    except PetMtlError:  # as a backbone it may serve
        return {}
    return {name: task.fields for name, task in tasks.items()}


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read and check a checkpoint folder; one that a run replaces meanwhile is read anew.

    Raises:
        PetMtlError: no checkpoint, one of a newer format, or a damaged one; it may not be read.
    """
    try:
        before = folder.stat().st_ino if folder.exists() else None
        try:
            return _read_checkpoint(folder)
        except DamagedError:  # its files may be of two checkpoints
            if before is None or folder.stat().st_ino == before:
                raise
            return read_checkpoint(folder)
    except OSError as error:
        raise PetMtlError(
            f"cannot be read: {error.strerror or error}", where=str(error.filename or folder)
        ) from error


def _folder_hint(folder: Path) -> str:
    hint = "give a folder that `pet-mtl train` wrote: OUT/checkpoint"
    if not folder.exists() and bundled_backbone(str(folder)):
        made = (
            f"or make one without training: pet-mtl checkpoint {folder} --patterns FILE --out DIR; "
            f"`predict {folder}` takes `--labels NAME,…` or `--patterns FILE`"
        )
        return f"`{folder}` is an embedded backbone, which has no tasks yet; {hint}; {made}"
    if folder.exists() or not hub_name(folder.as_posix()):
        return hint
    return f"{hint}; one on the hub is fetched first: hf download {folder} --local-dir FOLDER"


def _read_checkpoint(folder: Path) -> Checkpoint:
    recover_folder(folder)
    manifest_file = folder / MANIFEST
    if not folder.is_dir() or not manifest_file.is_file():
        inner = folder / "checkpoint"
        found = (inner / MANIFEST).is_file()
        raise DamagedError(
            "this is no pet-mtl checkpoint" if folder.exists() else "there is no such folder",
            where=str(folder),
            hint=f"did you mean `{inner}`?" if found else _folder_hint(folder),
        )
    try:
        manifest = json.loads(read_bounded(manifest_file))
        format_version = manifest["format_version"]
        if type(format_version) is not int or format_version < 1:
            raise ValueError(format_version)
        if format_version > FORMAT_VERSION:
            raise PetMtlError(
                f"the checkpoint has format version {format_version}, this pet-mtl reads up to "
                f"{FORMAT_VERSION}",
                where=str(manifest_file),
                hint="update pet-mtl",
            )
        check_files(folder, manifest["sha256"])
        suite = Suite.model_validate_json(json.dumps(manifest["suite"]))
        calibration = {
            name: Calibration.model_validate(c)
            for name, c in manifest.get("calibration", {}).items()
        }
        for name, of_task in calibration.items():
            kind = suite.tasks[name].kind_spec
            if not kind.facts.calibrates or len(of_task.bias) != len(kind.labels):
                raise ValueError(name)
        metrics, versions = manifest["metrics"], manifest["versions"]
        if not isinstance(metrics, dict) or not all(
            isinstance(text, str) for text in versions.values()
        ):
            raise TypeError("metrics or versions")
        facts = manifest.get("facts") or {}
        noted = [facts.get(name) for name in ("started_from", "license")]
        if not all(isinstance(text, str | None) for text in noted):
            raise TypeError("facts")
        return Checkpoint(folder, suite, metrics, versions, calibration, *noted)
    except ValidationError as error:  # rules have been added: what earlier versions trained with
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part)[:40] for part in (error.title.lower(), *first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        raise DamagedError(
            f"the checkpoint's manifest is damaged, or breaks a rule of this version: `{place}`: "
            f"{reason}",
            where=str(manifest_file),
            hint=f"{_REMAKE}; if an earlier pet-mtl wrote it, that one still reads it",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(
            "the checkpoint's manifest is damaged", where=str(manifest_file), hint=_REMAKE
        ) from error
