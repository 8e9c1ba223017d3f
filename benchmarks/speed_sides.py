"""What `speed.py` measures: each kind of job is a class whose `turn` works for some seconds.

    python benchmarks/speed_sides.py '{"kind": "score", …}'

is a worker: it prints a line of JSON when it is ready, one for each line `turn` that it reads, and
its peak memory at `end`. `neighbours.py` has the other products.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speed_work import Job, Peak, RowCost, Turn, Work, latencies, read_titles

TASK = "news"
LOG_EVERY = 10  # steps, as in a run


def _light() -> None:
    """Import transformers as our commands do."""
    from pet_mtl.model import light_import
    from pet_mtl.model.allocator import keep_freed_memory

    keep_freed_memory()
    light_import.wanted = True


class Train(Work):
    """The optimizer steps of `pet-mtl train`."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from accelerate import Accelerator

        from pet_mtl.cloze.encode import encode_forms
        from pet_mtl.cloze.sampling import Schedule
        from pet_mtl.data.suite_data import load_suite_data
        from pet_mtl.model.compiled_layers import compile_layers
        from pet_mtl.model.hardware import Machine
        from pet_mtl.scoring.loaded import build_model, compile_suite
        from pet_mtl.storage.pretrained import load_backbone, load_pieces, suite_model
        from pet_mtl.storage.state import Progress
        from pet_mtl.suite.suite import load_suite
        from pet_mtl.training.steps import TrainingSteps

        suite = load_suite(Path(job["suite"]), overrides=("train.max_steps=1000",))
        settings = suite.train
        machine = Machine.choose(settings.precision, settings.attention)
        folder = suite_model(suite)
        tokenizer = load_pieces(folder)
        mlm = load_backbone(folder, attention=machine.attention.value, dropout=settings.dropout)
        rows = {name: task.train for name, task in load_suite_data(suite).items()}
        compiled = compile_suite(suite, tokenizer)
        length = settings.max_length
        prompts = encode_forms(compiled.forms, rows, tokenizer, length, windows=False)
        schedule = Schedule(
            prompts,
            temperature=suite.sampling.temperature,
            batch_tokens=settings.batch_tokens,
            seed=settings.seed,
        )
        self.progress = Progress()
        model = build_model(mlm, compiled, suite, machine)
        if settings.compile:
            compile_layers(model)
        self.steps = TrainingSteps(
            model,
            prompts,
            schedule,
            settings,
            machine,
            Accelerator(),
            tokenizer,
            self.progress,
        )
        self.cost = RowCost(mlm.config, prompts.lengths)
        self.facts = {
            "precision": machine.precision.value,
            "mean_tokens": round(float(prompts.lengths.mean()), 1),
            "dropout": float(mlm.config.hidden_dropout_prob),
        }
        for _ in range(job.get("warm", 3)):
            self._step()

    def _step(self) -> int:
        rows = self.steps.step()
        self.progress.step += 1
        if self.progress.step % LOG_EVERY == 0:
            self.steps.record(whole=False)
        return rows

    def turn(self) -> Turn:
        tokens = self.progress.tokens
        seconds, rows = self.repeat(self._step)
        rate = rows / seconds
        return {
            "rate": rate,
            "tokens_per_second": (self.progress.tokens - tokens) / seconds,
            "flop_per_second": 3 * self.cost.plain * rate,
            "needed_flop_per_second": 3 * self.cost.needed * rate,
        }


class _Scorer(Work):
    """A checkpoint in memory, and texts."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from dataclasses import replace

        from pet_mtl.data.rows import Rows
        from pet_mtl.scoring.loaded import LoadedCheckpoint
        from pet_mtl.storage.checkpoint import read_checkpoint

        checkpoint = read_checkpoint(Path(job["checkpoint"]))
        if "precision" in job:
            train = checkpoint.suite.train.model_copy(update={"precision": job["precision"]})
            suite = checkpoint.suite.model_copy(update={"train": train})
            checkpoint = replace(checkpoint, suite=suite)
        self.loaded = LoadedCheckpoint(checkpoint)
        self.texts = [row[1] for row in read_titles(job["rows"], job["count"])]
        self.rows = Rows.of({"title": self.texts})
        self.facts = {"precision": self.loaded.machine.precision.value}


class Score(_Scorer):
    """Texts to label log-probabilities, tokenising among it: what `score` and `predict` do."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        lengths = self.loaded.encode({TASK: self.rows}).lengths
        self.cost = RowCost(self.loaded.mlm.config, lengths)
        self.facts["mean_tokens"] = round(float(lengths.mean()), 1)
        self._all()

    def _all(self) -> int:
        self.loaded.log_probs({TASK: self.rows})
        return len(self.texts)

    def turn(self) -> Turn:
        seconds, rows = self.repeat(self._all)
        rate = rows / seconds
        return {
            "rate": rate,
            "flop_per_second": self.cost.plain * rate,
            "needed_flop_per_second": self.cost.needed * rate,
        }


class Predict(_Scorer):
    """`Predictor.predict`: texts to labels with their probabilities."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from pet_mtl.scoring.predictor import Predictor

        self.predictor = Predictor(self.loaded)
        self._all()

    def _all(self) -> int:
        return len(self.predictor.predict(self.texts))


class OneRow(_Scorer):
    """`Predictor.predict` of one text at a time, and the encoder's own share of these very calls.

    The share is what the encoder's call takes within a prediction, so that what else the machine
    does concerns both.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from pet_mtl.model.slot_encoder import SlotEncoder
        from pet_mtl.scoring.predictor import Predictor

        self.predictor = Predictor(self.loaded)
        backbone: Any = self.loaded.model.backbone  # type: ignore[attr-defined]
        if not isinstance(backbone.encode, SlotEncoder):
            raise SystemExit("this model's encoder is not our own")
        self.inside = 0.0
        self.place = 0
        for text in self.texts[:20]:
            self.predictor.predict([text])

    def turn(self) -> Turn:
        from unittest.mock import patch

        from pet_mtl.model.slot_encoder import SlotEncoder

        whole: list[float] = []
        ratios: list[float] = []
        kept = SlotEncoder.__call__

        def timed(encoder: Any, *given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            found = kept(encoder, *given, **named)
            self.inside += time.perf_counter() - began
            return found

        def once() -> int:
            text = self.texts[self.place % len(self.texts)]
            self.place += 1
            self.inside = 0.0
            began = time.perf_counter()
            self.predictor.predict([text])
            took = time.perf_counter() - began
            whole.append(took)
            ratios.append(took / self.inside)
            return 1

        with patch.object(SlotEncoder, "__call__", timed):
            self.repeat(once)
        return {**latencies(whole), "over_encoder": statistics.median(ratios)}


class Encode(_Scorer):
    """Texts to prompts in the store."""

    def _all(self) -> int:
        return len(self.loaded.encode({TASK: self.rows}))


class WordsTry(Work):
    """Other label words scored from stored slot states."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from pet_mtl.words.loaded import load
        from pet_mtl.words.try_words import WordTrial

        self.file = Path(job["words"])
        loaded = load(None, job["checkpoint"])
        place = Path(job["cache"])
        self.trial = WordTrial(loaded, {TASK: (self.file,)}, place=place, limit=job["count"])
        self.trial.run()  # the first pass
        self.count = len(self.trial.trial.rows[TASK])

    def turn(self) -> Turn:
        def once() -> int:
            self.trial.score(TASK, self.file)
            return 1

        seconds, times = self.repeat(once)
        return {"seconds": seconds / times, "rate": self.count * times / seconds}


class WordsAgain(_Scorer):
    """The same words scored by running the model again, as `score` does."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        import numpy as np

        from pet_mtl.data.suite_data import load_dev
        from pet_mtl.scoring.loaded import with_verbalizers

        task = self.loaded.suite.tasks[TASK]
        found, _ = load_dev(task, Path(self.loaded.suite.base), self.loaded.suite.train.seed)
        assert found is not None
        self.dev = {TASK: found.take(np.arange(min(job["count"], len(found))))}
        self.loaded.suite = with_verbalizers(self.loaded.suite, {TASK: Path(job["words"])})
        self._all()

    def _all(self) -> int:
        from pet_mtl.scoring.checkpoint_scores import score_rows

        score_rows(self.loaded.suite, self.dev, self.loaded.log_probs(self.dev))
        return 1

    def turn(self) -> Turn:
        seconds, times = self.repeat(self._all)
        return {"seconds": seconds / times, "rate": len(self.dev[TASK]) * times / seconds}


def kinds() -> dict[str, Callable[[Job], Work]]:
    """Return all kinds of jobs by name."""
    from neighbours import NEIGHBOURS

    return {
        "train": Train,
        "score": Score,
        "predict": Predict,
        "one-row": OneRow,
        "encode": Encode,
        "words-try": WordsTry,
        "words-again": WordsAgain,
        "peak": Peak,
        **NEIGHBOURS,
    }


def build(job: Job) -> Work:
    """Return a job's work, ready and warm."""
    return kinds()[job["kind"]](job)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    job = json.loads(sys.argv[1])
    if job.get("light"):
        _light()
    import torch

    from pet_mtl.model.hardware import Machine

    work = build(job)
    if sys.argv[2:] == ["--once"]:
        work.turn()
        return

    def answer(told: Turn) -> None:
        print(json.dumps(told), file=answers, flush=True)

    answer({**work.facts, "threads": torch.get_num_threads()})
    for line in sys.stdin:
        if line.strip() == "turn":
            answer(work.turn())
        else:
            answer({**work.close(), "peak_gb": round(Machine.choose().peak_memory_gb(), 3)})
            return


if __name__ == "__main__":
    main()
