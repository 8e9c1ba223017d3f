"""The whole of `pet-mtl train` but its report: data, model, steps, checkpoint."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pet_mtl.data.suite_data import TaskData
from pet_mtl.model.calibration import apply_calibrations
from pet_mtl.model.hardware import Machine, training_accelerator
from pet_mtl.model.light_import import keep_compiler
from pet_mtl.resources import bundled_backbone
from pet_mtl.scoring.checkpoint_scores import decide, score_calibrated
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.processes import Processes
from pet_mtl.scoring.thresholds import with_fitted_thresholds, without_thresholds
from pet_mtl.stepping.accelerate_state import AccelerateAsBefore
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.checkpoint import add_calibration
from pet_mtl.storage.model_card import card_scores
from pet_mtl.storage.outputs import (
    ASKED,
    TEACHER,
    RunFolder,
    begun_note,
    begun_teachers,
    has_state,
)
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.suite.suite import Suite
from pet_mtl.training.calibrate import calibrate
from pet_mtl.training.inputs import read_inputs
from pet_mtl.training.result import FinishedRun, TrainResult, run_facts
from pet_mtl.training.teachers import ask_teachers, read_answers, soft_answers, write_answers
from pet_mtl.training.trainer import Trainer


@torch.inference_mode(False)  # a caller's `torch.no_grad()` would leave no gradients
@AccelerateAsBefore()
def train(
    suite: Suite,
    out: Path,
    *,
    resume: bool = False,
    skip_bad_rows: int = 0,
    data: Mapping[str, TaskData] | None = None,
    teachers: Sequence[Path] = (),
    answers: Mapping[str, FloatArray] | None = None,
    report: Callable[[FinishedRun], None] = lambda _: None,
    evaluated: Callable[[int, float], None] = lambda step, score: None,
    logged: Callable[[dict[str, Any]], None] = lambda record: None,
) -> TrainResult:
    """Train one model on all tasks of a suite.

    Args:
        out: the run's folder; see `RunFolder`.
        resume: go on with the run that is there.
        skip_bad_rows: bad rows that each source may have.
        data: rows of all tasks, instead of those that the suite names.
        teachers: checkpoints to learn from as well; a resumed run has their answers in its folder.
        answers: what the teachers say of `rows_to_learn`, `[rows, K]` by task, where they have been
            asked.
        evaluated: called after each evaluation with the step and the dev score that the best
            checkpoint is chosen by; what it raises ends the run.
        logged: called with each line of `metrics.jsonl`; what it raises ends the run.
        report: called once at the end where there are dev rows, by the main process, the run's
            folder still locked.

    Raises:
        PetMtlError: see the parts; all problems of the data come at once, before anything is
            written.
    """
    started = time.monotonic()
    accelerator = training_accelerator()
    settings = suite.train
    machine = Machine.choose(settings.precision, settings.attention, accelerator.device)
    if settings.compile:
        keep_compiler()
    suite = without_thresholds(with_absolute_model(suite))
    if resume and not has_state(out):  # begins anew, where there is a note to begin from
        teachers = begun_teachers(out)
    begun = begun_note(suite, teachers)
    run = None
    if accelerator.is_main_process:
        run = RunFolder(out, resume=resume, begun=begun, report_to=settings.report_to)
    resume = resume and has_state(out)
    try:
        inputs = read_inputs(
            suite,
            out,
            machine,
            data=data,
            teachers=teachers,
            answered=None if answers is None else set(answers),
            resume=resume,
            skip_bad_rows=skip_bad_rows,
        )
        # its model is built before teachers are asked, which may take hours: it may be refused
        trainer = Trainer(inputs, out, run, accelerator, evaluated, logged)
        said = answers
        # a run that goes on has asked; the main process says so, for all of them ask together
        asks = run is not None and answers is None and not (out / TEACHER).is_file()
        if accelerator.reduce(torch.tensor(float(asks), device=machine.device)) > 0:
            soft_labels = soft_answers(inputs.data, inputs.rows)
            if teachers or soft_labels:
                with _stoppable(out / ASKED):
                    said = ask_teachers(
                        teachers,
                        inputs.suite,
                        inputs.rows,
                        inputs.dev_rows,
                        soft_labels,
                        Processes.of(accelerator),
                        out / ASKED,
                    )
        if run is not None and said is not None:
            write_answers(out, said, inputs.rows)
        accelerator.wait_for_everyone()
        taught = read_answers(out, inputs.suite, inputs.rows)
        log_probs = trainer.run(resume, taught)
        result = _finish(trainer, log_probs, started, report)
        accelerator.wait_for_everyone()
        return result
    finally:
        if run is not None:
            run.close()


@contextmanager
def _stoppable(kept: Path) -> Iterator[None]:
    """Make of a stop while teachers are asked one of the run, if a folder keeps what they said."""
    try:
        yield
    except KeyboardInterrupt:
        if kept.is_dir():
            raise Interrupted("stopped; what the teachers said so far is kept") from None
        raise


def with_absolute_model(suite: Suite) -> Suite:
    """Return the suite with a model folder named from the root, so that a run can go on from any
    working directory.

    Raises:
        PetMtlError: there is no such model.
    """
    folder = suite_model(suite)
    if bundled_backbone(suite.model) or not Path(folder).is_dir():
        return suite
    return suite.model_copy(update={"model": str(Path(folder).resolve())})


def _finish(
    trainer: Trainer,
    log_probs: Mapping[str, FloatArray],
    started: float,
    report: Callable[[FinishedRun], None],
) -> TrainResult:
    """Choose thresholds and calibrations by the best checkpoint's dev log-probabilities, keep them
    with it, and tell how the run went."""
    inputs, run, machine = trainer.inputs, trainer.folder, trainer.machine
    rows, progress = inputs.dev_rows, trainer.progress
    suite = with_fitted_thresholds(inputs.suite, rows, log_probs)
    calibration = calibrate(suite, inputs.data, trainer.score, rows, log_probs)
    scores, calibrated = score_calibrated(suite, rows, log_probs, calibration)
    log_probs = apply_calibrations(log_probs, calibration)
    best_step = progress.best_step or progress.step
    if run is not None and calibration:
        summary = {name: score.summary() for name, score in scores.items()}
        metrics = {"step": best_step, "tasks": summary}
        add_calibration(run.checkpoint, calibration, metrics, card_scores(scores))
    rates = trainer.steps.throughput.to_json()
    result = TrainResult(
        out=trainer.out,
        scores=scores,
        calibrated=calibrated,
        best_step=best_step,
        steps=progress.step,
        samples_per_second=rates["samples_per_second"],
        tokens_per_second=rates["tokens_per_second"],
        peak_memory_gb=machine.peak_memory_gb(),
        seconds=time.monotonic() - started,
        method=suite.method.name,
        parameters=trainer.model.parameter_counts(),
        predicted=decide(suite, log_probs),
    )
    if run is not None and inputs.dev is not None:
        report(
            FinishedRun(
                suite=suite,
                file=run.report,
                result=result,
                model=trainer.model,
                tokenizer=inputs.tokenizer,
                machine=machine,
                prompts=inputs.dev,
                words=inputs.compiled.words,
                rows=rows,
                log_probs=log_probs,
                records=run.records(),
                facts=run_facts(result, progress, machine),
            )
        )
    return result
