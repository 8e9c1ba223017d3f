"""What `--resume` needs beside the weights: optimizer moments, counters, and proof that the run is
the same one.

No random state is stored: the schedule and dropout are functions of the seed and the step.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, TypeAdapter
from safetensors.torch import save_file
from torch import nn

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.errors import DamagedError, PetMtlError
from pet_mtl.storage.checked_json import Count, read_bounded
from pet_mtl.storage.tensors import read_tensors

FloatArray = npt.NDArray[np.float32]

_MOMENTS = "optimizer.safetensors"
COUNTERS = "training.json"


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        step: optimizer steps done.
        best_score: best dev mean macro-F1 so far; None before the first evaluation.
        best_step: the step it was reached at.
        stale: evaluations since then.
        sunk: the last of these that lay far below the best.
        finished: no more steps are to come.
        rows: rows trained on.
        tokens: tokens trained on.
        seconds: time spent in steps, evaluation left out.
        fingerprint: of the training and dev prompts.
        weighting: what the weighting of the tasks remembers.
        window: sums of the log line that is not written yet: `loss.TASK` and `terms.NAME` with
            their rows, the steps' `conflicts`; of pre-training `sums`.
    """

    step: Count = 0
    best_score: float | None = None
    best_step: Count = 0
    stale: Count = 0
    sunk: Count = 0
    finished: bool = False
    rows: Count = 0
    tokens: Count = 0
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    fingerprint: str = field(default="")
    weighting: dict[str, Any] = field(default_factory=dict)
    window: dict[str, list[float]] = field(default_factory=dict)


def write_state(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the training state into the folder of a checkpoint."""
    moments = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            moments[f"{name}:{key}"] = value.detach().cpu().contiguous()
    save_file(moments, folder / _MOMENTS)
    (folder / COUNTERS).write_text(json.dumps(asdict(progress), indent=1) + "\n", encoding="utf-8")


def read_progress(folder: Path) -> Progress:
    """Read where a run stands.

    Raises:
        DamagedError: the file is missing or damaged.
    """
    try:
        text = read_bounded(folder / COUNTERS)
        checked = TypeAdapter(Progress).validate_json(text, strict=True)
        for key, sums in checked.window.items():
            if key not in ("conflicts", "sums") and len(sums) != 2:
                raise ValueError(key)
        return Progress(**json.loads(text))  # which refuses keys that it does not know
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DamagedError(
            "the training state is missing or damaged",
            where=str(folder / COUNTERS),
            hint="train without `--resume`",
        ) from error


def read_moments(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Load the optimizer's moments.

    Raises:
        PetMtlError: the file is missing, damaged or of another model.
    """
    file, hint = folder / _MOMENTS, "train without `--resume`"
    wrong = "the optimizer state is missing or damaged"
    moments = read_tensors(file, hint, wrong)
    for name, parameter in model.named_parameters():
        state: dict[str, Any] = {}
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = moments.get(f"{name}:{key}")
            if value is None:
                continue
            if not value.is_floating_point() or value.shape not in ((), parameter.shape):
                raise PetMtlError(wrong, where=str(file), hint=hint)
            # a copy: the file would stay mapped, and Windows could not replace it
            state[key] = value.to(parameter.device, copy=True)
        if not state:
            continue
        if len(state) < 3:
            raise PetMtlError(wrong, where=str(file), hint=hint)
        optimizer.state[parameter] = state


def fingerprint(
    *stores: Prompts | None,
    words: Sequence[LabelWords] = (),
    taught: Mapping[str, FloatArray] = {},
) -> str:
    """Return a digest of everything that training and evaluation read from data, patterns and
    teachers."""
    digest = hashlib.sha256()
    for prompts in stores:
        if prompts is None:
            digest.update(b"none")
            continue
        for array in (prompts.ids, prompts.starts, prompts.slot_at, prompts.form, prompts.label):
            digest.update(array.tobytes())
        for name in sorted(prompts.targets):
            digest.update(name.encode() + prompts.targets[name].tobytes())
        digest.update(repr(list(words)).encode())
    for name in sorted(taught):
        digest.update(name.encode() + taught[name].tobytes())
    return digest.hexdigest()
