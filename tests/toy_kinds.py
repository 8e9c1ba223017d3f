"""Toy tasks of other kinds than classification, in files, over the toy backbone."""

import json
import random
from pathlib import Path

PATTERNS = """\
version: 1
model: {model}
tasks:
  marks:                         # sets, against words for none
    kind: multi_label
    no: 同
    patterns: ["{{mask}}文：{{text}}", "{{text}}。{{mask}}!"]
    verbalizer: {{"r": 红, "b": 蓝, "g": 绿}}
    columns: {{text: text, label: marks}}
    data: {{train: marks.train.jsonl, dev: marks.dev.jsonl}}
  shares:                        # sets, thresholds fitted
    kind: multi_label
    separator: "|"
    patterns: "{{mask}}：{{text}}"
    verbalizer: {{"r": 红, "b": 蓝, "g": 绿}}
    columns: {{text: 0, label: 1}}
    data: {{train: shares.train.tsv, dev: shares.dev.tsv}}
  alike:                         # numbers, words of two lengths
    kind: similarity
    range: [0, 4]
    patterns: "{{one}}？{{mask}}，{{two}}"
    verbalizer: {{low: 无关, high: 同}}
    columns: {{one: 0, two: 1, label: 2}}
    data: {{train: alike.train.tsv, dev: alike.dev.tsv}}
  stars:
    kind: ordered
    metric: mae
    patterns: "{{text}}。{{mask}}!"
    verbalizer: {{"1": 悲, "2": 伤, "3": 喜}}
    columns: {{text: 0, label: 1}}
    data: {{train: stars.train.tsv, dev: stars.dev.tsv}}
  judged:                        # labels as hypotheses; with two patterns, one of its own
    kind: entailment
    yes: 同
    no: 相反
    question: "，{{mask}}!"
    descriptions: {{down: 悲伤}}
    patterns: ["{{text}}。{{mask}}", "{{mask}}：{{label}}。{{text}}"]
    verbalizer: {{up: 喜, down: 悲, flat: 无}}
    columns: {{text: 0, label: 1}}
    data: {{train: judged.train.tsv, dev: judged.dev.tsv}}
train:
  max_steps: 12
  learning_rate: 0.003
  batch_tokens: 300
  max_length: 32
  precision: fp32
  dropout: 0.1
  warmup: 2
  evaluate_every: 4
"""


def write_kinds(folder: Path, model: Path) -> Path:
    """Write the pattern file and its rows, and return the file."""
    draw = random.Random(3)
    marks = {"r": "甲", "b": "乙", "g": "丙"}

    def text(letters: str) -> str:
        filler = [draw.choice("山水火土木金日月天地") for _ in range(draw.randint(1, 4))]
        both = [*filler, *letters]
        draw.shuffle(both)
        return "".join(both)

    for part, count in (("train", 40), ("dev", 16)):
        chosen = [draw.sample(list(marks), draw.randint(0, 3)) for _ in range(count)]
        lines = [
            json.dumps({"text": text("".join(marks[k] for k in of_row)), "marks": of_row})
            for of_row in chosen
        ]
        (folder / f"marks.{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        some = [of_row or ["r"] for of_row in chosen]
        tables = {
            "shares": [(text("".join(marks[k] for k in row)), "|".join(row)) for row in some],
            "alike": [
                (text("庚"), text("庚" * place + "辛" * (4 - place)), str(place))
                for place in (draw.randint(0, 4) for _ in range(count))
            ],
            "judged": [
                (text({"up": "丁", "down": "己", "flat": "壬"}[label]), label)
                for label in (draw.choice(["up", "down", "flat"]) for _ in range(count))
            ],
            "stars": [
                (text("丁戊己"[star - 1]), str(star))
                for star in (draw.randint(1, 3) for _ in range(count))
            ],
        }
        for task, rows in tables.items():
            table = "".join("\t".join(row) + "\n" for row in rows)
            (folder / f"{task}.{part}.tsv").write_text(table, encoding="utf-8")
    file = folder / "kinds.yaml"
    file.write_text(PATTERNS.format(model=model), encoding="utf-8")
    return file
