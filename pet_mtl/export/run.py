"""What `pet-mtl export` does: one task of a checkpoint for programs that know nothing of us."""

from pathlib import Path
from typing import Literal

from pet_mtl.atomic import new_folder, require_new_folder
from pet_mtl.errors import PetMtlError
from pet_mtl.export.onnx_folder import fill_onnx
from pet_mtl.export.transformers_folder import fill_transformers
from pet_mtl.scoring.loaded import LoadedCheckpoint, require_task

Format = Literal["transformers", "onnx"]


def export(folder: Path, task: str | None, to: Format, out: Path, *, int8: bool = False) -> Path:
    """Write one task of a checkpoint into a new folder.

    Args:
        task: may be left out where the checkpoint has one task.
        to: `transformers` or `onnx`.
        out: must not exist, or be empty.
        int8: for `onnx`, a quantised model too.

    Returns:
        The folder.

    Raises:
        PetMtlError: the checkpoint is not right, has no such task, or the task cannot be exported
            so; `out` holds something, or cannot be written; a package is missing.
        RunError: what was written would not give the checkpoint's scores.
    """
    require_new_folder(out)
    if out.is_symlink() and not out.exists():
        raise PetMtlError(
            "is a link that leads nowhere", where=str(out), hint="choose another `--out DIR`"
        )
    if int8 and to != "onnx":
        raise PetMtlError("`--int8` is for `--format onnx`")
    loaded = LoadedCheckpoint(folder)
    tasks = loaded.suite.tasks
    if task is None and len(tasks) > 1:
        raise PetMtlError(
            "the checkpoint has several tasks", hint=f"choose one: `--task {next(iter(tasks))}`"
        )
    spec = require_task(loaded.suite, next(iter(tasks)) if task is None else task, f"--task {task}")
    with new_folder(out, replace=False) as temporary:
        if to == "onnx":
            fill_onnx(temporary, loaded, spec, int8=int8)
        else:
            fill_transformers(temporary, loaded, spec)
    return out
