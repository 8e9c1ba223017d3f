"""One training run: its steps, its evaluations, what it saves and how it goes on."""

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pet_mtl.atomic import new_folder
from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.score import evaluation_line, means_json
from pet_mtl.model.compiled_layers import compile_layers
from pet_mtl.scoring.checkpoint_scores import score_rows
from pet_mtl.scoring.loaded import build_model
from pet_mtl.scoring.log_probs import FloatArray, score_prompts
from pet_mtl.scoring.processes import Processes
from pet_mtl.scoring.thresholds import with_fitted_thresholds
from pet_mtl.stepping.early_stop import note_score, stops
from pet_mtl.stepping.optimizer_step import tell_of_dropout
from pet_mtl.storage.checkpoint import fill_checkpoint, read_checkpoint, write_checkpoint
from pet_mtl.storage.model_card import card_scores
from pet_mtl.storage.outputs import TEACHER, RunFolder
from pet_mtl.storage.own_weights import load_own_weights, own_weights
from pet_mtl.storage.pretrained import load_into
from pet_mtl.storage.run_weights import AVERAGE, TERMS, read_run_weights, write_run_weights
from pet_mtl.storage.same_settings import changed_keys, training_settings
from pet_mtl.storage.state import Progress, fingerprint, read_moments, read_progress, write_state
from pet_mtl.suite.idle import idle_in_length
from pet_mtl.suite.suite import Suite
from pet_mtl.text import counted
from pet_mtl.training.inputs import Inputs
from pet_mtl.training.step_model import require_trainable
from pet_mtl.training.steps import TrainingSteps


class Trainer:
    """The objects of one run, and what the loop calls back for.

    Raises:
        PetMtlError: the settings ask of the model what it has not.

    Attributes:
        progress: where the run stands.
        steps: its optimizer steps.
    """

    def __init__(
        self,
        inputs: Inputs,
        out: Path,
        run: RunFolder | None,
        accelerator: Any,
        evaluated: Callable[[int, float], None] = lambda step, score: None,
        logged: Callable[[dict[str, Any]], None] = lambda record: None,
    ) -> None:
        self.inputs, self.suite = inputs, inputs.suite
        self.out, self.folder = out, run
        self.accelerator, self.machine = accelerator, inputs.machine
        self._evaluated, self._logged = evaluated, logged
        suite = self.suite
        self.progress = Progress()
        self.best: tuple[int, dict[str, FloatArray]] | None = None
        self.model = build_model(inputs.mlm, inputs.compiled, suite, self.machine)
        require_trainable(self.model, inputs.prompts, suite.train, inputs.tokenizer)
        if suite.train.compile:
            compile_layers(self.model)
        tell_of_dropout(inputs.mlm, self.model, accelerator.num_processes)
        self.schedule = Schedule(
            inputs.prompts,
            temperature=suite.sampling.temperature,
            batch_tokens=suite.train.batch_tokens,
            seed=suite.train.seed,
        )

    def run(self, resume: bool, taught: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Do the steps that are left.

        Args:
            taught: what teachers say of the rows, `[rows, K]` by task.

        Returns:
            The dev log-probabilities `[rows, K]` of the best checkpoint by task, whose weights the
            model then has.

        Raises:
            PetMtlError: `resume`, and the stored run is another one or damaged.
        """
        last, inputs, others = self.out / "last", self.inputs, self.inputs.others
        stores = [inputs.prompts, inputs.dev, *([others] if others is not None else [])]
        self.progress = Progress(
            fingerprint=fingerprint(*stores, words=inputs.compiled.words, taught=taught)
        )
        if resume:
            self._restore_weights(last)
        self.steps = TrainingSteps(
            self.model,
            self.inputs.prompts,
            self.schedule,
            self.suite.train,
            self.machine,
            self.accelerator,
            self.inputs.tokenizer,
            self.progress,
            taught,
            others,
        )
        if resume:
            for file, weights in self._run_weights().items():
                read_run_weights(last, file, weights)
            read_moments(last, self.steps.trained, self.steps.optimizer)
            say(f"resuming after step {self.progress.step} of {self.steps.total}")
            if self.folder is not None:
                self.folder.forget_after(self.progress.step)
        if not self.progress.finished:
            evaluations = 0 if self.inputs.dev is None else len(self.steps.evaluation_steps)
            for line in idle_in_length(
                self.suite.train, epochs=self.steps.epochs, evaluations=evaluations
            ):
                say(f"warning: {line}")
            tokens = self.suite.train.batch_tokens
            say(f"training: {counted(self.steps.total, 'step')} of up to {tokens:,} tokens")
            self.steps.run(evaluate=self._evaluate, save=self._save, log=self._log)
        return self._best_log_probs()

    def _restore_weights(self, last: Path) -> None:
        """Load the state of a run that was stopped, after checking that it is the same run."""
        stored, progress = read_checkpoint(last), read_progress(last)
        now, then = _comparable(self.suite), _comparable(stored.suite)
        weights = stored.started_from
        if weights is not None and weights == self.inputs.facts.started_from:
            then["model"] = now["model"]  # its folder may have moved
        why = hint = ""
        if changed := changed_keys(then, now):
            why = f"{', '.join(f'`{key}`' for key in changed)} changed"
            hint = (
                "`pet-mtl train --resume --out DIR` alone goes on with the stored settings; for "
                "new settings choose a new folder"
            )
        elif progress.fingerprint != self.progress.fingerprint:
            why = (
                f"`data` or `{TEACHER}` changed, or an earlier version of pet-mtl began it, which "
                "noted the rows of `heads` otherwise"
            )
            hint = "put back what changed; otherwise train anew in another folder with `--out DIR`"
        if why:
            raise PetMtlError(
                f"this is not the run that is in the folder: {why}", where=str(last), hint=hint
            )
        if progress.best_step:
            # better to learn of damage now than after the last step
            read_checkpoint(self.out / "checkpoint")
        self.progress = progress
        # that backbone may have been replaced since
        facts = replace(self.inputs.facts, started_from=stored.started_from)
        self.inputs = replace(self.inputs, facts=facts)
        self._load_weights(last)

    def _load_weights(self, folder: Path) -> None:
        hint = "was the backbone replaced by another one? put it back, or train in a new folder"
        load_into(self.inputs.mlm, folder / "model.safetensors", hint)
        load_own_weights(folder, self.model, self.inputs.mlm)

    def _run_weights(self) -> dict[str, Mapping[str, Tensor]]:
        """Return what the run needs to go on beside its model, by file."""
        average = self.steps.average
        return {
            TERMS: dict(self.steps.trained.terms.named_parameters()),
            AVERAGE: {} if average is None else average.weights,
        }

    def _averaged(self) -> AbstractContextManager[None]:
        """Let the model have the weights that are evaluated and saved."""
        average = self.steps.average
        return contextlib.nullcontext() if average is None else average.applied()

    def _evaluate(self) -> bool:
        """Score the dev rows, keep the best checkpoint; return whether to stop early."""
        if self.inputs.dev is None:
            return False
        with self._averaged():
            return self._evaluate_weights()

    def _evaluate_weights(self) -> bool:
        log_probs = self._score_dev()
        suite = with_fitted_thresholds(self.suite, self.inputs.dev_rows, log_probs)
        scores = score_rows(suite, self.inputs.dev_rows, log_probs)
        metrics = {name: self.suite.tasks[name].metric for name in scores}
        mean = float(np.mean([score.value(metrics[name]) for name, score in scores.items()]))
        progress = self.progress
        summary = {name: score.summary() for name, score in scores.items()}
        self._log({"step": progress.step, "dev": summary, **means_json(scores.values())})
        better = note_score(progress, mean)
        figures = evaluation_line(metrics, summary, mean)
        say(f"step {progress.step}: dev {figures}{'  (best so far)' if better else ''}")
        if better:
            self.best = (progress.step, log_probs)
            self._write_best(summary, suite, card_scores(scores))
        self._evaluated(progress.step, mean)
        planned = len(self.steps.evaluation_steps)
        why = stops(self.suite.train.early_stop, progress, planned)
        if why:
            say(f"stopping early: {why}")
        return why is not None

    def _score_dev(self) -> dict[str, FloatArray]:
        assert self.inputs.dev is not None
        return self._score(self.inputs.dev, "scoring")

    def _score(self, prompts: Prompts, title: str) -> dict[str, FloatArray]:
        return score_prompts(
            self.model,
            prompts,
            self.machine,
            self.inputs.tokenizer,
            title=title,
            processes=Processes.of(self.accelerator),
        )

    def score(self, rows: Mapping[str, Rows]) -> dict[str, FloatArray]:
        """Return the label log-probabilities `[rows, K]` that the model, as it is, gives to
        rows."""
        longest = self.suite.train.max_length
        prompts = encode_forms(self.inputs.compiled.forms, rows, self.inputs.tokenizer, longest)
        return self._score(prompts, "calibrating")

    def _best_log_probs(self) -> dict[str, FloatArray]:
        """Return the dev predictions of the best checkpoint, whose weights the model has
        afterwards."""
        if self.inputs.dev is None:
            with self._averaged():
                self._write_best({}, self.suite, {})
        gone = self.inputs.dev is not None and self.progress.step != self.progress.best_step
        if gone or self.steps.average is not None:
            self.accelerator.wait_for_everyone()
            self._load_weights(self.out / "checkpoint")
        if self.inputs.dev is None:
            return {}
        if self.best is not None and self.best[0] == self.progress.best_step:
            return self.best[1]
        return self._score_dev()

    def _write_best(
        self, summary: dict[str, Any], suite: Suite, scores: Mapping[str, dict[str, Any]]
    ) -> None:
        if self.folder is not None:
            inputs = self.inputs
            write_checkpoint(
                self.folder.checkpoint,
                inputs.mlm,
                inputs.tokenizer,
                suite,
                {"step": self.progress.step, "tasks": summary},
                own_weights(self.model, inputs.mlm),
                inputs.trained_on,
                replace(inputs.facts, scores=scores),
            )
        self.accelerator.wait_for_everyone()

    def _save(self) -> None:
        if self.folder is not None:
            inputs = self.inputs
            with new_folder(self.folder.last) as temporary:
                write_state(temporary, self.steps.trained, self.steps.optimizer, self.progress)
                for file, weights in self._run_weights().items():
                    write_run_weights(temporary, file, weights)
                fill_checkpoint(
                    temporary,
                    inputs.mlm,
                    inputs.tokenizer,
                    self.suite,
                    {"step": self.progress.step},
                    own_weights(self.model, inputs.mlm),
                    inputs.trained_on,
                    inputs.facts,
                )
        self.accelerator.wait_for_everyone()

    def _log(self, record: dict[str, Any]) -> None:
        if self.folder is not None:
            self.folder.log(record)
        self._logged(record)


def _comparable(suite: Suite) -> dict[str, Any]:
    """Return what makes a run: all but the names and places of files, and who is told of it."""
    settings = training_settings(suite)
    del settings["train"]["report_to"]
    return settings
