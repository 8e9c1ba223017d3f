"""Tokens per second of `pet-mtl pretrain` beside a plain transformers `Trainer`, paired, on the
same rows.

    python benchmarks/pretrain_pair.py --corpus FILES… [--model zh-mini] [--rows 4096] [--steps 30]
    [--rounds 5]
        [--out benchmarks/results/pretrain_pair.json]

Both sides train the same model from the same weights, with the same optimizer settings, token
budget a step, masking rate and precision, on the same rows, whole words masked. Each does what its
users do:

- ours: the steps of `pet-mtl pretrain`, from packed rows to the optimizer step;
- plain: `Trainer` with a collator that joins words, pads each batch to its longest row, masks whole
words row by row,
  and asks the model for the logits of every position. Its words come ready made: their search is on
  neither side's bill. (`DataCollatorForWholeWordMask` itself looks for English word pieces in the
  tokens.)

The rounds alternate between the two, because a machine's speed drifts: only the ratio of the
medians means anything. Tokens are real ones, padding left out.
"""

import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from turns import script_parser

from pet_mtl import console
from pet_mtl.atomic import write_text
from pet_mtl.cloze.corrupt import replacement_ids
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining.masking.whole_word import whole_word
from pet_mtl.pretraining.materials import find_text, load_material
from pet_mtl.pretraining.mlm_model import MlmModel
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.rows import PieceRows
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.pretraining.steps import Masker, PretrainingSteps
from pet_mtl.storage.pretrained import (
    load_masked_lm,
    load_tokenizer,
    quiet_transformers,
    resolve_model,
)
from pet_mtl.storage.state import Progress


class WholeWordCollator:
    """Mask whole words the plain way: row by row, in Python."""

    def __init__(self, tokenizer: PieceTokenizer, rate: float, seed: int) -> None:
        self.tokenizer, self.rate = tokenizer, rate
        self.draw = np.random.default_rng(seed)
        self.special = set(tokenizer.tokenizer.all_special_ids)

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = max(len(example["input_ids"]) for example in examples)
        ids = torch.full((len(examples), width), self.tokenizer.pad_id)
        mask = torch.zeros((len(examples), width), dtype=torch.long)
        labels = torch.full((len(examples), width), -100)
        for row, example in enumerate(examples):
            pieces = torch.tensor(example["input_ids"])
            ids[row, : len(pieces)] = pieces
            mask[row, : len(pieces)] = 1
            words: list[list[int]] = []
            for place, (piece, begins) in enumerate(
                zip(example["input_ids"], example["words"], strict=True)
            ):
                if piece in self.special:
                    continue
                if begins or not words:
                    words.append([])
                words[-1].append(place)
            left = max(1, round(self.rate * sum(map(len, words))))
            for number in self.draw.permutation(len(words)):
                if left <= 0:
                    break
                for place in words[number]:
                    labels[row, place] = ids[row, place]
                    kind = self.draw.random()
                    if kind < 0.8:
                        ids[row, place] = self.tokenizer.mask_id
                    elif kind < 0.9:
                        ids[row, place] = int(self.draw.integers(5, self.tokenizer.vocab_size))
                left -= len(words[number])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def plain_examples(rows: PieceRows) -> list[dict[str, Any]]:
    """Return the rows as lists, as a tokenised data set holds them."""
    assert rows.words is not None
    examples = []
    for start, end in zip(rows.starts.tolist(), rows.ends.tolist(), strict=True):
        ids = [*rows.before, *rows.pieces[start:end].tolist(), *rows.after]
        words = [1] * len(rows.before) + rows.words[start:end].tolist() + [1] * len(rows.after)
        examples.append({"input_ids": ids, "words": words})
    return examples


def run_ours(
    folder: str,
    rows: PieceRows,
    tokenizer: PieceTokenizer,
    settings: PretrainSettings,
    machine: Machine,
    warm: int,
) -> float:
    from accelerate import Accelerator

    mlm = load_masked_lm(folder, attention=machine.attention.value)
    masker = Masker(
        whole_word, settings.masking_rate, tokenizer.mask_id, replacement_ids(tokenizer.tokenizer)
    )
    model = MlmModel(Backbone(mlm, machine.attention.value)).to(machine.device)
    steps = PretrainingSteps(model, rows, masker, settings, machine, Accelerator(), Progress())
    assert settings.max_steps is not None
    tokens, start = 0, 0.0
    for number in range(warm + settings.max_steps):
        if number == warm:
            _wait(machine)
            tokens, start = steps.progress.tokens, time.perf_counter()
        steps.step()
        steps.progress.step += 1
    _wait(machine)
    return (steps.progress.tokens - tokens) / (time.perf_counter() - start)


def _wait(machine: Machine) -> None:
    if machine.device.type == "cuda":
        torch.cuda.synchronize()


def run_plain(
    folder: str,
    rows: PieceRows,
    tokenizer: PieceTokenizer,
    settings: PretrainSettings,
    machine: Machine,
    warm: int,
) -> float:
    from transformers import AutoModelForMaskedLM, Trainer, TrainerCallback, TrainingArguments

    assert settings.max_steps is not None
    with quiet_transformers():
        model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32)
    mean = float(rows.lengths.mean())
    clock = _Clock(warm)

    class Watch(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.step()

    collator = WholeWordCollator(tokenizer, settings.masking_rate, settings.seed)

    def counting(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        clock.batches.append(sum(len(example["input_ids"]) for example in examples))
        return collator(examples)

    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out,
            per_device_train_batch_size=max(1, round(settings.batch_tokens / mean)),
            max_steps=settings.max_steps + warm,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            bf16=machine.precision.value == "bf16",
            use_cpu=machine.device.type == "cpu",
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=machine.device.type == "cuda",
            seed=settings.seed,
        )
        examples: Any = plain_examples(rows)
        Trainer(
            model=model,
            args=arguments,
            train_dataset=examples,
            data_collator=counting,
            callbacks=[Watch()],
        ).train()
    _wait(machine)
    return clock.rate()


class _Clock:
    """Count tokens and time from the end of the warm-up steps on."""

    def __init__(self, warm: int) -> None:
        self.warm, self.done = warm, 0
        self.batches: list[int] = []
        self.start = self.end = 0.0

    def step(self) -> None:
        self.done += 1
        self.end = time.perf_counter()
        if self.done == self.warm:
            self.start = self.end

    def rate(self) -> float:
        return sum(self.batches[self.warm : self.done]) / (self.end - self.start)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--corpus", nargs="+", required=True)
    parser.add_argument("--model", default="zh-mini")
    parser.add_argument("--rows", type=int, default=4096, help="rows both sides train on")
    parser.add_argument("--steps", type=int, default=30, help="timed steps a round")
    parser.add_argument("--warm", type=int, default=10, help="steps before the clock starts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--cache", type=Path, help="folder for the tokenised corpus")
    parser.add_argument("--out", type=Path, help="write the result here too")
    chosen = parser.parse_args()
    console.show()
    keep_freed_memory()
    machine = Machine.choose()
    settings = PretrainSettings(
        max_steps=chosen.steps,
        epochs=1000.0,
        masking_rate=0.15,
        max_length=chosen.max_length,
        held_out=0.0,
    )
    request = PretrainRequest(
        model=chosen.model, corpus=tuple(chosen.corpus), masking="whole-word", settings=settings
    )
    folder = resolve_model(chosen.model)
    tokenizer = PieceTokenizer(load_tokenizer(folder))
    with tempfile.TemporaryDirectory() as scratch:
        rows = load_material(
            request, find_text(request), tokenizer, chosen.cache or Path(scratch)
        ).train
        few = np.sort(np.random.default_rng(0).permutation(len(rows))[: chosen.rows])
        rows = replace(rows, starts=rows.starts[few], ends=rows.ends[few])
        rates: dict[str, list[float]] = {"ours": [], "plain": []}
        for number in range(chosen.rounds):
            for name, run in (("ours", run_ours), ("plain", run_plain))[
                :: 1 if number % 2 == 0 else -1
            ]:
                rates[name].append(run(folder, rows, tokenizer, settings, machine, chosen.warm))
                say(f"round {number + 1} {name}: {rates[name][-1]:,.0f} tokens/s")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = [ours / plain for ours, plain in zip(rates["ours"], rates["plain"], strict=True)]
    result = {
        "model": chosen.model,
        "machine": str(machine),
        "threads": torch.get_num_threads(),
        "rows": len(rows),
        "mean_tokens": round(float(rows.lengths.mean()), 1),
        "tokens_per_second": {
            name: [round(value) for value in values] for name, values in rates.items()
        },
        "medians": {name: round(value) for name, value in medians.items()},
        "ratio_of_medians": round(medians["ours"] / medians["plain"], 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
    }
    text = json.dumps(result, indent=1) + "\n"
    print(text, end="")
    if chosen.out:
        write_text(chosen.out, text)


if __name__ == "__main__":
    main()
