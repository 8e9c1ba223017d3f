"""What the pre-training tests share: toy texts, a toy suite, and what a run leaves."""

import random
from pathlib import Path
from typing import Any

CHARACTERS = list(
    "甲乙丙丁戊己庚辛壬山水火土木金日月天地红蓝绿喜悲伤相反无关同类文中国人民：。，？!"
)
SUITE = """\
version: 1
model: {model}
tasks:
  colour:
    prefix: "类："
    patterns: ["{{mask}}文：{{text}}", "{{text}}。{{mask}}"]
    verbalizer: {{"r": [红, 同红], "b": 蓝}}
    columns: {{text: 0, label: 1}}
    data: {{train: train.tsv, dev: {dev}, unlabelled: more.tsv}}
train: {{max_length: 32, precision: fp32, epochs: 3, learning_rate: 0.003, batch_tokens: 400}}
"""


SETTINGS: dict[str, Any] = {
    "epochs": 2.0,
    "learning_rate": 1e-3,
    "batch_tokens": 300,
    "max_length": 32,
    "held_out": 0.1,
    "precision": "fp32",
    "seed": 7,
}


def documents(count: int, seed: int = 3) -> list[list[str]]:
    """Return documents of 1 to 4 paragraphs, in which a character foretells the next."""
    draw = random.Random(seed)
    cycle = CHARACTERS[:20]

    def paragraph() -> str:
        start = draw.randrange(20)
        return "".join(cycle[(start + step) % 20] for step in range(draw.randint(2, 40)))

    return [[paragraph() for _ in range(draw.randint(1, 4))] for _ in range(count)]


def write_suite(folder: Path, model: Path, dev: str = "dev.tsv") -> None:
    """Write a suite whose label shows in one character of each text."""
    draw = random.Random(5)
    seen: set[str] = set()

    def rows(count: int) -> list[tuple[str, str]]:
        made: list[tuple[str, str]] = []
        while len(made) < count:
            label = draw.choice("rb")
            letters = [draw.choice("山水火土木金日月天地") for _ in range(draw.randint(3, 8))]
            letters.insert(draw.randrange(len(letters)), {"r": "甲", "b": "乙"}[label])
            text = "".join(letters)
            if text not in seen:
                seen.add(text)
                made.append((text, label))
        return made

    for name, count in (("train", 60), ("dev", 20), ("more", 30)):
        lines = ["\t".join(row) for row in rows(count)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "toy.yaml").write_text(SUITE.format(model=model, dev=dev), encoding="utf-8")
