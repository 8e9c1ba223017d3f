"""The whole of `pet-mtl pretrain`: text, rows, model, steps, the model's folder."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.cloze.corrupt import replacement_ids
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.compiled_layers import compile_layers
from pet_mtl.model.hardware import Machine, training_accelerator
from pet_mtl.model.light_import import keep_compiler
from pet_mtl.pretraining.folders import (
    Stored,
    differences,
    load_weights,
    read_last,
    write_last,
    write_model,
)
from pet_mtl.pretraining.masking.pattern_aware import pattern_aware
from pet_mtl.pretraining.masking.random_pieces import random_pieces
from pet_mtl.pretraining.masking.selective import selective
from pet_mtl.pretraining.masking.whole_word import whole_word
from pet_mtl.pretraining.materials import Material, find_text, load_material, load_model
from pet_mtl.pretraining.mlm_model import MlmModel
from pet_mtl.pretraining.recipe import TakenShape
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.settings import Masking
from pet_mtl.pretraining.steps import (
    LOG_EVERY,
    HeldOut,
    Masker,
    PretrainingSteps,
    Strategy,
    measure,
)
from pet_mtl.pretraining.teaching import Teaching, load_teaching, suited
from pet_mtl.resources import model_folder
from pet_mtl.stepping.loop import run_loop
from pet_mtl.stepping.optimizer_step import tell_of_dropout
from pet_mtl.storage.outputs import RunFolder, has_state
from pet_mtl.storage.state import Progress, read_moments
from pet_mtl.suite.auto import Recommended, by_size, count_layers, read_record
from pet_mtl.text import counted

STRATEGIES: dict[Masking, Strategy] = {
    "random": random_pieces,
    "whole-word": whole_word,
    "selective": selective,
    "pattern": pattern_aware,
}
HELD_OUT_RATE = 0.15


@dataclass(frozen=True)
class PretrainResult:
    """What a finished run gives.

    Attributes:
        out: the run's folder.
        held_out: figures at the end; None without held-out text.
        steps: steps done.
        tokens: tokens trained on.
        tokens_per_second: real tokens a second, start-up and measuring left out.
        peak_memory_gb: the most memory that was in use.
        seconds: wall time of the whole command.
    """

    out: Path
    held_out: HeldOut | None
    steps: int
    tokens: int
    tokens_per_second: float
    peak_memory_gb: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "out": str(self.out),
            "model": str(self.out / "model"),
            "held_out": None if self.held_out is None else self.held_out.to_json(),
            "steps": self.steps,
            "tokens": self.tokens,
            "tokens_per_second": self.tokens_per_second,
            "peak_memory_gb": round(self.peak_memory_gb, 3),
            "seconds": round(self.seconds, 1),
        }


def pretrain(request: PretrainRequest, out: Path, *, resume: bool = False) -> PretrainResult:
    """Pre-train a masked language model.

    Args:
        out: the run's folder: `model/`, `last/`, `metrics.jsonl`, and `cache/` where no other is
            given.
        resume: go on with the run that is there.

    Raises:
        PetMtlError: see the parts.
    """
    started = time.monotonic()
    request.check()
    accelerator = training_accelerator()
    settings = request.settings
    machine = Machine.choose(settings.precision, settings.attention, accelerator.device)
    if settings.compile:
        keep_compiler()
    text = find_text(request)
    folder = None
    if accelerator.is_main_process:
        begun = json.dumps({"request": request.model_dump(mode="json")})
        folder = RunFolder(out, resume=resume, kept="model", begun=begun)
    resume = resume and has_state(out)
    place = request.cache or out / "cache"
    try:
        with accelerator.main_process_first():  # the others find the caches made
            tokenizer, mlm = load_model(request, text, machine, place)
            teaching = load_teaching(request, tokenizer, mlm, machine)
            machine = suited(machine, mlm, teaching)
            say(f"machine: {machine}")
            material = load_material(request, text, tokenizer, place)
        run = _Pretraining(
            request, out, folder, accelerator, machine, tokenizer, mlm, teaching, material
        )
        return run.run(resume, started)
    finally:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
        if folder is not None:
            folder.close()


class _Pretraining:
    """The objects of one run and what the steps call back for."""

    def __init__(
        self,
        request: PretrainRequest,
        out: Path,
        folder: RunFolder | None,
        accelerator: Any,
        machine: Machine,
        tokenizer: PieceTokenizer,
        mlm: Any,
        teaching: Teaching | None,
        material: Material,
    ) -> None:
        self.request, self.out = request, out
        self.folder, self.accelerator = folder, accelerator
        self.machine, self.tokenizer = machine, tokenizer
        self.mlm, self.material = mlm, material
        backbone = Backbone(mlm, machine.attention.value)
        model = MlmModel(backbone) if teaching is None else teaching.model(backbone)
        self.model = model.to(machine.device)
        if request.settings.compile:
            compile_layers(backbone)
        tell_of_dropout(mlm, self.model, accelerator.num_processes)
        fingerprint = material.fingerprint + ("" if teaching is None else f" {teaching.digest}")
        self.progress = Progress(fingerprint=fingerprint)
        self.held_out: tuple[int, HeldOut] | None = None
        strategy = STRATEGIES[request.masking]
        replacements = replacement_ids(tokenizer.tokenizer)
        self.masker = Masker(
            strategy, request.settings.masking_rate, tokenizer.mask_id, replacements
        )
        # held-out figures of all strategies can be compared: the same random pieces, but for
        # prompts
        measured = pattern_aware if request.masking == "pattern" else random_pieces
        self.measurer = Masker(measured, HELD_OUT_RATE, tokenizer.mask_id, replacements)

    def run(self, resume: bool, started: float) -> PretrainResult:
        last = self.out / "last"
        if resume:
            self._restore(last)
        settings, train = self.request.settings, self.material.train
        steps = PretrainingSteps(
            self.model, train, self.masker, settings, self.machine, self.accelerator, self.progress
        )
        self.steps = steps
        say(
            f"rows: {len(train):,} of up to {settings.max_length} tokens, "
            f"{int(train.lengths.sum()):,} tokens; {len(self.material.held_out):,} held out"
        )
        if resume:
            read_moments(last, self.model, steps.optimizer)
            say(f"resuming after step {self.progress.step} of {steps.total}")
            if self.folder is not None:
                self.folder.forget_after(self.progress.step)
        if not self.progress.finished:
            say(
                f"training: {counted(steps.total, 'step')} of up to {settings.batch_tokens:,} "
                f"tokens, {self.request.masking} masks"
            )
            run_loop(
                steps,
                evaluate=self._evaluate,
                save=self._save,
                log=self._log,
                log_every=LOG_EVERY,
                save_every=settings.save_every,
            )
        if self.held_out is None or self.held_out[0] != self.progress.step:
            if self.progress.finished:  # it was logged before the run was stopped
                self._measure()
            else:  # there was no step to do, and a run without a state is taken for a killed one
                self._evaluate()
                self.progress.finished = True
                self._save()
        result = PretrainResult(
            self.out,
            self.held_out[1] if self.held_out else None,
            self.progress.step,
            self.progress.tokens,
            steps.throughput.to_json()["tokens_per_second"],
            self.machine.peak_memory_gb(),
            time.monotonic() - started,
        )
        self._write_model(result)
        return result

    def _restore(self, last: Path) -> None:
        """Load the state of a run that was stopped, after checking that it is the same run."""
        stored = read_last(last)
        changed = differences(self.request, stored.request)
        if not changed and stored.progress.fingerprint != self.progress.fingerprint:
            teacher = "" if self.request.teacher is None else " the teacher,"
            changed = [f"the text,{teacher} the vocabulary or what the scorer marks"]
        if changed:
            raise PetMtlError(
                "this is not the run that is in the folder: "
                f"{', '.join(f'`{key}`' for key in changed)} changed",
                where=str(last),
                hint="`pet-mtl pretrain --resume --out DIR` alone goes on with the stored "
                "options; for new ones choose a new folder",
            )
        self.progress = stored.progress
        load_weights(last, self.mlm)

    def _measure(self) -> HeldOut | None:
        if not len(self.material.held_out):
            return None
        found = measure(
            self.model, self.material.held_out, self.measurer, self.machine, self.accelerator
        )
        self.held_out = self.progress.step, found
        return found

    def _evaluate(self) -> bool:
        found = self._measure()
        if found is not None:
            self._log({"step": self.progress.step, "held_out": found.to_json()})
            say(
                f"step {self.progress.step}: held-out loss {found.loss:.4f}, accuracy "
                f"{found.accuracy:.2%}"
                + ("" if found.teacher is None else f", teacher's loss {found.teacher['loss']:.4f}")
            )
        return False

    def _save(self) -> None:
        if self.folder is not None:
            stored = Stored(self.request, self.progress)
            write_last(
                self.folder.last, self.mlm, self.tokenizer, self.model, self.steps.optimizer, stored
            )
        self.accelerator.wait_for_everyone()

    def _write_model(self, result: PretrainResult) -> None:
        if self.folder is not None:
            figures = result.to_json()
            facts = {
                "masking": self.request.masking,
                **self._origin(),
                "settings": self.request.settings.model_dump(),
                "parameters": sum(parameter.numel() for parameter in self.mlm.parameters()),
                **{key: figures[key] for key in ("steps", "tokens", "held_out")},
                "training_seconds": round(self.progress.seconds, 1),
                "machine": str(self.machine),
                "recommended": self._recommended().model_dump(exclude_none=True),
            }
            half = self.request.settings.weights == "fp16"
            write_model(
                self.folder.checkpoint,
                self.mlm,
                self.tokenizer,
                half=half,
                facts=facts,
                trained_on=self.material.trained_on,
            )
        self.accelerator.wait_for_everyone()

    def _recommended(self) -> Recommended:
        """Return what the model is best fine-tuned with: as the one that it went on from, or by its
        size."""
        start = self.material.start
        folder = None if start is None else model_folder(start)
        own = None if folder is None else read_record(folder)
        if own is not None:
            return own
        shapes = {name: tensor.shape for name, tensor in self.mlm.named_parameters()}
        return by_size(count_layers(shapes, self.mlm.config.vocab_size))

    def _origin(self) -> dict[str, Any]:
        """Return what the settings do not say of a taught or cut model."""
        recipe = self.request.recipe
        layers = self.request.from_layers
        if recipe is not None and isinstance(recipe.model, TakenShape):
            layers = recipe.model.from_layers
        known = {
            "teacher": self.request.teacher and Path(self.request.teacher).name,
            "from_layers": layers,
        }
        return {name: value for name, value in known.items() if value is not None}

    def _log(self, record: dict[str, Any]) -> None:
        if self.folder is not None:
            self.folder.log(record)
