"""Scores of tasks of every kind with made-up predictions, as `score --report` gets them."""

from pathlib import Path

import numpy as np
from toy_kinds import write_kinds

from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.scoring.checkpoint_scores import CheckpointScore
from pet_mtl.scoring.given_rows import dev_rows
from pet_mtl.scoring.records import Predicted
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import TaskSpec

LABELS = """\
version: 1
model: zh-mini
tasks:
  many:
    description: "topics of <i>apps</i>"
    patterns: "{{mask}}：{{text}}"
    verbalizer: many.txt
    columns: {{text: 0, label: 1}}
    data: {{train: many.tsv, dev: many.tsv}}
"""


def kinds_suite(folder: Path, model: Path) -> Suite:
    """Return a suite with a task of every kind."""
    return load_suite(write_kinds(folder, model))


def labels_suite(folder: Path, count: int, rows: int = 600, text: str = "上课时手机响") -> Suite:
    """Return a suite with one task of `count` labels, the first of them rare."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "many.yaml").write_text(LABELS.format(), encoding="utf-8")
    words = [a + b for a in "山水火土木金日月红蓝绿新" for b in "一二三四五六七八九十"][:count]
    names = [f"label-{n}" if n % 7 else f"a & <b>{n}" for n in range(count)]
    listed = "".join(f'"{name}"  {word}\n' for name, word in zip(names, words, strict=True))
    (folder / "many.txt").write_text(listed, encoding="utf-8")
    draw = np.random.default_rng(1)
    gold = (count * draw.random(rows) ** 0.7).astype(int)
    lines = [
        f"{text}{row}<script>document.title=2</script>\t{names[k]}\n" for row, k in enumerate(gold)
    ]
    (folder / "many.tsv").write_text("".join(lines), encoding="utf-8")
    return load_suite(folder / "many.yaml")


def made_up(
    suite: Suite, path: str, seed: int, sure: float = 2.0, rows: dict[str, Rows] | None = None
) -> CheckpointScore:
    """Return scores of predictions that follow the targets more the larger `sure` is."""
    rows = dev_rows(suite, 0) if rows is None else rows
    draw = np.random.default_rng(seed)
    predicted = {
        name: Predicted(suite.tasks[name], own, _log_probs(suite.tasks[name], own, draw, sure))
        for name, own in rows.items()
    }
    scores = {}
    for name, one in predicted.items():
        kind = kind_of(one.task)
        scores[name] = kind.score(one.rows.gold, kind.decide(one.log_probs))
    words = {name: [w[0] for w in suite.tasks[name].verbalizer.words] for name in rows}
    return CheckpointScore(
        path, scores, {}, words, Throughput(), 0.0, predicted=predicted, base=suite.base
    )


def _log_probs(task: TaskSpec, rows: Rows, draw: np.random.Generator, sure: float) -> np.ndarray:
    labels, gold = len(task.verbalizer.labels), rows.gold
    if task.kind == "multi_label":
        return ((gold * 2 - 1) * sure / 2 + draw.normal(size=gold.shape)).astype(np.float32)
    scores = draw.normal(size=(len(rows), labels))
    if task.kind == "similarity":
        low, high = task.kind_spec.range
        share = np.clip((gold - low) / (high - low) + draw.normal(0, 0.3, len(gold)), 0.02, 0.98)
        scores = np.log(np.stack([1 - share, share], 1))
    else:
        scores[np.arange(len(gold)), gold] += sure
        near = (gold + 1) % labels
        scores[np.arange(len(gold)), near] += sure / 2
    return np.asarray(scores - np.logaddexp.reduce(scores, 1, keepdims=True), np.float32)
