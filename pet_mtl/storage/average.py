"""The mean of several checkpoints' weights is one model, often better than each (model soups,
Wortsman et al. 2022)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pet_mtl.atomic import new_folder, require_folder
from pet_mtl.console import say
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.model.calibration import Calibration
from pet_mtl.storage.checkpoint import Checkpoint, add_calibration, fill_checkpoint, read_checkpoint
from pet_mtl.storage.model_card import CardFacts
from pet_mtl.storage.own_weights import OWN_FILE
from pet_mtl.storage.pretrained import load_backbone, load_pieces, load_tokenizer
from pet_mtl.storage.tensors import read_tensors
from pet_mtl.storage.trained_on import Keys, read_trained_on, with_earlier
from pet_mtl.suite.suite import Suite

# what tasks may differ in and still be the same
_FREE = {"description", "data", "columns", "metric", "calibration"}
# settings of a training that a checkpoint is read by afterwards
_READ_BY = ("max_length", "logit_adjustment")


def average_checkpoints(folders: Sequence[Path], out: Path) -> None:
    """Write a checkpoint with the mean of the checkpoints' weights, and the suite of the first.

    They must have the same tasks as the model reads them and the same vocabulary, and should have
    started from the same weights: those of strangers have no mean. Settings of `train:` that the
    mean is read by are the first's, and it is said where they differ. Dev metrics are not those of
    the mean and stay out. A task that each of them calibrates in the same way gets the mean of the
    calibrations; any other calibration stays out, and that is said.

    Raises:
        PetMtlError: fewer than two checkpoints, one that is none or does not fit the first; `out`
            is there already.
    """
    check_request(folders, out)
    problems, checkpoints = ProblemList(), list[Checkpoint]()
    for folder in folders:
        try:
            checkpoints.append(read_checkpoint(folder))
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    first = checkpoints[0]
    for checkpoint in checkpoints[1:]:
        if _read_tasks(checkpoint) != _read_tasks(first):
            where = str(checkpoint.folder)
            problems.add(
                f"has other tasks, patterns, label words, thresholds or method than {first.folder}"
                ", or, with weights that a method adds, its tasks in another order",
                where=where,
            )
    problems.raise_if_any()
    refuse_other_vocabularies(folders)
    _note_settings(checkpoints)
    _warn_of_strangers(checkpoints)
    mean = mean_weights(folders)
    mlm = load_backbone(str(first.folder))
    mlm.load_state_dict(mean["model.safetensors"])
    trained_on = _rows_of_all(folders)
    tokenizer = load_pieces(str(first.folder))
    suite = _with_mean_thresholds(checkpoints)
    licenses = {checkpoint.license for checkpoint in checkpoints}
    facts = CardFacts(
        license=first.license if len(licenses) == 1 else None, started_from=first.started_from
    )
    own = mean.get(OWN_FILE, {})
    with new_folder(out, replace=False) as folder:
        fill_checkpoint(folder, mlm, tokenizer, suite, {}, own, trained_on or None, facts)
        if calibration := _mean_calibration(checkpoints):
            add_calibration(folder, calibration, {})


def _rows_of_all(folders: Sequence[Path]) -> dict[str, Keys]:
    """Return the keys of the rows that the folders name; whose are missing is said, where others
    name theirs: the mean would pass for one that has seen no more than these."""
    rows = dict[str, Keys]()
    silent = [folder for folder in folders if read_trained_on(folder) is None]
    for folder in folders:
        rows = with_earlier(folder, rows)
    if rows:
        for folder in silent:
            say(
                f"warning: {folder} does not say what it was trained on: `score` and `data check` "
                "will not know its rows among those of the mean"
            )
    return rows


def _note_settings(checkpoints: Sequence[Checkpoint]) -> None:
    for name in _READ_BY:
        found = [getattr(checkpoint.suite.train, name) for checkpoint in checkpoints]
        if len(set(found)) > 1:
            each = ", ".join(map(str, found))
            say(f"note: `train.{name}` is {each}: the mean has {found[0]}, as the first")


def _warn_of_strangers(checkpoints: Sequence[Checkpoint]) -> None:
    first, *others = checkpoints
    for other in others:
        if None not in (first.started_from, other.started_from) and (
            first.started_from != other.started_from
        ):
            say(
                f"warning: {other.folder} started from other weights than {first.folder}; those of "
                "strangers have no mean: score it beside them"
            )


def _with_mean_thresholds(checkpoints: Sequence[Checkpoint]) -> Suite:
    """Return the first's suite, with the mean of the thresholds that were fitted on dev rows."""
    suite = checkpoints[0].suite
    tasks = dict(suite.tasks)
    for name, task in tasks.items():
        found = [checkpoint.suite.tasks[name].thresholds for checkpoint in checkpoints]
        known = [thresholds for thresholds in found if thresholds is not None]
        if task.fits_thresholds and known:
            mean = tuple(sum(of_label) / len(known) for of_label in zip(*known, strict=True))
            tasks[name] = task.model_copy(update={"thresholds": mean})
            others = "" if len(known) == len(found) else ", the others have none"
            say(f"thresholds: {name}, the mean of {len(known)}{others}")
    return suite.model_copy(update={"tasks": tasks})


def _mean_calibration(checkpoints: Sequence[Checkpoint]) -> dict[str, Calibration]:
    """Return the mean calibration of each task that all have in one kind."""
    mean = {}
    for name in checkpoints[0].suite.tasks:
        found = [
            checkpoint.calibration[name]
            for checkpoint in checkpoints
            if name in checkpoint.calibration
        ]
        if not found:
            continue
        kinds = {of_task.kind for of_task in found}
        if len(found) < len(checkpoints) or len(kinds) > 1:
            say(
                f"calibration: {name} is not calibrated alike in all of them, left out; `score "
                "--calibration` fits one"
            )
            continue
        biases = zip(*(of_task.bias for of_task in found), strict=True)
        bias = tuple(sum(of_label) / len(found) for of_label in biases)
        # as a rule the same rows, of one pattern file: not to be counted once for each
        rows = max(of_task.rows for of_task in found)
        mean[name] = Calibration(kind=found[0].kind, bias=bias, rows=rows)
        say(f"calibration: {name} `{found[0].kind}`, the mean of {len(found)}")
    return mean


def check_request(folders: Sequence[Path], out: Path) -> None:
    """Refuse what has no mean or no place.

    Raises:
        PetMtlError: see `average_checkpoints`.
    """
    if len(folders) < 2:
        raise PetMtlError("a mean needs at least two folders", where="pet-mtl average")
    require_folder(out)
    if out.exists():
        raise PetMtlError(
            "the folder is there already", where=str(out), hint="choose another with `--out DIR`"
        )
    problems, seen = ProblemList(), set[Path]()
    for folder in folders:
        if not folder.is_dir():
            problems.add("there is no such folder", where=str(folder))
        elif folder.resolve() in seen:
            say(f"warning: {folder} is named once more: it has that much more weight in the mean")
        seen.add(folder.resolve())
    problems.raise_if_any()


def refuse_other_vocabularies(folders: Sequence[Path]) -> None:
    """Refuse folders whose pieces have other ids than in the first: rows of their embeddings stand
    for other pieces.

    Raises:
        PetMtlError: with each such folder; one has no tokenizer.
    """
    problems, first = ProblemList(), load_tokenizer(str(folders[0])).get_vocab()
    for folder in folders[1:]:
        if load_tokenizer(str(folder)).get_vocab() != first:
            problems.add(
                f"has another vocabulary than {folders[0]}",
                where=str(folder),
                hint="only models that started from the same backbone have a mean",
            )
    problems.raise_if_any()


def mean_weights(folders: Sequence[Path]) -> dict[str, dict[str, Tensor]]:
    """Return the mean of the folders' weights by file, in fp32; of one folder at a time in memory.

    Raises:
        PetMtlError: a folder has other weights than the first.
    """
    problems, total = ProblemList(), _weights(folders[0])
    for folder in folders[1:]:
        weights = _weights(folder)
        if _shapes(weights) != _shapes(total):
            problems.add(f"has another backbone than {folders[0]}", where=str(folder))
            continue
        for file, tensors in total.items():
            for name, tensor in tensors.items():
                tensor += weights[file][name]
    problems.raise_if_any()
    return {
        file: {name: t / len(folders) for name, t in tensors.items()}
        for file, tensors in total.items()
    }


def _read_tasks(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what decides how rows become scores; fitted thresholds are averaged, given ones
    decide. What a method adds has a place for each task, so their order counts."""
    free: dict[str, Any] = dict.fromkeys(_FREE, True) | {"verbalizer": {"source", "lines"}}
    fitted = {"thresholds": True}
    tasks = checkpoint.suite.tasks.items()
    of_task = {name: free | fitted if task.fits_thresholds else free for name, task in tasks}
    order = [*of_task] if (checkpoint.folder / OWN_FILE).is_file() else None
    return {"order": order} | checkpoint.suite.model_dump(
        mode="json", include={"tasks", "method"}, exclude={"tasks": of_task}
    )


def _weights(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of a folder by file, in fp32, by the names that the model has for them: in
    files those of some families are others.

    Raises:
        PetMtlError: there are none, or they are damaged.
    """
    weights = {"model.safetensors": load_backbone(str(folder)).state_dict()}
    if (folder / OWN_FILE).is_file():
        weights[OWN_FILE] = read_tensors(folder / OWN_FILE, what="the weights cannot be read")
    # copies: tied weights are added to once each
    return {
        file: {name: t.to(torch.float32, copy=True) for name, t in tensors.items()}
        for file, tensors in weights.items()
    }


def _shapes(weights: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, torch.Size]]:
    return {
        file: {name: tensor.shape for name, tensor in tensors.items()}
        for file, tensors in weights.items()
    }
