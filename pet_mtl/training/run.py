"""The whole of `pet-mtl train`: data, model, loop, checkpoint, report."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import bar, say
from pet_mtl.data.sampling import Schedule
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.classification import TaskScore, mean_macro_f1
from pet_mtl.model.backbone import load_masked_lm, load_tokenizer, resolve_model
from pet_mtl.model.hardware import Machine
from pet_mtl.report.build import report_data
from pet_mtl.report.page import write_report
from pet_mtl.scoring.loaded import build_model
from pet_mtl.scoring.score import score_rows
from pet_mtl.scoring.scorer import FloatArray, score_items, score_plans, task_log_probs
from pet_mtl.spec.suite import Suite
from pet_mtl.training.checkpoint import fill_checkpoint, read_checkpoint, write_checkpoint
from pet_mtl.training.loop import Loop
from pet_mtl.training.outputs import RunFolder
from pet_mtl.training.state import Progress, fingerprint, read_moments, read_progress, write_state


@dataclass(frozen=True)
class TrainResult:
    """What a finished run gives.

    Attributes:
        out: the run's folder.
        scores: dev scores of the best checkpoint; empty without dev rows.
        best_step: the step it comes from.
        steps: steps done.
        samples_per_second: rows a second, start-up and evaluation left out.
        tokens_per_second: real tokens a second, likewise.
        peak_memory_gb: the most memory that was in use.
        seconds: wall time of the whole command.
    """

    out: Path
    scores: Mapping[str, TaskScore]
    best_step: int
    steps: int
    samples_per_second: float
    tokens_per_second: float
    peak_memory_gb: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "out": str(self.out),
            "checkpoint": str(self.out / "checkpoint"),
            "tasks": {name: score.to_json() for name, score in self.scores.items()},
            "mean_macro_f1": mean_macro_f1(self.scores.values()) if self.scores else None,
            "best_step": self.best_step,
            "steps": self.steps,
            "samples_per_second": self.samples_per_second,
            "tokens_per_second": self.tokens_per_second,
            "peak_memory_gb": round(self.peak_memory_gb, 3),
            "seconds": round(self.seconds, 1),
        }


def train(suite: Suite, out: Path, *, resume: bool = False, skip_bad_rows: int = 0) -> TrainResult:
    """Train one model on all tasks of a suite.

    Args:
        out: the run's folder; see `RunFolder`.
        resume: go on with the run that is there.
        skip_bad_rows: bad rows that each source may have.

    Raises:
        PetMtlError: see the parts; all problems of the data come at once, before anything is written.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    started = time.monotonic()
    accelerator = Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
    settings = suite.train
    machine = Machine.choose(settings.precision, settings.attention, accelerator.device)
    say(f"machine: {machine}")
    data = load_suite_data(suite, skip_bad_rows=skip_bad_rows)
    _describe(data)
    folder = resolve_model(suite.model, Path(suite.source).parent)
    tokenizer = PieceTokenizer(load_tokenizer(folder))
    mlm = load_masked_lm(folder, attention=machine.attention.value, dropout=settings.dropout)
    check_length(mlm, settings.max_length)
    prompts = encode_suite(suite.tasks, {n: d.train for n, d in data.items()}, tokenizer, settings.max_length)
    dev_rows = {name: task.dev for name, task in data.items() if task.dev is not None and len(task.dev)}
    dev = encode_suite(suite.tasks, dev_rows, tokenizer, settings.max_length) if dev_rows else None
    run = RunFolder(out, resume=resume) if accelerator.is_main_process else None
    try:
        return _Training(suite, out, run, accelerator, machine, tokenizer, mlm, prompts, dev, data).run(resume, started)
    finally:
        if run is not None:
            run.close()


def check_length(mlm: Any, max_length: int) -> None:
    """Refuse prompts that are longer than the backbone's positions.

    Raises:
        PetMtlError: `max_length` is too large.
    """
    positions = getattr(mlm.config, "max_position_embeddings", None)
    offset = 2 if mlm.config.model_type in ("roberta", "xlm-roberta", "camembert") else 0  # they start at padding + 1
    if positions and max_length > positions - offset:
        raise PetMtlError(
            f"`train.max_length` is {max_length}, but the model has only {positions - offset} positions",
            hint=f"set `-s train.max_length={positions - offset}`",
        )


def _describe(data: Mapping[str, TaskData]) -> None:
    for name, task in data.items():
        dev = f", {len(task.dev):,} dev" if task.dev is not None else ", no dev rows"
        say(f"data: {name} {len(task.train):,} training rows{dev}")
        for note in task.notes:
            say(f"warning: {name}: {note}")


class _Training:
    """The objects of one run and what the loop calls back for."""

    def __init__(
        self,
        suite: Suite,
        out: Path,
        run: RunFolder | None,
        accelerator: Any,
        machine: Machine,
        tokenizer: PieceTokenizer,
        mlm: Any,
        prompts: Prompts,
        dev: Prompts | None,
        data: Mapping[str, TaskData],
    ) -> None:
        self.suite, self.out, self.folder, self.accelerator, self.machine = suite, out, run, accelerator, machine
        self.tokenizer, self.mlm, self.dev = tokenizer, mlm, dev
        self.dev_rows = {name: task.dev for name, task in data.items() if task.dev is not None and len(task.dev)}
        self.progress = Progress(fingerprint=fingerprint(prompts, dev))
        self.best: tuple[int, dict[str, FloatArray]] | None = None
        self.scores: dict[str, TaskScore] = {}
        self.model = build_model(mlm, prompts, suite, machine)
        self.schedule = Schedule(
            prompts,
            temperature=suite.sampling.temperature,
            batch_tokens=suite.train.batch_tokens,
            seed=suite.train.seed,
        )
        self.prompts = prompts

    def run(self, resume: bool, started: float) -> TrainResult:
        last = self.out / "last"
        if resume:
            self._restore_weights(last)
        loop = Loop(
            self.model,
            self.prompts,
            self.schedule,
            self.suite.train,
            self.machine,
            self.accelerator,
            self.tokenizer,
            self.progress,
        )
        self.loop = loop
        if resume:
            read_moments(last, self.model, loop.optimizer)
            say(f"resuming after step {self.progress.step} of {loop.total}")
            if self.folder is not None:
                self.folder.forget_after(self.progress.step)
        if not self.progress.finished:
            say(f"training: {loop.total} steps of up to {self.suite.train.batch_tokens:,} tokens")
            loop.run(evaluate=self._evaluate, save=self._save, log=self._log)
        log_probs = self._best_log_probs()
        scores = score_rows(self.suite, self.dev_rows, log_probs)
        rates = loop.throughput.to_json()
        result = TrainResult(
            self.out,
            scores,
            self.progress.best_step or self.progress.step,
            self.progress.step,
            rates["samples_per_second"],
            rates["tokens_per_second"],
            self.machine.peak_memory_gb(),
            time.monotonic() - started,
        )
        if self.folder is not None and self.dev is not None:
            self._report(self.folder, self.dev, log_probs, result)
        self.accelerator.wait_for_everyone()
        return result

    def _report(self, folder: RunFolder, dev: Prompts, log_probs: dict[str, FloatArray], result: TrainResult) -> None:
        rows = f"{self.progress.rows:,} rows, {self.progress.tokens:,} tokens in {self.progress.seconds:,.0f} s"
        facts = [
            ("training", f"{self.progress.step} steps, {rows}"),
            ("best", f"step {result.best_step}"),
            ("speed", f"{result.samples_per_second:,.0f} rows/s, {result.tokens_per_second:,.0f} tokens/s"),
            ("memory", f"{result.peak_memory_gb:.2f} GB at the most"),
            ("machine", str(self.machine)),
        ]
        data = report_data(
            self.suite,
            self.model,
            self.tokenizer,
            self.machine,
            dev,
            self.dev_rows,
            log_probs,
            result.scores,
            folder.records(),
            facts,
        )
        write_report(folder.report, data)

    def _restore_weights(self, last: Path) -> None:
        """Load the state of a run that was stopped, after checking that it is the same run."""
        stored, progress = read_checkpoint(last), read_progress(last)
        changed = _differences(_comparable(self.suite), _comparable(stored.suite))
        if not changed and progress.fingerprint != self.progress.fingerprint:
            changed = ["data"]
        if changed:
            raise PetMtlError(
                f"this is not the run that is in the folder: {', '.join(f'`{key}`' for key in changed)} changed",
                where=str(last),
                hint="`pet-mtl train --resume --out DIR` alone goes on with the stored settings; "
                "for new settings choose a new folder",
            )
        if progress.best_step:
            read_checkpoint(self.out / "checkpoint")  # better to learn of damage now than after the last step
        self.progress = progress
        self._load_weights(last)

    def _load_weights(self, folder: Path) -> None:
        from safetensors.torch import load_file

        try:
            unknown = self.mlm.load_state_dict(load_file(folder / "model.safetensors"), strict=False).unexpected_keys
        except RuntimeError as error:  # other shapes
            unknown = [str(error)]
        if unknown:
            raise PetMtlError(
                f"the saved weights do not fit the model `{self.suite.model}`",
                where=str(folder),
                hint="was the backbone replaced by another one? put it back, or train in a new folder",
            )

    def _evaluate(self) -> bool:
        """Score the dev rows, keep the best checkpoint; return whether to stop early."""
        if self.dev is None:
            return False
        log_probs = self._score_dev()
        scores = score_rows(self.suite, self.dev_rows, log_probs)
        wanted = np.mean([getattr(score, self.suite.tasks[name].metric) for name, score in scores.items()])
        mean, progress = float(wanted), self.progress
        summary = {n: {"macro_f1": s.macro_f1, "accuracy": s.accuracy} for n, s in scores.items()}
        self._log({"step": progress.step, "dev": summary, "mean_macro_f1": mean_macro_f1(scores.values())})
        better = progress.best_score is None or mean > progress.best_score
        figures = "  ".join(f"{name} {score.macro_f1:.4f}" for name, score in scores.items())
        say(f"step {progress.step}: dev macro-F1 {figures}  mean {mean:.4f}{'  (best so far)' if better else ''}")
        if better:
            progress.best_score, progress.best_step, progress.stale = mean, progress.step, 0
            self.best = (progress.step, log_probs)
            self._write_best(summary)
        else:
            progress.stale += 1
        stop = self.suite.train.early_stop
        if stop is not None and progress.stale >= stop:
            say(f"stopping early: {progress.stale} evaluations without a better dev score")
            return True
        return False

    def _score_dev(self) -> dict[str, FloatArray]:
        assert self.dev is not None
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        plans = score_plans(self.dev)[rank::world]
        with bar("scoring", sum(len(plan.items) for plan in plans)) as shown:
            scores = score_items(
                self.model, self.dev, plans, self.machine, self.tokenizer, on_batch=lambda n: shown.advance(n)
            )
        if world > 1:
            from accelerate.utils import gather_object

            parts = np.stack(gather_object([scores]))
            scores = np.nanmax(np.nan_to_num(parts, nan=-np.inf), axis=0)
            scores[np.isneginf(scores)] = np.nan
        return task_log_probs(self.dev, scores)

    def _best_log_probs(self) -> dict[str, FloatArray]:
        """Return the dev predictions of the best checkpoint, whose weights the model has afterwards."""
        if self.dev is None:
            self._write_best({})
            return {}
        if self.progress.step != self.progress.best_step:
            self.accelerator.wait_for_everyone()
            self._load_weights(self.out / "checkpoint")
        if self.best is not None and self.best[0] == self.progress.best_step:
            return self.best[1]
        return self._score_dev()

    def _write_best(self, summary: dict[str, Any]) -> None:
        if self.folder is not None:
            metrics = {"step": self.progress.step, "tasks": summary}
            write_checkpoint(self.folder.checkpoint, self.mlm, self.tokenizer, self.suite, metrics)
        self.accelerator.wait_for_everyone()

    def _save(self) -> None:
        if self.folder is not None:
            from pet_mtl.atomic import new_folder

            with new_folder(self.folder.last) as temporary:
                write_state(temporary, self.model, self.loop.optimizer, self.progress)
                fill_checkpoint(temporary, self.mlm, self.tokenizer, self.suite, {"step": self.progress.step})
        self.accelerator.wait_for_everyone()

    def _log(self, record: dict[str, Any]) -> None:
        if self.folder is not None:
            self.folder.log(record)


def _comparable(suite: Suite) -> dict[str, Any]:
    """Return what makes a run: all but the names and places of files."""
    places = {"tasks": {"__all__": {"verbalizer": {"source", "lines"}}}}
    return suite.model_dump(mode="json", include={"model", "tasks", "train", "sampling"}, exclude=places)


def _differences(now: Any, then: Any, path: str = "") -> list[str]:
    """Return the dotted paths at which two JSON trees differ."""
    if isinstance(now, dict) and isinstance(then, dict):
        keys = {**now, **then}
        return [found for key in keys for found in _differences(now.get(key), then.get(key), f"{path}.{key}")]
    return [] if now == then else [path.removeprefix(".")]
