"""The optimizer steps.

A step's loss is the mean over its rows, whatever their tasks: rows of different tasks share each
batch, and the schedule decides how often a task is drawn. Accumulation and several processes only
cut the step into pieces whose losses are divided by the rows of the whole step, so they change
nothing but memory and time. What needs the gradients of the tasks has a step cut by task.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.sampling import Schedule, split_by_group, split_step
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.hardware import Machine
from pet_mtl.model.task_model import TaskModel
from pet_mtl.objectives.adversarial import Lookups, word_tables
from pet_mtl.objectives.weighting import TaskStep, build_weighting
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.stepping.loop import run_loop
from pet_mtl.stepping.optim import build_optimizer, rate_factor
from pet_mtl.stepping.optimizer_step import OptimizerStep, step_seed
from pet_mtl.storage.state import Progress
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.training.row_loss import RowLoss
from pet_mtl.training.task_gradients import TaskGradients

LOG_EVERY = 10  # steps
SAVE_EVERY = 300.0  # seconds: what a killed run loses at most
_HINT = (
    "lower `train.learning_rate` or set `train.precision: fp32`; the last saved state is unharmed"
)


@dataclass
class _Window:
    """Sums over steps."""

    loss: dict[str, Tensor] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    conflicts: list[float] = field(default_factory=list)  # share of the pairs of tasks, by step
    terms: dict[str, Tensor] = field(default_factory=dict)  # [2] sum and rows of each loss term

    def add(self, task: str, loss: Tensor, rows: int) -> None:
        """Add a loss summed over rows."""
        self.loss[task] = self.loss.get(task, torch.zeros_like(loss)) + loss
        self.rows[task] += rows

    def add_terms(self, terms: Mapping[str, Tensor]) -> None:
        """Add each loss term's sum and rows."""
        for name, both in terms.items():
            self.terms[name] = self.terms[name] + both if name in self.terms else both


class TrainingSteps:
    """Train a method's model over a schedule.

    Args:
        model: the model; wrapped for several processes here.
        prompts: training prompts.
        schedule: the steps over them.
        settings: the `train:` section.
        machine: where it runs.
        accelerator: accelerate's, for several processes.
        tokenizer: for mask and padding ids.
        progress: where to go on.
        taught: teachers' probabilities `[rows, K]`, for the tasks that have a teacher.
    """

    def __init__(
        self,
        model: TaskModel,
        prompts: Prompts,
        schedule: Schedule,
        settings: TrainSettings,
        machine: Machine,
        accelerator: Any,
        tokenizer: PieceTokenizer,
        progress: Progress,
        taught: Mapping[str, FloatArray] = {},
    ) -> None:
        self.model, self.prompts, self.schedule, self.settings = model, prompts, schedule, settings
        self.machine, self.accelerator, self.tokenizer, self.progress = (
            machine,
            accelerator,
            tokenizer,
            progress,
        )
        self.wrapped = accelerator.prepare(model) if accelerator.num_processes > 1 else model
        self.optimizer = build_optimizer(settings, model)
        alone_on_cpu = accelerator.num_processes == 1 and machine.device.type == "cpu"
        sparse = model.use_sparse_lookups() if alone_on_cpu else None
        self._frame = OptimizerStep(
            model, self.optimizer, machine, clip_norm=settings.clip_norm, sparse=sparse
        )
        self._row_loss = RowLoss(prompts, settings, machine.device, taught)
        self.throughput = Throughput()
        ends = schedule.ends(settings.epochs, settings.max_steps)
        self.total = ends[-1]
        every = settings.evaluate_every
        self.evaluation_steps = {*(range(0, self.total, every) if every else ends), self.total}
        labels = {
            form.task: form.num_labels for form in prompts.forms if form.task in schedule.draws
        }
        self.weighting = build_weighting(settings.weighting, labels, progress.weighting)
        self._lookups = (
            Lookups(word_tables(model, tokenizer.vocab_size)) if settings.adversarial else None
        )
        self._gradients: TaskGradients | None = None
        if settings.surgery != "none" or self.weighting.wants == "gradients":
            self._gradients = TaskGradients(model, accelerator, settings.surgery, settings.seed)
        self._plans = schedule.from_step(progress.step)
        self._window, self._epoch, self._factor = _Window(), 0, 0.0

    def run(
        self,
        *,
        evaluate: Callable[[], bool],
        save: Callable[[], None],
        log: Callable[[dict[str, Any]], None],
    ) -> None:
        """Do the steps that are left.

        Args:
            evaluate: called at the evaluation steps; returns whether to stop early.
            save: writes the state to go on from; called after evaluations, every few minutes and
                before stopping.
            log: takes a record for `metrics.jsonl` every few steps.

        Raises:
            Interrupted: Ctrl-C or SIGTERM came; the state was saved.
            RunError: the loss is not a number; the state was not saved.
        """
        run_loop(
            self, evaluate=evaluate, save=save, log=log, log_every=LOG_EVERY, save_every=SAVE_EVERY
        )

    def step(self) -> int:
        """Do one optimizer step and return its rows."""
        self._epoch, plan = next(self._plans)
        self.weighting.begin(self._epoch)
        self._factor = self._step(plan, self._window)
        return len(plan.items)

    def evaluates(self) -> bool:
        return self.progress.step in self.evaluation_steps

    def over(self) -> bool:
        return False

    def note(self, record: dict[str, Any]) -> str:
        mean = sum(record["loss"].values()) / len(record["loss"])
        return f"loss {mean:.3f}  {self.throughput.to_json()['samples_per_second']:.0f} rows/s"

    def _step(self, plan: BatchPlan, window: _Window) -> float:
        """Do one optimizer step and return the learning rate's factor."""
        settings, gradients, now = self.settings, self._gradients, _Window()
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        factor = rate_factor(self.progress.step, self.total, settings.warmup)
        self._frame.begin(factor, step_seed(settings.seed, self.progress.step, rank))
        self.model.begin_step(step_seed(settings.seed, self.progress.step))
        tokens, norms = 0, dict[str, float]()
        if gradients is None:
            tokens = self._backward(plan, settings.batch_tokens, len(plan.items), now)
        else:
            for task, of_task in self._by_task(plan).items():
                room = int(self.prompts.variants[of_task.items].sum()) * plan.length
                tokens += self._backward(of_task, room, len(plan.items), now)
                gradients.take(task, len(of_task.items))
                self._frame.clear()
            norms, conflicts = gradients.put(self.progress.step)
            if conflicts is not None:
                window.conflicts.append(conflicts)
        if world > 1:
            tokens = int(self.accelerator.reduce(torch.tensor(tokens, device=self.machine.device)))
        self.progress.tokens += tokens
        self.model.add_penalty_gradient()
        self._frame.end()
        if self.weighting.wants != "nothing":
            self._weigh(now, norms, len(plan.items))
        for task, loss in now.loss.items():
            window.add(task, loss, now.rows[task])
        window.add_terms(now.terms)
        return factor

    def _weigh(self, now: _Window, norms: Mapping[str, float], rows: int) -> None:
        """Tell the weighting of a step of so many rows, by all of which the losses behind its norms
        were divided."""
        did = {}
        for task, (loss, own) in self._summed(now).items():
            did[task] = TaskStep(
                loss / own, own, norms[task] * rows / own if task in norms else None
            )
        self.weighting.update(did, self._epoch)

    def _by_task(self, plan: BatchPlan) -> dict[str, BatchPlan]:
        """Return a step's rows of each task."""
        tasks = list(self.schedule.draws)
        of_form = np.array(
            [tasks.index(form.task) if form.task in tasks else -1 for form in self.prompts.forms]
        )
        return {
            tasks[n]: part
            for n, part in split_by_group(plan, of_form[self.prompts.form[plan.items]]).items()
        }

    def _backward(self, plan: BatchPlan, room: int, rows: int, window: _Window) -> int:
        """Add the gradients of a step or a part of it, cut into pieces, and return its tokens on
        this process.

        Args:
            room: tokens that it takes, padding counted.
            rows: of the whole step.
        """
        accelerator = self.accelerator
        world, rank = accelerator.num_processes, accelerator.process_index
        parts = max(
            self.settings.accumulate, self.machine.pieces(room * self._row_loss.passes // world)
        )
        pieces = split_step(plan, parts * world)
        own = pieces[rank::world]
        # Every process must take part in every exchange: one without a piece computes the first
        # with weight 0.
        most = -(-len(pieces) // world)
        weights = [1.0] * len(own) + [0.0] * (most - len(own))
        own = own + pieces[:1] * (most - len(own))
        tokens = 0
        for number, (piece, weight) in enumerate(zip(own, weights, strict=True)):
            batch = collate(
                self.prompts, piece, mask_id=self.tokenizer.mask_id, pad_id=self.tokenizer.pad_id
            )
            batch = batch.to(self.machine.device)
            last = self._gradients is None and number + 1 == most
            scale = world / rows
            if self._lookups is None:
                self._pass(batch, weight, scale, window, exchanges=last)
            else:  # once more with each row's words moved against the model
                with self._lookups.watched():
                    self._pass(batch, weight, scale, window, exchanges=False)
                with self._lookups.moved(self.settings.adversarial):
                    self._pass(batch, weight, scale, _Window(), exchanges=last)
            if weight:
                tokens += batch.tokens
        return tokens

    def _pass(
        self, batch: Batch, weight: float, scale: float, window: _Window, *, exchanges: bool
    ) -> None:
        """Add the gradient of a piece; processes exchange theirs with the last one."""
        with contextlib.nullcontext() if exchanges else self.accelerator.no_sync(self.wrapped):
            loss = self._loss(batch, weight, window) * scale
            self.accelerator.backward(loss)

    def _loss(self, batch: Batch, weight: float, window: _Window) -> Tensor:
        with self._frame.autocast():
            scores = self.wrapped(batch)
            again = self.wrapped(batch) if self._row_loss.passes == 2 else [None] * len(scores)
        total, by_task = torch.zeros((), device=self.machine.device), self.weighting.weights()
        for group, of_group, second in zip(batch.groups, scores, again, strict=True):
            task = self.prompts.forms[group.form].task
            loss = self._row_loss(batch, group, of_group, second, self.progress.step, self.total)
            total = total + weight * by_task[task] * loss.total
            if weight:
                window.add(task, loss.total.detach(), len(group.labels))
                window.add_terms(loss.terms)
        return total

    def record(self, *, whole: bool) -> dict[str, Any]:
        """Return a log line over the steps since the last one, the losses averaged over all
        processes' rows."""
        window, self._window = self._window, _Window()
        summed = self._summed(window)
        losses = torch.tensor([loss for loss, _ in summed.values()])
        self._frame.require_numbers(losses, step=self.progress.step, whole=whole, hint=_HINT)
        return {
            "step": self.progress.step,
            "epoch": self._epoch,
            "loss": {task: round(loss / rows, 5) for task, (loss, rows) in summed.items()},
            "learning_rate": self.settings.learning_rate * self._factor,
            "rows": self.progress.rows,
            "seconds": round(self.progress.seconds, 3),
            **self._multi_task_record(window),
            **self._terms_record(window),
        }

    def _multi_task_record(self, window: _Window) -> dict[str, Any]:
        """Return what a log line says of weighting and surgery."""
        record: dict[str, Any] = {}
        if self.weighting.wants != "nothing":
            record["weights"] = {
                task: round(weight, 4) for task, weight in self.weighting.weights().items()
            }
        if window.conflicts:
            record["conflicts"] = round(float(np.mean(window.conflicts)), 3)
        return record

    def _terms_record(self, window: _Window) -> dict[str, Any]:
        """Return what a log line says of the loss terms: the mean of each over all processes'
        rows."""
        if not self._row_loss.names:
            return {}
        none = torch.zeros(2, device=self.machine.device)
        both = torch.stack([window.terms.get(name, none).double() for name in self._row_loss.names])
        if self.accelerator.num_processes > 1:
            both = self.accelerator.reduce(both)
        sums = zip(self._row_loss.names, both.tolist(), strict=True)
        return {"terms": {name: round(total / rows, 5) for name, (total, rows) in sums if rows}}

    def _summed(self, window: _Window) -> dict[str, tuple[float, int]]:
        """Return loss and rows of all processes by task, for tasks that have rows."""
        zero, tasks = torch.zeros((), device=self.machine.device), list(self.schedule.draws)
        sums = torch.stack([window.loss.get(task, zero).double() for task in tasks])
        rows = torch.tensor(
            [window.rows[task] for task in tasks], dtype=torch.float64, device=self.machine.device
        )
        if self.accelerator.num_processes > 1:
            sums, rows = self.accelerator.reduce(sums), self.accelerator.reduce(rows)
        both = zip(tasks, sums.tolist(), rows.tolist(), strict=True)
        return {task: (loss, int(count)) for task, loss, count in both if count}

    def anyone(self, flag: bool) -> bool:
        """Return whether any process says yes, so that all do the same."""
        if self.accelerator.num_processes == 1:
            return flag
        return bool(
            self.accelerator.reduce(torch.tensor(float(flag), device=self.machine.device)) > 0
        )
