"""The whole of `pet-mtl train` but its report: data, model, steps, checkpoint."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pet_mtl.cloze.encode import encode_forms
from pet_mtl.cloze.slot_cost import slot_cost_notes
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.cloze.unreadable import unreadable_warnings
from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.model.backbone import check_length
from pet_mtl.model.calibration import apply_calibrations
from pet_mtl.model.hardware import Machine, training_accelerator
from pet_mtl.model.light_import import keep_compiler
from pet_mtl.resources import bundled_backbone
from pet_mtl.scoring.checkpoint_scores import decide, score_calibrated
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.loaded import compile_suite
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.thresholds import with_fitted_thresholds, without_thresholds
from pet_mtl.storage.checkpoint import add_calibration
from pet_mtl.storage.model_card import card_scores
from pet_mtl.storage.outputs import RunFolder, begun_note, begun_teachers, has_state
from pet_mtl.storage.pretrained import load_backbone, load_pieces, resolve_model, suite_model
from pet_mtl.storage.trained_on import with_earlier
from pet_mtl.suite.suite import Suite
from pet_mtl.training.calibrate import calibrate
from pet_mtl.training.card_facts import card_facts
from pet_mtl.training.given import Given
from pet_mtl.training.preparation import prepare
from pet_mtl.training.result import FinishedRun, TrainResult, run_facts
from pet_mtl.training.row_notes import describe
from pet_mtl.training.teachers import (
    ask_teachers,
    check_teachers,
    read_answers,
    rows_to_learn,
    taught_tasks,
    write_answers,
)
from pet_mtl.training.trainer import Trainer
from pet_mtl.training.unlabelled import encode_unlabelled


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
    say(f"machine: {machine}")
    suite = without_thresholds(with_absolute_model(suite))
    if resume and not has_state(out):  # begins anew, where there is a note to begin from
        teachers = begun_teachers(out)
    begun = begun_note(suite, teachers)
    run = None
    if accelerator.is_main_process:
        run = RunFolder(out, resume=resume, begun=begun, report_to=settings.report_to)
    resume = resume and has_state(out)
    try:
        tokenizer, mlm = _load(suite, machine)
        data = load_suite_data(suite, skip_bad_rows=skip_bad_rows) if data is None else data
        describe(suite, data)
        if answers is not None:
            has_teacher = set(answers)
        else:  # a resumed run names no teachers, its folder has their answers
            has_teacher = check_teachers(teachers, suite) or taught_tasks(out)
        resumed = out / "last" if resume else None
        rows = rows_to_learn(data, has_teacher)
        learned = sum(len(of_task) for of_task in rows.values())
        suite = prepare(suite, Given(data, mlm, tokenizer, machine, resumed, learned))
        settings = suite.train
        for key, reason in suite.chosen.items():
            say(f"train.{key}: {getattr(settings, key):.6g} ({reason})")
        compiled = compile_suite(suite, tokenizer)
        prompts = encode_forms(compiled.forms, rows, tokenizer, settings.max_length, windows=False)
        others = encode_unlabelled(suite, data, compiled.forms, tokenizer)
        for line in (*slot_cost_notes(prompts), *unreadable_warnings(prompts, tokenizer)):
            say(line)
        for note in suite.method.notes():
            say(f"warning: {note}")
        dev_rows = {
            name: task.dev for name, task in data.items() if task.dev is not None and len(task.dev)
        }
        backbone = Path(resolve_model(suite.model))
        guard_rows(backbone, dev_rows, strict=False)
        dev = None
        if dev_rows:
            dev = encode_forms(compiled.forms, dev_rows, tokenizer, settings.max_length)
        elif isinstance(settings.early_stop, int):
            say("warning: `train.early_stop` does nothing without dev rows")
        trained_on = {
            name: task.train_keys if rows[name] is task.train else row_keys(rows[name])
            for name, task in data.items()
        }
        facts = card_facts(suite, backbone, dev_rows, trained_on)
        earlier = [out / "last"] if resume else []  # knows the rows of teachers that are gone
        for folder in (backbone, *teachers, *earlier):
            trained_on = with_earlier(folder, trained_on)
        if run is not None and answers is not None:
            write_answers(out, answers)
        elif run is not None and teachers:
            write_answers(out, ask_teachers(teachers, suite, rows, dev_rows))
        accelerator.wait_for_everyone()
        taught = read_answers(out, suite, rows)
        trainer = Trainer(
            suite,
            out,
            run,
            accelerator,
            machine,
            tokenizer,
            mlm,
            compiled,
            prompts=prompts,
            dev=dev,
            dev_rows=dev_rows,
            trained_on=trained_on,
            taught=taught,
            others=others,
            evaluated=evaluated,
            logged=logged,
            facts=facts,
        )
        log_probs = trainer.run(resume)
        suite = with_fitted_thresholds(suite, dev_rows, log_probs)
        calibration = calibrate(suite, data, trainer.score, dev_rows, log_probs)
        scores, calibrated = score_calibrated(suite, dev_rows, log_probs, calibration)
        calibrated_log_probs = apply_calibrations(log_probs, calibration)
        best_step = trainer.progress.best_step or trainer.progress.step
        if run is not None and calibration:
            summary = {name: score.summary() for name, score in scores.items()}
            metrics = {"step": best_step, "tasks": summary}
            add_calibration(run.checkpoint, calibration, metrics, card_scores(scores))
        rates = trainer.steps.throughput.to_json()
        result = TrainResult(
            out=out,
            scores=scores,
            calibrated=calibrated,
            best_step=best_step,
            steps=trainer.progress.step,
            samples_per_second=rates["samples_per_second"],
            tokens_per_second=rates["tokens_per_second"],
            peak_memory_gb=machine.peak_memory_gb(),
            seconds=time.monotonic() - started,
            method=suite.method.name,
            parameters=trainer.model.parameter_counts(),
            predicted=decide(suite, calibrated_log_probs),
        )
        if run is not None and dev is not None:
            report(
                FinishedRun(
                    suite=suite,
                    file=run.report,
                    result=result,
                    model=trainer.model,
                    tokenizer=tokenizer,
                    machine=machine,
                    prompts=dev,
                    words=compiled.words,
                    rows=dev_rows,
                    log_probs=calibrated_log_probs,
                    records=run.records(),
                    facts=run_facts(result, trainer.progress, machine),
                )
            )
        accelerator.wait_for_everyone()
        return result
    finally:
        if run is not None:
            run.close()


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


def _load(suite: Suite, machine: Machine) -> tuple[PieceTokenizer, Any]:
    folder = resolve_model(suite.model)
    tokenizer = load_pieces(folder)
    mlm = load_backbone(folder, attention=machine.attention.value, dropout=suite.train.dropout)
    check_length(mlm, suite.train.max_length)
    return tokenizer, mlm
