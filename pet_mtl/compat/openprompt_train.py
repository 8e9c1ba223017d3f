"""Train the tasks of a suite with OpenPrompt, as a user of it would: what `pet-mtl compare
--methods openprompt` runs.

One masked language model for all tasks, a `PromptForClassification` over it for each pattern, and
batches of one task in turn, since OpenPrompt has no mixed ones. All else is what our own runs have:
the rows of an epoch, the tokens of a step, AdamW, the learning rate, the evaluations, the
calibration, the state to go on from.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pet_mtl.atomic import new_folder
from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.compat.openprompt import BATCH_ROWS, OpenPromptModel, live_prompt
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData, dev_rows_of
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of_form
from pet_mtl.metrics.score import evaluation_line
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.calibration import apply_calibrations
from pet_mtl.objectives.logit_adjustment import adjustments
from pet_mtl.random_streams import ONE_TASK_ORDER, step_seed
from pet_mtl.scoring.checkpoint_scores import decide, score_calibrated, score_rows
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.stepping.early_stop import note_score, stops
from pet_mtl.stepping.loop import run_loop
from pet_mtl.stepping.optim import build_optimizer, rate_factor
from pet_mtl.stepping.optimizer_step import OptimizerStep
from pet_mtl.storage.checkpoint import fill_checkpoint, write_checkpoint
from pet_mtl.storage.outputs import RunFolder
from pet_mtl.storage.pretrained import load_into, suite_model
from pet_mtl.storage.run_weights import RETRAIN
from pet_mtl.storage.state import Progress, fingerprint, read_moments, read_progress, write_state
from pet_mtl.suite.suite import Suite
from pet_mtl.training.calibrate import calibrate
from pet_mtl.training.result import TrainResult
from pet_mtl.training.steps import LOG_EVERY, SAVE_EVERY

_LOSS = "loss."  # before the name of a task


class OneTaskSchedule(Schedule):
    """The rows of our own epochs in steps of one pattern of one task each, as many tokens a step,
    in random order."""

    def epoch(self, number: int) -> list[BatchPlan]:
        prompts = self.prompts
        items = np.concatenate([plan.items for plan in super().epoch(number)])
        generator = ONE_TASK_ORDER.generator(self.seed, number)
        generator.shuffle(items)
        steps = []
        for form in np.unique(prompts.form[items]):
            of_form = items[prompts.form[items] == form]
            tokens = int((prompts.lengths[of_form] * prompts.variants[of_form]).sum())
            count = min(len(of_form), max(1, round(tokens / self.batch_tokens)))
            steps += [BatchPlan(part, 0, len(part)) for part in np.array_split(of_form, count)]
        generator.shuffle(steps)
        return steps


class _Steps:
    """The steps; see `stepping.loop.Stepper`."""

    def __init__(
        self,
        loaded: OpenPromptModel,
        rows: Mapping[str, Rows],
        prompts: Prompts,
        progress: Progress,
    ) -> None:
        settings = loaded.suite.train
        self.loaded, self.rows = loaded, rows
        self.prompts, self.settings = prompts, settings
        self.progress, self.throughput = progress, Throughput()
        self.live = [live_prompt(loaded, form.task, form.pattern) for form in prompts.forms]
        self.adjustments = adjustments(prompts, settings.logit_adjustment, loaded.machine.device)
        self.optimizer = build_optimizer(settings, loaded.mlm)
        self._frame = OptimizerStep(
            loaded.mlm, self.optimizer, loaded.machine, clip_norm=settings.clip_norm
        )
        schedule = OneTaskSchedule(
            prompts,
            temperature=loaded.suite.sampling.temperature,
            batch_tokens=settings.batch_tokens,
            seed=settings.seed,
        )
        ends = schedule.ends(settings.epochs, settings.max_steps)
        self.total, every = ends[-1], settings.evaluate_every
        self.evaluations = {*range(0, self.total, every)} if every else set(ends)
        self._plans = schedule.from_step(progress.step)
        self._epoch = 0
        # the sum of the losses of each task's steps since the last log line, and their number
        self._losses = {key.removeprefix(_LOSS): sums for key, sums in progress.window.items()}

    def step(self) -> int:
        settings, progress = self.settings, self.progress
        self._frame.begin(
            rate_factor(progress.step, self.total, settings.warmup),
            step_seed(settings.seed, progress.step),
        )
        self._epoch, plan = next(self._plans)
        form = self.prompts.form[plan.items[0]]
        task, live = self.prompts.forms[form].task, self.live[form]
        live.model.train()
        total = 0.0
        for start in range(0, len(plan.items), BATCH_ROWS):
            part = self.rows[task].take(self.prompts.row[plan.items[start : start + BATCH_ROWS]])
            batch = live.batch(live.examples(part)).to(self.loaded.machine.device)
            with self._frame.autocast():
                scores = live.model(batch).float() + self.adjustments[form]
            kind = kind_of_form(self.prompts.forms[form])
            loss = kind.loss(scores, batch["label"], settings.label_smoothing) / len(plan.items)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
            progress.tokens += int(batch["attention_mask"].sum())
        self._frame.end()
        loss_sum, count = self._losses.get(task, (0.0, 0))
        self._losses[task] = [loss_sum + total, count + 1]
        return len(plan.items)

    def record(self, *, whole: bool) -> dict[str, Any]:
        self._check(whole=whole)
        losses, self._losses = self._losses, {}
        mean = {task: round(loss_sum / count, 5) for task, (loss_sum, count) in losses.items()}
        return {
            "step": self.progress.step,
            "epoch": self._epoch,
            "loss": mean,
            "rows": self.progress.rows,
        }

    def keep(self) -> None:
        self._check(whole=True)
        self.progress.window = {_LOSS + task: sums for task, sums in self._losses.items()}

    def _check(self, *, whole: bool) -> None:
        sums = torch.tensor([loss_sum for loss_sum, _ in self._losses.values()])
        hint = "lower `train.learning_rate`"
        self._frame.require_numbers(sums, step=self.progress.step, whole=whole, hint=hint)

    def note(self, record: dict[str, Any]) -> str:
        return f"{self.throughput.to_json()['samples_per_second']:.0f} rows/s"

    def evaluates(self) -> bool:
        return self.progress.step in self.evaluations

    def over(self) -> bool:
        return False

    def anyone(self, flag: bool) -> bool:
        return flag


class _Kept:
    """What a run keeps in its folder: its best weights, and the state to go on from."""

    def __init__(self, steps: _Steps, dev_rows: Mapping[str, Rows], run: RunFolder) -> None:
        self.steps, self.dev_rows, self.run = steps, dev_rows, run
        self._best: tuple[int, dict[str, FloatArray]] | None = None

    def evaluate(self) -> bool:
        """Score the dev rows, keep the best weights; return whether to stop early."""
        loaded, progress = self.steps.loaded, self.steps.progress
        log_probs = self._score_dev()
        scores = score_rows(loaded.suite, self.dev_rows, log_probs)
        metrics = {name: loaded.suite.tasks[name].metric for name in scores}
        mean = float(np.mean([one.value(metrics[name]) for name, one in scores.items()]))
        summary = {name: one.summary() for name, one in scores.items()}
        self.run.log({"step": progress.step, "dev": summary})
        better = note_score(progress, mean)
        figures = evaluation_line(metrics, summary, mean)
        say(f"step {progress.step}: dev {figures}{'  (best so far)' if better else ''}")
        if better:
            self._best = progress.step, log_probs
            write_checkpoint(
                self.run.checkpoint,
                loaded.mlm,
                loaded.tokenizer,
                loaded.suite,
                {"step": progress.step, "tasks": summary},
            )
        planned = len(self.steps.evaluations)
        return stops(loaded.suite.train.early_stop, progress, planned) is not None

    def save(self) -> None:
        loaded, progress = self.steps.loaded, self.steps.progress
        with new_folder(self.run.last) as temporary:
            write_state(temporary, loaded.mlm, self.steps.optimizer, progress)
            fill_checkpoint(
                temporary, loaded.mlm, loaded.tokenizer, loaded.suite, {"step": progress.step}
            )

    def best_log_probs(self) -> dict[str, FloatArray]:
        """Return the best dev log-probabilities `[rows, K]` by task; the model has their weights
        afterwards."""
        best_step = self.steps.progress.best_step
        if self.steps.progress.step != best_step:
            load_into(self.steps.loaded.mlm, _weights(self.run.checkpoint), RETRAIN)
        if self._best is not None and self._best[0] == best_step:
            return self._best[1]
        return self._score_dev()

    def _score_dev(self) -> dict[str, FloatArray]:
        return self.steps.loaded.raw_log_probs(self.dev_rows, title="scoring")


def _weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def _stored_progress(last: Path, prompts: str) -> Progress:
    """Return where a stopped run stands, after checking that its prompts are those of today."""
    progress = read_progress(last)
    if progress.fingerprint != prompts:
        raise PetMtlError(
            "this is not the run that is in the folder: the rows, or what cuts them into pieces, "
            "changed",
            where=str(last),
            hint="put back what changed; otherwise choose another folder with `--out DIR`",
        )
    return progress


def train_with_openprompt(
    suite: Suite, out: Path, *, resume: bool = False, data: Mapping[str, TaskData]
) -> TrainResult:
    """Train a suite whose tasks have dev rows.

    Args:
        resume: go on with the run that is in the folder, which must have been one of the same
            suite.

    Raises:
        Interrupted: Ctrl-C, SIGTERM or SIGHUP came; the state was saved.
        PetMtlError: what is stored of the run is damaged, or of other rows.
        RunError: the loss is not a number.
    """
    started = time.monotonic()
    run = RunFolder(out, resume=resume)
    try:
        loaded = OpenPromptModel(suite_model(suite), suite, suite.train.dropout)
        rows = {name: task.train for name, task in data.items()}
        dev_rows = dev_rows_of(data)
        longest = suite.train.max_length
        # a row is learned from in one prompt, also where `long_text: windows` scores it in several
        prompts = encode_forms(loaded.forms, rows, loaded.tokenizer, longest, windows=False)
        progress = Progress(fingerprint=fingerprint(prompts, words=loaded.compiled.words))
        if resume:
            progress = _stored_progress(run.last, progress.fingerprint)
            load_into(loaded.mlm, _weights(run.last), RETRAIN)
        steps = _Steps(loaded, rows, prompts, progress)
        kept = _Kept(steps, dev_rows, run)
        if resume:
            read_moments(run.last, loaded.mlm, steps.optimizer)
            run.forget_after(progress.step)
            say(f"resuming after step {progress.step} of {steps.total}")
        say(f"training with OpenPrompt: {steps.total} steps, {loaded.machine}")
        for name in (name for name, task in data.items() if task.soft_labels is not None):
            say(f"note: {name}: OpenPrompt learns from the labels alone, not from soft labels")
        if not progress.finished:
            run_loop(
                steps,
                evaluate=kept.evaluate,
                save=kept.save,
                log=run.log,
                log_every=LOG_EVERY,
                save_every=SAVE_EVERY,
            )
        log_probs = kept.best_log_probs()
        calibration = calibrate(suite, data, loaded.raw_log_probs, dev_rows, log_probs)
        scores, calibrated = score_calibrated(suite, dev_rows, log_probs, calibration)
        predicted = apply_calibrations(log_probs, calibration)
        assert loaded.parameters is not None
        rates = steps.throughput.to_json()
        return TrainResult(
            out=out,
            scores=scores,
            calibrated=calibrated,
            best_step=progress.best_step,
            steps=progress.step,
            samples_per_second=rates["samples_per_second"],
            tokens_per_second=rates["tokens_per_second"],
            peak_memory_gb=loaded.machine.peak_memory_gb(),
            seconds=time.monotonic() - started,
            method="openprompt",
            parameters=loaded.parameters,
            predicted=decide(suite, predicted),
        )
    finally:
        run.close()
