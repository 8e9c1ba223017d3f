"""The toy suite's text, and what a run left in its folder."""

import json
import random
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from stopped_runs import read_state

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.suite import Suite

CHARACTERS = list("甲乙丙丁戊己庚辛壬山水火土木金日月天地红蓝绿喜悲伤相反无关同类文：。，？!")

PATTERNS = """\
version: 1
model: {model}
tasks:
  colour:                        # one word length
    prefix: "类："
    patterns: ["{{mask}}文：{{text}}"]
    verbalizer: {{"r": 红, "b": 蓝, "g": 绿}}
    columns: {{text: 0, label: 1}}
    data: {{train: colour.train.tsv, dev: colour.dev.tsv}}
  mood:                          # two word lengths, two patterns, two words for a label
    patterns: ["{{text}}。{{mask}}!", "{{mask}}：{{text}}"]
    verbalizer: mood.txt
    columns: {{text: 0, label: 1}}
    data: {{train: mood.train.tsv, dev: mood.dev.tsv}}
    metric: accuracy
  pair:                          # two fields
    patterns: ["{{one}}？{{mask}}，{{two}}"]
    verbalizer: {{"0": 相同, "1": 相反, "2": 无关}}
    columns: {{one: 0, two: 1, label: 2}}
    data: {{train: pair.train.tsv, dev: pair.dev.tsv}}
train:
  epochs: 2
  learning_rate: 0.001
  batch_tokens: 200
  max_length: 32
  precision: fp32
  dropout: 0.0
  warmup: 3
"""


def write_suite(folder: Path, model: Path) -> None:
    """Write the pattern file, a verbalizer and odd numbers of rows that can be learned."""
    draw = random.Random(5)

    def text(marks: str) -> str:
        letters = [draw.choice("山水火土木金日月天地") for _ in range(draw.randint(1, 5))]
        letters.insert(draw.randrange(len(letters)), draw.choice(marks))
        return "".join(letters)

    for part, count in (("train", 41), ("dev", 19)):
        colours = [draw.choice("rbg") for _ in range(count)]
        moods = [draw.choice(["up", "down"]) for _ in range(count - 10)]
        pairs = [draw.choice("012") for _ in range(count - 4)]
        files = {
            "colour": [
                (text({"r": "甲", "b": "乙", "g": "丙"}[label]), label) for label in colours
            ],
            "mood": [(text({"up": "丁戊", "down": "己"}[label]), label) for label in moods],
            "pair": [
                (text("庚"), text({"0": "庚", "1": "辛", "2": "壬"}[label]), label)
                for label in pairs
            ],
        }
        for task, rows in files.items():
            lines = ["\t".join(row) + "\n" for row in rows]
            (folder / f"{task}.{part}.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "mood.txt").write_text("up  喜 同喜\ndown  悲伤\n", encoding="utf-8")
    (folder / "toy.yaml").write_text(PATTERNS.format(model=model), encoding="utf-8")


def epoch_steps(suite: Suite) -> int:
    """Return the steps of the first epoch."""
    tokenizer = PieceTokenizer(load_tokenizer(suite.model))
    rows = {name: data.train for name, data in load_suite_data(suite).items()}
    prompts = encode_suite(suite.tasks, rows, tokenizer, suite.train.max_length)
    settings = {"temperature": suite.sampling.temperature, "batch_tokens": suite.train.batch_tokens}
    return len(Schedule(prompts, **settings, seed=suite.train.seed).epoch(0))  # type: ignore[arg-type]


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint folder as transformers loads them."""
    model = load_masked_lm(str(folder))
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def state_of(run: Path) -> dict[str, object]:
    """Return what a run holds at its end; see `read_state`."""
    manifest = json.loads((run / "checkpoint" / "pet_mtl.json").read_text(encoding="utf-8"))
    card = (run / "checkpoint" / "README.md").read_bytes()
    return read_state(run, "checkpoint", "dev") | {"metrics": manifest["metrics"], "card": card}


def replace_weights(folder: Path) -> None:
    """Write other weights of the same shapes over a backbone's."""
    file = folder / "model.safetensors"
    # bytes first: the file may be mapped into memory
    weights = load(file.read_bytes())
    file.unlink()
    save_file({name: value * 1.5 for name, value in weights.items()}, file, {"format": "pt"})
