"""The gradients of a step's rows, cut into pieces for memory, speed and several processes."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.sampling import split_step
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.hardware import Machine
from pet_mtl.model.in_threads import shares
from pet_mtl.model.slot_encoder import slot_encoders
from pet_mtl.objectives.adversarial import Lookups, word_tables
from pet_mtl.random_streams import step_seed
from pet_mtl.scoring.chain import chained_batch
from pet_mtl.stepping.side_by_side import add_gradients
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.training.errands import Errands, Part
from pet_mtl.training.step_model import Errand, StepModel, Whole
from pet_mtl.training.step_sums import StepSums
from pet_mtl.training.whole_step import WholeStep

# parameters: products of larger models keep all threads busy, and each piece that is computed
# beside others has a gradient of its own
_SMALL = 50_000_000


@dataclass(frozen=True)
class _Share:
    """How much a piece's losses count.

    Attributes:
        scale: of all, the other processes' mean and the step's rows counted.
        weight: 0 for a piece that only keeps the processes in step.
        by_task: weights of the tasks.
        tasks: of each form.
    """

    scale: float
    weight: float
    by_task: Mapping[str, float]
    tasks: Sequence[str]


class Pieces:
    """Compute the pieces of steps.

    Args:
        model: the model and the loss of its rows.
        total: steps of the run.

    Attributes:
        errands: what loss terms do of each piece.
    """

    def __init__(
        self,
        model: StepModel,
        settings: TrainSettings,
        machine: Machine,
        accelerator: Any,
        tokenizer: PieceTokenizer,
        total: int,
    ) -> None:
        self._model, self._settings, self._machine = model, settings, machine
        self._accelerator, self._tokenizer = accelerator, tokenizer
        several = accelerator.num_processes > 1
        self._wrapped: nn.Module = accelerator.prepare(model) if several else model
        self.errands = Errands(model, machine, settings.seed, total)
        self._whole_step = WholeStep(model, accelerator)
        self._lookups = Lookups(word_tables(model)) if settings.adversarial else None
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._in_threads = (
            not several
            and sum(p.numel() for p in self._parameters) < _SMALL
            # pieces must know nothing of each other, and draw nothing: dropout of encoders that
            # are run by their slots is a function of the row
            and not settings.adversarial
            and not model.row_loss.piece_terms
            and bool(slot_encoders(model))
        )

    def backward(
        self,
        plan: BatchPlan,
        part: Part,
        sums: StepSums,
        *,
        step: int,
        rows: int,
        room: int,
        weights: Mapping[str, float],
        exchanges: bool,
    ) -> int:
        """Add the gradients of a step's rows or some of them, and return their tokens on this
        process.

        Args:
            sums: filled with their losses.
            step: number of the step.
            rows: of the whole step.
            room: tokens that they take, padding counted.
            weights: of the tasks' losses.
            exchanges: processes exchange gradients with the last piece.
        """
        world = self._accelerator.num_processes
        passes = self._model.row_loss.passes if part.scored else 1
        least = self._settings.accumulate
        parts = max(least, self._machine.pieces(room * passes // world))
        # who asks for as many pieces or more wants to save memory
        threads = self._in_threads and least < parts
        workers = shares(self._machine.device, parts, alike=True)[0] if threads else 1
        pieces = split_step(plan, (parts + -parts % workers) * world)
        tasks = [form.task for form in part.prompts.forms]
        share = _Share(world / rows, 1.0, weights, tasks)
        if workers > 1:
            return self._side_by_side(pieces, part, share, sums, step)
        return self._one_by_one(pieces, part, share, sums, step, exchanges)

    def _one_by_one(
        self,
        pieces: list[BatchPlan],
        part: Part,
        share: _Share,
        sums: StepSums,
        step: int,
        exchanges: bool,
    ) -> int:
        """Add the gradients of this process's pieces one after the other, and return their
        tokens."""
        accelerator = self._accelerator
        world, rank = accelerator.num_processes, accelerator.process_index
        own = pieces[rank::world]
        # Every process must take part in every exchange: one without a piece computes the first
        # with weight 0.
        most = -(-len(pieces) // world)
        counts = [1.0] * len(own) + [0.0] * (most - len(own))
        own = own + pieces[:1] * (most - len(own))
        seed = step_seed(self._settings.seed, step, rank)
        wholes: list[Whole] = [{}] * most
        whole_step = part.scored and len(pieces) > 1 and self._whole_step.terms
        if whole_step:
            batches = [self._collate(part.prompts, piece).to(self._machine.device) for piece in own]
            wholes = self._whole_step.losses(batches, int(sum(counts)), seed)
        tokens = 0
        for number, (piece, weight) in enumerate(zip(own, counts, strict=True)):
            batch = self._collate(part.prompts, piece)
            errand = self.errands.of_piece(part, batch, step, wholes[number])
            batch = batch.to(self._machine.device)
            last = exchanges and number + 1 == most
            if whole_step:
                self._whole_step.seed(seed, number)
            self._passes(batch, errand, replace(share, weight=weight), sums, last)
            if weight:
                tokens += batch.tokens
        return tokens

    def _side_by_side(
        self, pieces: list[BatchPlan], part: Part, share: _Share, sums: StepSums, step: int
    ) -> int:
        """Add the gradients of pieces that are computed in threads, and return their tokens."""

        def compute(batch: Batch) -> tuple[Tensor, tuple[int, StepSums]]:
            noted, errand = StepSums(), self.errands.of_piece(part, batch, step, {})
            return self._loss(batch, errand, share, noted) * share.scale, (batch.tokens, noted)

        # all of them before the first is computed: for prompts that hold what other tasks say, the
        # model is asked out of its training mode, which threads share
        batches = [self._collate(part.prompts, piece) for piece in pieces]
        tokens = 0
        for of_piece, noted in add_gradients(self._parameters, compute, batches):
            tokens += of_piece
            sums.add(noted)
        return tokens

    def _collate(self, prompts: Prompts, plan: BatchPlan) -> Batch:
        return chained_batch(self._model.model, prompts, plan, self._machine, self._tokenizer)

    def _passes(
        self, batch: Batch, errand: Errand, share: _Share, sums: StepSums, exchanges: bool
    ) -> None:
        """Add the gradient of a piece."""
        if self._lookups is None or not errand.scored:
            self._pass(batch, errand, share, sums, exchanges)
            return
        with self._lookups.watched():
            self._pass(batch, errand, share, sums, False)
        # once more with each row's words moved against the model, but for what depends on other
        # rows, which move as well
        names = [name for name in errand.terms if name not in self._whole_step.terms]
        with self._lookups.moved(self._settings.adversarial):
            self._pass(batch, replace(errand, terms=names), share, StepSums(), exchanges)

    def _pass(
        self, batch: Batch, errand: Errand, share: _Share, sums: StepSums, exchanges: bool
    ) -> None:
        with contextlib.nullcontext() if exchanges else self._accelerator.no_sync(self._wrapped):
            loss = self._loss(batch, errand, share, sums) * share.scale
            self._accelerator.backward(loss)

    def _loss(self, batch: Batch, errand: Errand, share: _Share, sums: StepSums) -> Tensor:
        total, of_piece = torch.zeros((), device=self._machine.device), StepSums()
        for group, loss in zip(batch.groups, self._wrapped(batch, errand), strict=True):
            task = share.tasks[group.form]
            weight = share.weight * (share.by_task[task] if errand.scored else 1.0)
            total = total + weight * loss.total
            if share.weight:
                noted = StepSums(terms=loss.terms)
                if errand.scored:
                    summed = loss.total.detach()
                    rows = torch.full_like(summed, len(group.labels))
                    noted.loss[task] = torch.stack([summed, rows])
                if loss.right is not None:
                    noted.right[task] = loss.right
                of_piece.add(noted)
        sums.add(of_piece)  # rounded alike whether pieces are computed in threads or not
        return total
