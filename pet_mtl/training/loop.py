"""The optimizer steps.

A step's loss is the mean over its rows, whatever their tasks: rows of different tasks share each batch, and the
schedule decides how often a task is drawn. Accumulation and several processes only cut the step into pieces whose
losses are divided by the rows of the whole step, so they change nothing but memory and time.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.sampling import Schedule, split_step
from pet_mtl.errors import RunError
from pet_mtl.model.hardware import Machine
from pet_mtl.model.task_model import TaskModel
from pet_mtl.objectives.distillation import label_share, teacher_loss
from pet_mtl.objectives.label_loss import label_loss
from pet_mtl.objectives.logit_adjustment import adjustments
from pet_mtl.scoring.scorer import FloatArray, Throughput
from pet_mtl.spec.settings import TrainSettings
from pet_mtl.training.optim import build_optimizer, clear_gradients, rate_factor, set_rates
from pet_mtl.training.state import Progress
from pet_mtl.training.steps import run_steps

LOG_EVERY = 10  # steps
SAVE_EVERY = 300.0  # seconds: what a killed run loses at most


@dataclass
class _Window:
    """Sums since the last log line."""

    loss: dict[str, Tensor] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Loop:
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
        self.taught = taught
        self.model, self.prompts, self.schedule, self.settings = model, prompts, schedule, settings
        self.machine, self.accelerator, self.tokenizer, self.progress = machine, accelerator, tokenizer, progress
        self.wrapped = accelerator.prepare(model) if accelerator.num_processes > 1 else model
        self.optimizer = build_optimizer(settings, model)
        alone_on_cpu = accelerator.num_processes == 1 and machine.device.type == "cpu"
        self._sparse = model.use_sparse_lookups() if alone_on_cpu else None
        clear_gradients(self.optimizer, self._sparse)
        self._adjustments = adjustments(prompts, settings.logit_adjustment, machine.device)
        self.throughput = Throughput()
        ends = schedule.ends(settings.epochs, settings.max_steps)
        self.total = ends[-1]
        every = settings.evaluate_every
        self.evaluation_steps = {*(range(0, self.total, every) if every else ends), self.total}
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
            save: writes the state to go on from; called after evaluations, every few minutes and before stopping.
            log: takes a record for `metrics.jsonl` every few steps.

        Raises:
            Interrupted: Ctrl-C or SIGTERM came; the state was saved.
            RunError: the loss is not a number; the state was not saved.
        """
        run_steps(self, evaluate=evaluate, save=save, log=log, log_every=LOG_EVERY, save_every=SAVE_EVERY)

    def step(self) -> int:
        """Do one optimizer step and return its rows."""
        self._epoch, plan = next(self._plans)
        self._factor = self._step(plan, self._window)
        return len(plan.items)

    def evaluates(self) -> bool:
        return self.progress.step in self.evaluation_steps

    def over(self) -> bool:
        return False

    def note(self, record: dict[str, Any]) -> str:
        mean = sum(record["loss"].values()) / len(record["loss"])
        return f"loss {mean:.3f}  {self.throughput.to_json()['samples_per_second']:.0f} rows/s"

    def _step(self, plan: Any, window: _Window) -> float:
        """Do one optimizer step and return the learning rate's factor."""
        settings, accelerator = self.settings, self.accelerator
        world, rank = accelerator.num_processes, accelerator.process_index
        # Dropout becomes a function of the step, so a resumed run needs no random state.
        torch.manual_seed((settings.seed * 1_000_003 + self.progress.step) * 1_000 + rank)
        factor = rate_factor(self.progress.step, self.total, settings.warmup)
        set_rates(self.optimizer, factor)
        parts = max(settings.accumulate, self.machine.pieces(settings.batch_tokens // world))
        pieces = split_step(plan, parts * world)
        own = pieces[rank::world]
        # Every process must take part in every exchange: one without a piece computes the first with weight 0.
        most = -(-len(pieces) // world)
        weights = [1.0] * len(own) + [0.0] * (most - len(own))
        own = own + pieces[:1] * (most - len(own))
        self.model.train()
        tokens = 0
        for number, (piece, weight) in enumerate(zip(own, weights, strict=True)):
            batch = collate(self.prompts, piece, mask_id=self.tokenizer.mask_id, pad_id=self.tokenizer.pad_id)
            batch = batch.to(self.machine.device)
            with accelerator.no_sync(self.wrapped) if number + 1 < most else contextlib.nullcontext():
                loss = self._loss(batch, weight, window) * (world / len(plan.items))
                accelerator.backward(loss)
            if weight:
                tokens += batch.tokens
        if world > 1:
            tokens = int(accelerator.reduce(torch.tensor(tokens, device=self.machine.device)))
        self.progress.tokens += tokens
        self.model.add_penalty_gradient()
        if settings.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
        self.optimizer.step()
        clear_gradients(self.optimizer, self._sparse)
        return factor

    def _loss(self, batch: Batch, weight: float, window: _Window) -> Tensor:
        with self.machine.autocast():
            scores = self.wrapped(batch)
        total = torch.zeros((), device=self.machine.device)
        for group, of_group in zip(batch.groups, scores, strict=True):
            task, adjusted = self.prompts.forms[group.form].task, of_group + self._adjustments[group.form]
            loss = label_loss(adjusted, group.labels, self.settings.label_smoothing)
            if task in self.taught:
                rows = self.prompts.row[batch.items[group.items.cpu().numpy()]]
                probs = torch.from_numpy(self.taught[task][rows]).to(self.machine.device)
                share = label_share(self.settings.label_share, self.progress.step, self.total)
                loss = share * loss + (1 - share) * teacher_loss(adjusted, probs)
            total = total + weight * loss
            if weight:
                window.loss[task] = window.loss.get(task, torch.zeros_like(loss.detach())) + loss.detach()
                window.rows[task] += len(group.labels)
        return total

    def record(self, *, whole: bool) -> dict[str, Any]:
        """Return a log line over the steps since the last one, the losses averaged over all processes' rows."""
        window, self._window = self._window, _Window()
        tasks = list(self.schedule.draws)
        sums = torch.stack([window.loss.get(t, torch.zeros((), device=self.machine.device)).double() for t in tasks])
        rows = torch.tensor([window.rows[t] for t in tasks], dtype=torch.float64, device=self.machine.device)
        if self.accelerator.num_processes > 1:
            sums, rows = self.accelerator.reduce(sums), self.accelerator.reduce(rows)
        self._require_numbers(sums)
        if whole:
            self._require_numbers(torch.nn.utils.get_total_norm(self.model.parameters()))
        return {
            "step": self.progress.step,
            "epoch": self._epoch,
            "loss": {t: round(float(s / n), 5) for t, s, n in zip(tasks, sums, rows, strict=True) if n},
            "learning_rate": self.settings.learning_rate * self._factor,
            "rows": self.progress.rows,
            "seconds": round(self.progress.seconds, 3),
        }

    def _require_numbers(self, values: Tensor) -> None:
        """Stop before a state that is no number is evaluated and saved."""
        if not bool(values.isfinite().all()):
            raise RunError(
                f"the loss is not a number any more (step {self.progress.step})",
                hint="lower `train.learning_rate` or set `train.precision: fp32`; the last saved state is unharmed",
            )

    def anyone(self, flag: bool) -> bool:
        """Return whether any process says yes, so that all do the same."""
        if self.accelerator.num_processes == 1:
            return flag
        return bool(self.accelerator.reduce(torch.tensor(float(flag), device=self.machine.device)) > 0)
