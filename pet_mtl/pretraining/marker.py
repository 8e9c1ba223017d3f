"""A small token classifier that learns which pieces are important, and marks other text with it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.atomic import new_folder
from pet_mtl.console import bar, say
from pet_mtl.errors import PetMtlError
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining.importance import MarkedText
from pet_mtl.pretraining.rows import PieceRows, RowBatch
from pet_mtl.pretraining.schedule import RowSchedule, cut_rows
from pet_mtl.random_streams import NEW_MARKER
from pet_mtl.stepping.optim import rate_factor
from pet_mtl.stepping.optimizer_step import OptimizerStep
from pet_mtl.storage.digests import is_whole, write_digests

EPOCHS = 3
LEARNING_RATE = 2e-4
BATCH_TOKENS = 1024  # few texts: many small steps
MARK_TOKENS = 4096
_HINT = (
    "the marker cannot be trained from this model: are its weights numbers? choose another "
    "`--model` or masking"
)


class Marker(nn.Module):
    """A masked language model's encoder with one logit a piece.

    Args:
        mlm: the model; its encoder is trained along.
    """

    def __init__(self, mlm: Any) -> None:
        super().__init__()
        self.encoder = mlm.base_model
        self.score = nn.Linear(mlm.config.hidden_size, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, batch: RowBatch, device: torch.device) -> Tensor:
        """Return `[N, L]` logits of being important."""
        mask = np.arange(batch.ids.shape[1]) < batch.lengths[:, None]
        output = self.encoder(
            input_ids=torch.from_numpy(batch.ids).to(device),
            attention_mask=torch.from_numpy(mask.astype(np.int64)).to(device),
        )
        logits: Tensor = self.score(output.last_hidden_state.float()).squeeze(-1)
        return logits


def train_marker(
    mlm: Any, texts: Sequence[MarkedText], like: PieceRows, machine: Machine, seed: int
) -> Marker:
    """Train a marker on marked texts; important and other pieces weigh the same together.

    Args:
        mlm: the model to start from; it is changed.
        texts: in the pieces of its tokenizer.
        like: rows with the special ids of the model.

    Raises:
        PetMtlError: no piece is marked.
    """
    marked = sum(sum(text.important) for text in texts)
    if not marked:
        raise PetMtlError(
            "the scorer finds no important piece",
            hint="selective masking needs a checkpoint that classifies its training rows well",
        )
    ends = np.cumsum([len(text.ids) for text in texts])
    rows = replace(
        like,
        pieces=np.array([i for text in texts for i in text.ids], np.int32),
        starts=np.concatenate([[0], ends[:-1]]),
        ends=ends,
        words=None,
        marks=np.array([mark for text in texts for mark in text.important], np.uint8),
    )
    say(f"marker: {len(texts):,} texts, {marked / ends[-1]:.1%} of their pieces important")
    weight = torch.tensor(float(ends[-1] - marked) / marked, device=machine.device)
    NEW_MARKER.start(seed)
    marker = Marker(mlm).to(machine.device).train()
    group = {"params": list(marker.parameters()), "peak": LEARNING_RATE}
    frame = OptimizerStep(
        marker, torch.optim.AdamW([group], lr=LEARNING_RATE, weight_decay=0.01), machine
    )
    schedule = RowSchedule(rows.lengths, batch_tokens=BATCH_TOKENS, seed=seed)
    plans = [plan for epoch in range(EPOCHS) for plan in schedule.epoch(epoch)]
    with bar("training the marker", len(plans)) as shown:
        for step, plan in enumerate(plans):
            batch = rows.batch(plan.items, plan.length, plan.rows)
            assert batch.marks is not None
            frame.begin(rate_factor(step, len(plans), 0.1))
            with frame.autocast():
                logits = marker(batch, machine.device)
            target = torch.from_numpy(batch.marks.astype(np.float32)).to(machine.device)
            losses = F.binary_cross_entropy_with_logits(
                logits, target, pos_weight=weight, reduction="none"
            )
            may = torch.from_numpy(batch.may).to(machine.device)
            loss = (losses * may).sum() / may.sum().clamp(min=1)
            loss.backward()  # type: ignore[no-untyped-call]
            frame.end()
            shown.advance(1)
    frame.require_numbers(loss.detach(), step=len(plans), whole=True, hint=_HINT)
    return marker


@torch.inference_mode()
def mark_rows(marker: Marker, rows: PieceRows, machine: Machine) -> npt.NDArray[np.uint8]:
    """Return 1 for each of `rows.pieces` that the marker finds important."""
    marker.eval()
    marks = np.zeros(len(rows.pieces), np.uint8)
    plans = list(cut_rows(rows.lengths, np.arange(len(rows)), MARK_TOKENS))
    head = len(rows.before)
    with bar("marking", len(plans)) as shown:
        for plan in plans:
            batch = rows.batch(plan.items, plan.length, plan.rows)
            with machine.autocast():
                found = (marker(batch, machine.device) > 0).cpu().numpy() & batch.may
            for number, row in enumerate(plan.items):
                start, end = rows.starts[row], rows.ends[row]
                marks[start:end] = found[number, head : head + end - start]
            shown.advance(1)
    return marks


def stored_marks(folder: Path, made_of: dict[str, Any], count: int) -> npt.NDArray[np.uint8] | None:
    """Return marks that an earlier run stored for the same ingredients, None where there are
    none."""
    file = _file(folder, made_of)
    if file.is_file() and file.stat().st_size == count and is_whole(file.parent):
        return np.memmap(file, np.uint8, mode="r")
    return None


def store_marks(folder: Path, made_of: dict[str, Any], marks: npt.NDArray[np.uint8]) -> None:
    """Store marks for a resumed or later run."""
    with new_folder(_file(folder, made_of).parent) as temporary:
        (temporary / "marks.bin").write_bytes(marks.tobytes())
        (temporary / "marks.json").write_text(
            json.dumps(made_of, indent=1) + "\n", encoding="utf-8"
        )
        write_digests(temporary)


def _file(folder: Path, made_of: dict[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return folder / f"marks-{digest[:16]}" / "marks.bin"
