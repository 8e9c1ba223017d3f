"""Which files of a checkpoint leave the machine: those that it needs, without folders of the
machine in them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.resources import bundled_backbone
from pet_mtl.storage.card_data import shown_source
from pet_mtl.storage.checkpoint import MANIFEST, read_checkpoint
from pet_mtl.storage.folder_kinds import BEGUN
from pet_mtl.storage.lock import lock_file
from pet_mtl.storage.model_card import CARD, model_card
from pet_mtl.storage.state import COUNTERS, read_progress
from pet_mtl.text import indented_json


@dataclass(frozen=True)
class Upload:
    """One file that goes to the hub.

    Attributes:
        path: its name there.
        content: its bytes, or where they are.
        size: in bytes.
    """

    path: str
    content: bytes | Path
    size: int


def files_to_push(folder: Path) -> list[Upload]:
    """Return the files of a checkpoint that belong to it, after checking that it is whole and its
    run is finished.

    Raises:
        PetMtlError: no checkpoint, a damaged one, one of a run that is not finished, or a link that
            leads out of the folder.
    """
    checkpoint = read_checkpoint(folder)
    _require_finished(folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    names = [*manifest["sha256"], CARD]
    names += [f"verbalizers/{task}.txt" for task in checkpoint.suite.tasks]
    problems, uploads = ProblemList(), []
    for name in sorted(names):
        file = folder / name
        if not file.is_file():  # a checkpoint from before there were cards
            continue
        inside = file.resolve().is_relative_to(folder.resolve())
        if not inside and name not in manifest["sha256"]:  # those are what the sums say
            problems.add(
                f"`{name}` is a link that leads out of the folder",
                where=str(folder),
                hint="push a copy: cp -rL FOLDER COPY",
            )
            continue
        uploads.append(Upload(name, file, file.stat().st_size))
    problems.raise_if_any()
    if not any(upload.path == CARD for upload in uploads):
        uploads.append(_of_bytes(CARD, model_card(checkpoint.suite, manifest)))
    text = indented_json(without_folders(manifest))
    return sorted([*uploads, _of_bytes(MANIFEST, text)], key=lambda upload: upload.path)


def _of_bytes(path: str, text: str) -> Upload:
    content = text.encode("utf-8")
    return Upload(path, content, len(content))


def _require_finished(folder: Path) -> None:
    """Refuse the state of a run, and the checkpoint of one that is not at its end.

    Raises:
        PetMtlError: see above.
    """
    hint = "wait for its end, or go on with it: pet-mtl train --resume --out DIR"
    if (folder / COUNTERS).is_file():
        raise PetMtlError(
            "this is the state of a run, not a checkpoint",
            where=str(folder),
            hint="push OUT/checkpoint of a finished run",
        )
    run = folder.resolve().parent
    if (run / ".lock").is_file():
        lock = lock_file(run / ".lock")
        if lock is None:
            raise PetMtlError("its run is still going on", where=str(run), hint=hint)
        lock.close()
    last = run / "last"
    begun = (run / BEGUN).is_file()
    if begun or ((last / COUNTERS).is_file() and not read_progress(last).finished):
        raise PetMtlError("its run is not finished", where=str(run), hint=hint)


def without_folders(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest without the folders of the machine: files by their names alone, and a
    backbone in a folder by the folder's name."""
    suite = dict(manifest["suite"])
    model = str(suite["model"])
    if bundled_backbone(model) is None and Path(model).is_absolute():
        suite["model"] = Path(model).name
    suite |= {"source": shown_source(str(suite["source"])), "base": "."}
    tasks = {}
    for name, task in suite["tasks"].items():
        data = {key: _without(value) for key, value in task["data"].items()}
        verbalizer = task["verbalizer"]
        source = shown_source(str(verbalizer["source"]))
        tasks[name] = {**task, "data": data, "verbalizer": {**verbalizer, "source": source}}
    suite["tasks"] = tasks
    if suite.get("chosen"):
        suite["chosen"] = dict.fromkeys(suite["chosen"], "chosen when it was trained")
    return {**manifest, "suite": suite}


def _without(sources: Any) -> Any:
    return [shown_source(source) for source in sources] if isinstance(sources, list) else sources
