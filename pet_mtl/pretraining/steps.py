"""The optimizer steps of pre-training, and the held-out figures.

A step's loss is the mean over its masked pieces. Masks, order and dropout are functions of the seed
and the step, so a stopped run that is gone on with ends where an unbroken one ends.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.corrupt import corrupt
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.sampling import split_step
from pet_mtl.console import bar
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining.masking.take import BoolArray
from pet_mtl.pretraining.mlm_model import MlmBatch, MlmModel, mlm_batch
from pet_mtl.pretraining.rows import LABEL_WORD, PieceRows, RowBatch
from pet_mtl.pretraining.schedule import PlannedStep, RowSchedule, cut_rows
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.pretraining.teacher import Lesson, TaughtModel
from pet_mtl.random_streams import step_seed
from pet_mtl.stepping.optim import build_optimizer, rate_factor
from pet_mtl.stepping.optimizer_step import OptimizerStep
from pet_mtl.storage.state import Progress

Strategy = Callable[[RowBatch, Draws, float], BoolArray]
LOG_EVERY = 10  # steps
HELD_OUT_SEED = 20_190_524  # of no run: the held-out masks are always the same


@dataclass(frozen=True)
class Masker:
    """How rows become masked batches.

    Attributes:
        strategy: which pieces are predicted.
        rate: what share.
        mask_id: id of the mask.
        replacements: ids that a piece may be replaced by.
    """

    strategy: Strategy
    rate: float
    mask_id: int
    replacements: npt.NDArray[np.int64]

    def __call__(self, rows: PieceRows, plan: BatchPlan, seed: int, epoch: int) -> MlmBatch:
        """Return a masked batch, a function of its arguments; a row's masks do not depend on its
        batch."""
        batch = rows.batch(plan.items, plan.length, plan.rows)
        draws = Draws(seed, epoch, batch.numbers)
        chosen = self.strategy(batch, draws, self.rate)
        always = None if batch.marks is None else batch.marks == LABEL_WORD
        corrupted = corrupt(
            batch.ids,
            chosen,
            draws,
            mask_id=self.mask_id,
            replacements=self.replacements,
            always_mask=always,
        )
        return mlm_batch(batch, corrupted, chosen)


class PretrainingSteps:
    """Train a masked language model over rows.

    Args:
        model: the model; wrapped for several processes here.
        rows: training rows.
        masker: the run's masking.
        settings: of the run.
        machine: where it runs.
        accelerator: accelerate's, for several processes.
        progress: where to go on.
    """

    def __init__(
        self,
        model: MlmModel | TaughtModel,
        rows: PieceRows,
        masker: Masker,
        settings: PretrainSettings,
        machine: Machine,
        accelerator: Any,
        progress: Progress,
    ) -> None:
        self.model, self.rows = model, rows
        self.masker, self.settings = masker, settings
        self.machine, self.accelerator, self.progress = machine, accelerator, progress
        self.wrapped = accelerator.prepare(model)
        self.optimizer = build_optimizer(settings, model)
        alone_on_cpu = accelerator.num_processes == 1 and machine.device.type == "cpu"
        sparse = model.backbone.use_sparse_lookups() if alone_on_cpu else None
        self._frame = OptimizerStep(
            model, self.optimizer, machine, clip_norm=settings.clip_norm, sparse=sparse
        )
        self.throughput = Throughput()
        self.schedule = RowSchedule(
            rows.lengths, batch_tokens=settings.batch_tokens, seed=settings.seed
        )
        self.total = self.schedule.steps(settings.epochs, settings.max_steps)
        self._steps = self._prepared()
        self.lesson = _lesson(model)
        self._sums = _zeros(self.lesson, machine)
        stored = self._sums.new_tensor(progress.window.get("sums", []))
        if accelerator.is_main_process and stored.shape == self._sums.shape:
            self._sums += stored  # those of all processes
        self._now: PlannedStep | None = None
        self._factor = 0.0

    def step(self) -> int:
        """Do one optimizer step and return its rows."""
        settings, accelerator, progress = self.settings, self.accelerator, self.progress
        world, rank = accelerator.num_processes, accelerator.process_index
        self._now, pieces = next(self._steps)
        self._factor = rate_factor(self.position, self.total, settings.warmup, settings.schedule)
        of_all = step_seed(settings.seed, progress.step)
        self._frame.begin(self._factor, step_seed(settings.seed, progress.step, rank), of_all)
        masked = self._everyone(sum(piece.masked for piece in pieces))
        tokens = self._everyone(sum(piece.tokens for piece in pieces))
        for number, piece in enumerate(pieces):
            batch = piece.to(self.machine.device)
            with (
                accelerator.no_sync(self.wrapped)
                if number + 1 < len(pieces)
                else contextlib.nullcontext()
            ):
                with self._frame.autocast():
                    loss, right, *terms = self.wrapped(batch)
                if self.lesson is None:
                    accelerator.backward(loss * (world / max(1.0, masked)))
                else:
                    accelerator.backward(self.lesson.total(loss, terms, masked, tokens) * world)
            self._sums += _sums(batch, loss, right, terms)
        progress.tokens += int(tokens)
        self._frame.end()
        return len(self._now.plan.items)

    @property
    def position(self) -> float:
        """Where the run stands on the way from 0 to `total`: by steps, or by time where that runs
        out first."""
        limit = self.settings.max_minutes
        by_time = 0.0 if limit is None else self.progress.seconds / (limit * 60) * self.total
        return max(float(self.progress.step), by_time)

    def _prepared(self) -> Iterator[tuple[PlannedStep, list[MlmBatch]]]:
        """Yield each step with this process's batches; beside a GPU they are made ahead of time."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index

        def build(now: PlannedStep) -> list[MlmBatch]:
            def masked(piece: BatchPlan) -> MlmBatch:
                return self.masker(self.rows, piece, self.settings.seed, now.epoch)

            pieces = split_step(now.plan, self.settings.accumulate * world)
            # every process must take part in every exchange: one without a piece gets one that
            # counts nothing
            own = list(map(masked, pieces[rank::world]))
            return own or [masked(pieces[0]).without_targets()]

        steps = self.schedule.from_step(self.progress.step)
        if self.machine.device.type != "cuda":
            for now in steps:
                yield now, build(now)
        waiting: deque[tuple[PlannedStep, Future[list[MlmBatch]]]] = deque()
        with ThreadPoolExecutor(4) as pool:
            for now in steps:
                waiting.append((now, pool.submit(build, now)))
                if len(waiting) >= 8:
                    first, batches = waiting.popleft()
                    yield first, batches.result()

    def record(self, *, whole: bool) -> dict[str, Any]:
        """Return a log line over the steps since the last one."""
        sums = self._summed(whole=whole)
        self._sums = torch.zeros_like(self._sums)
        figures = _figures(sums, self.lesson).to_json()
        del figures["masked"]
        return {
            "step": self.progress.step,
            "epoch": self._now.epoch if self._now else 0,
            **figures,
            "learning_rate": self.settings.learning_rate * self._factor,
            "rows": self.progress.rows,
            "tokens": self.progress.tokens,
            "seconds": round(self.progress.seconds, 3),
        }

    def keep(self) -> None:
        self.progress.window = {"sums": self._summed(whole=True).tolist()}

    def _summed(self, *, whole: bool) -> Tensor:
        """Return the sums of all processes, checked to be numbers."""
        sums = self._sums
        if self.accelerator.num_processes > 1:
            sums = self.accelerator.reduce(sums)
        hint = "lower `learning_rate` or set `precision=fp32`; the last saved state is unharmed"
        self._frame.require_numbers(sums, step=self.progress.step, whole=whole, hint=hint)
        return sums

    def note(self, record: dict[str, Any]) -> str:
        rate = self.throughput.to_json()["tokens_per_second"]
        return f"loss {record['loss']:.3f}  accuracy {record['accuracy']:.1%}  {rate:,.0f} tokens/s"

    def evaluates(self) -> bool:
        every = self.settings.evaluate_every
        ends = self._now is not None and self._now.ends_epoch
        return ends if every is None else self.progress.step % every == 0

    def over(self) -> bool:
        limit = self.settings.max_minutes
        return limit is not None and self.anyone(self.progress.seconds >= limit * 60)

    def anyone(self, flag: bool) -> bool:
        return self._everyone(float(flag)) > 0

    def _everyone(self, number: float) -> float:
        """Return the sum over all processes."""
        if self.accelerator.num_processes == 1:
            return number
        # fp64: token counts beyond 2^24 must stay exact
        return float(
            self.accelerator.reduce(
                torch.tensor(number, dtype=torch.float64, device=self.machine.device)
            )
        )


@dataclass(frozen=True)
class HeldOut:
    """Figures of text that was never trained on: mean loss and accuracy at the masked pieces.

    Attributes:
        teacher: with a teacher the mean of each of its terms, and `loss`, their weighted sum.
    """

    loss: float
    accuracy: float
    masked: int
    teacher: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        taught = self.teacher and {name: round(mean, 5) for name, mean in self.teacher.items()}
        return {
            "loss": round(self.loss, 5),
            "accuracy": round(self.accuracy, 5),
            "masked": self.masked,
            **({"teacher": taught} if taught else {}),
        }


def _lesson(model: MlmModel | TaughtModel) -> Lesson | None:
    return model.lesson if isinstance(model, TaughtModel) else None


def _zeros(lesson: Lesson | None, machine: Machine) -> Tensor:
    """Return room for the sums of `_sums`."""
    terms = 0 if lesson is None else len(lesson.terms)
    return torch.zeros(4 + terms, dtype=torch.float64, device=machine.device)


def _sums(batch: MlmBatch, loss: Tensor, right: Tensor, terms: Sequence[Tensor]) -> Tensor:
    """Return loss, right ones, masked ones, tokens and the teacher's terms of a batch."""
    counts = [right.new_full((), count) for count in (batch.masked, batch.tokens)]  # no copy
    return torch.stack([value.detach().double() for value in (loss, right, *counts, *terms)])


def _figures(sums: Tensor, lesson: Lesson | None) -> HeldOut:
    (loss, right, masked), (tokens, *terms) = sums[:3].tolist(), sums[3:].tolist()
    return HeldOut(
        loss / max(1.0, masked),
        right / max(1.0, masked),
        int(masked),
        None if lesson is None else lesson.means(terms, masked, tokens),
    )


@torch.inference_mode()
def measure(
    model: MlmModel | TaughtModel,
    rows: PieceRows,
    masker: Masker,
    machine: Machine,
    accelerator: Any,
) -> HeldOut:
    """Measure a model on held-out rows, whose masks are the same in every run."""
    was_training = model.training
    model.eval()
    plans = list(cut_rows(rows.lengths, np.arange(len(rows)), 4096))
    own = plans[accelerator.process_index :: accelerator.num_processes]
    lesson = _lesson(model)
    sums = _zeros(lesson, machine)
    with bar("held-out text", len(own)) as shown:
        for plan in own:
            batch = masker(rows, plan, HELD_OUT_SEED, 0).to(machine.device)
            with machine.autocast():
                loss, right, *terms = model(batch)
            sums += _sums(batch, loss, right, terms)
            shown.advance(1)
    if accelerator.num_processes > 1:
        sums = accelerator.reduce(sums)
    model.train(was_training)
    return _figures(sums, lesson)
