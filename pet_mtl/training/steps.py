"""The optimizer steps.

A step's loss is the mean over its rows, whatever their tasks: rows of different tasks share each
batch, and the schedule decides how often a task is drawn. Accumulation and several processes only
cut the step into pieces whose losses are divided by the rows of the whole step, so they change
nothing but memory and time. What needs the gradients of the tasks has a step cut by task.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.sampling import Schedule, split_by_group
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.kinds import kind_of_form
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.drawing import drawn_by
from pet_mtl.model.hardware import Machine
from pet_mtl.model.task_model import TaskModel
from pet_mtl.objectives.weighting import TaskStep, build_weighting
from pet_mtl.random_streams import step_seed
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.stepping.loop import run_loop
from pet_mtl.stepping.optim import build_optimizer, rate_factor
from pet_mtl.stepping.optimizer_step import OptimizerStep
from pet_mtl.stepping.weight_average import WeightAverage
from pet_mtl.storage.state import Progress
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.training.errands import Part, RowKind, other_schedule
from pet_mtl.training.pieces import Pieces
from pet_mtl.training.row_loss import RowLoss
from pet_mtl.training.step_model import StepModel, sharing_terms, term_facts
from pet_mtl.training.step_sums import StepSums
from pet_mtl.training.task_gradients import TaskGradients

LOG_EVERY = 10  # steps
SAVE_EVERY = 300.0  # seconds: what a killed run loses at most
_Summed = dict[str, tuple[float, float]]  # a sum and its rows by name
_HINT = (
    "lower `train.learning_rate` or set `train.precision: fp32`; the last saved state is unharmed"
)


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
        others: unlabelled rows that loss terms read; None: there are none.

    Attributes:
        trained: the model and the loss terms' own parameters.
        average: of the model's weights, where the settings have one.
        epochs: of the whole run, a broken one counted.
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
        others: Prompts | None = None,
    ) -> None:
        self.model, self.prompts = model, prompts
        self.schedule, self.settings = schedule, settings
        self.machine, self.accelerator = machine, accelerator
        self.tokenizer, self.progress = tokenizer, progress
        forms = {form.task: form for form in prompts.forms if form.task in schedule.draws}
        self.weighting = build_weighting(
            settings.weighting,
            {task: form.outcomes for task, form in forms.items()},
            progress.weighting,
            {task: kind_of_form(form).guess_loss(form.outcomes) for task, form in forms.items()},
        )
        judges = self.weighting.wants == "accuracy"
        with drawn_by(settings.seed):
            facts, own = term_facts(model, prompts, tokenizer), sharing_terms(model, prompts)
            row_loss = RowLoss(prompts, settings, machine.device, taught, facts, own, judges=judges)
        self.trained = StepModel(model, row_loss, machine)
        self.optimizer = build_optimizer(settings, self.trained)
        alone_on_cpu = accelerator.num_processes == 1 and machine.device.type == "cpu"
        sparse = model.use_sparse_lookups() if alone_on_cpu else None
        self._frame = OptimizerStep(
            self.trained, self.optimizer, machine, clip_norm=settings.clip_norm, sparse=sparse
        )
        self.throughput = Throughput()
        ends = schedule.ends(settings.epochs, settings.max_steps)
        self.total, self.epochs = ends[-1], len(ends)
        every = settings.evaluate_every
        self.evaluation_steps = {*(range(every, self.total, every) if every else ends), self.total}
        self._gradients: TaskGradients | None = None
        if settings.surgery != "none" or self.weighting.wants == "gradients":
            self._gradients = TaskGradients(
                self.trained, accelerator, settings.surgery, settings.seed
            )
        self._plans = schedule.from_step(progress.step)
        self._pieces = Pieces(self.trained, settings, machine, accelerator, tokenizer, self.total)
        self.average = WeightAverage(model, settings.ema) if settings.ema is not None else None
        self._others = others
        if others is not None:
            self._other_plans = other_schedule(others, schedule).from_step(progress.step)
        self._sums, self._epoch, self._factor = StepSums(), 0, 0.0
        if progress.window and accelerator.is_main_process:  # it has the sums of all processes
            self._sums.put_back(progress.window, machine.device)

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
            Interrupted: Ctrl-C, SIGTERM or SIGHUP came; the state was saved.
            RunError: the loss is not a number; the state was not saved.
        """
        run_loop(
            self, evaluate=evaluate, save=save, log=log, log_every=LOG_EVERY, save_every=SAVE_EVERY
        )

    def step(self) -> int:
        """Do one optimizer step and return its rows."""
        self._epoch, plan = next(self._plans)
        self.weighting.begin(self._epoch)
        settings, gradients, now = self.settings, self._gradients, StepSums()
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        self._factor = rate_factor(self.progress.step, self.total, settings.warmup)
        of_all = step_seed(settings.seed, self.progress.step)
        self._frame.begin(self._factor, step_seed(settings.seed, self.progress.step, rank), of_all)
        self.model.begin_step(of_all)
        tokens, norms = 0, dict[str, float]()
        other = None if self._others is None else next(self._other_plans)[1]
        if gradients is None:
            tokens = self._backward(plan, Part(self.prompts), now, len(plan.items), None)
        else:
            for task, of_task in self._by_task(plan).items():
                room = int(self.prompts.variants[of_task.items].sum()) * plan.length
                tokens += self._backward(of_task, Part(self.prompts), now, len(plan.items), room)
                gradients.take(task, len(of_task.items))
                self._frame.clear()
            norms, conflicts = gradients.put(self.progress.step)
            if conflicts is not None:
                now.conflicts.append(conflicts)
        if other is not None and self._pieces.errands.names("unlabelled"):
            self._auxiliary(other, "unlabelled", now, apart=False)
        if world > 1:
            tokens = int(self.accelerator.reduce(torch.tensor(tokens, device=self.machine.device)))
        self.progress.tokens += tokens
        self.model.add_penalty_gradient()
        self._frame.end()
        self._steps_apart(plan, other, now)
        if self.average is not None:
            self.average.update(self.progress.step)
        if self.weighting.wants != "nothing":
            self._weigh(now, norms, len(plan.items))
        self._sums.add(now)
        return len(plan.items)

    def evaluates(self) -> bool:
        return self.progress.step in self.evaluation_steps

    def over(self) -> bool:
        return False

    def note(self, record: dict[str, Any]) -> str:
        mean = sum(record["loss"].values()) / len(record["loss"])
        return f"loss {mean:.3f}  {self.throughput.to_json()['samples_per_second']:.0f} rows/s"

    def _steps_apart(self, plan: BatchPlan, other: BatchPlan | None, sums: StepSums) -> None:
        """Do the optimizer step of the terms that have one of their own."""
        kinds: dict[RowKind, BatchPlan | None] = {"labelled": plan, "unlabelled": other}
        did = False
        for rows, of_rows in kinds.items():
            if of_rows is not None and self._pieces.errands.names(rows, apart=True):
                self._auxiliary(of_rows, rows, sums, apart=True)
                did = True
        if did:
            self._frame.end()

    def _auxiliary(self, plan: BatchPlan, rows: RowKind, sums: StepSums, *, apart: bool) -> None:
        """Add the gradients of terms whose rows are not scored."""
        store = self.prompts if self._others is None or rows == "labelled" else self._others
        self._backward(plan, Part(store, rows, apart), sums, len(plan.items), None)
        if self._gradients is not None:
            self._gradients.exchange()

    def _backward(
        self, plan: BatchPlan, part: Part, sums: StepSums, rows: int, room: int | None
    ) -> int:
        """Add the gradients of some rows, see `Pieces`; `room` is that of a step if not given."""
        return self._pieces.backward(
            plan,
            part,
            sums,
            step=self.progress.step,
            rows=rows,
            room=self.settings.batch_tokens if room is None else room,
            weights=self.weighting.weights(),
            exchanges=self._gradients is None,
        )

    def _weigh(self, now: StepSums, norms: Mapping[str, float], rows: int) -> None:
        """Tell the weighting of a step of so many rows, by all of which the losses behind its norms
        were divided."""
        did, tasks = {}, list(self.schedule.draws)
        right = self._summed(now.right, tasks) if self.weighting.wants == "accuracy" else {}
        for task, (loss, own) in self._summed(now.loss, tasks).items():
            norm = norms[task] * rows / own if task in norms else None
            share = right[task][0] / right[task][1] if task in right else None
            did[task] = TaskStep(loss / own, int(own), norm, share)
        self.weighting.update(did)

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

    def record(self, *, whole: bool) -> dict[str, Any]:
        """Return a log line over the steps since the last one, the losses averaged over all
        processes' rows."""
        losses, terms = self._checked(whole=whole)
        sums, self._sums = self._sums, StepSums()
        record: dict[str, Any] = {
            "step": self.progress.step,
            "epoch": self._epoch,
            "loss": {task: round(loss / rows, 5) for task, (loss, rows) in losses.items()},
            "learning_rate": self.settings.learning_rate * self._factor,
            "rows": self.progress.rows,
            "seconds": round(self.progress.seconds, 3),
        }
        if self.weighting.wants != "nothing":
            weights = self.weighting.weights().items()
            record["weights"] = {task: round(weight, 4) for task, weight in weights}
        if sums.conflicts:
            record["conflicts"] = round(float(np.mean(sums.conflicts)), 3)
        if self.trained.row_loss.names:
            record["terms"] = {n: round(total / rows, 5) for n, (total, rows) in terms.items()}
        return record

    def keep(self) -> None:
        losses, terms = self._checked(whole=True)
        self.progress.window = {
            **{f"loss.{task}": [*both] for task, both in losses.items()},
            **{f"terms.{name}": [*both] for name, both in terms.items()},
            "conflicts": list(self._sums.conflicts),
        }

    def _checked(self, *, whole: bool) -> tuple[_Summed, _Summed]:
        """Return the sums of all processes since the last log line, of the tasks' losses and of the
        loss terms, the losses checked to be numbers."""
        losses = self._summed(self._sums.loss, list(self.schedule.draws))
        sums = torch.tensor([loss for loss, _ in losses.values()])
        self._frame.require_numbers(sums, step=self.progress.step, whole=whole, hint=_HINT)
        return losses, self._summed(self._sums.terms, self.trained.row_loss.names)

    def _summed(self, sums: Mapping[str, Tensor], names: Sequence[str]) -> _Summed:
        """Return `[2]` sums over all processes, for names that have rows."""
        if not names:
            return {}
        none = torch.zeros(2, device=self.machine.device)
        both = torch.stack([sums.get(name, none).double() for name in names])
        if self.accelerator.num_processes > 1:
            both = self.accelerator.reduce(both)
        pairs = zip(names, both.tolist(), strict=True)
        return {name: (total, rows) for name, (total, rows) in pairs if rows}

    def anyone(self, flag: bool) -> bool:
        """Return whether any process says yes, so that all do the same."""
        if self.accelerator.num_processes == 1:
            return flag
        return bool(
            self.accelerator.reduce(torch.tensor(float(flag), device=self.machine.device)) > 0
        )
