"""`long_text` through every door: the same scores in training, scoring, predicting, trying words
and serving."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.serving.limits import Limits
from pet_mtl.serving.models import load_served
from pet_mtl.serving.rows import make_job, score_jobs

Call = Callable[..., Any]


def lengthen(suite: Path) -> None:
    """Make every text of the task many windows long."""
    for part in ("train", "dev"):
        file = suite.parent / f"topic.{part}.tsv"
        lines = [line.split("\t") for line in file.read_text("utf-8").splitlines()]
        out = ["\t".join([*line[:-2], line[-2] + "天气真" * 12, line[-1]]) for line in lines]
        file.write_text("\n".join(out) + "\n", "utf-8")


@pytest.mark.parametrize("long_text", ["windows", "head_tail"])
def test_all_doors_agree(call: Call, suite: Path, long_text: str) -> None:
    lengthen(suite)
    options = ("-s", f"tasks.topic.long_text={long_text}", "-s", "train.max_length=24")
    options += ("-s", "train.epochs=1", "-s", "tasks.topic.calibration=none")
    ran = call("train", "--patterns", suite, "--out", "run", *options, "--json")
    assert ran.code == 0, ran.err
    checkpoint = "run/checkpoint"
    score = call("score", checkpoint, "--calibration", "none", "--json")
    (scored,) = score.json["checkpoints"]
    for key in ("macro_f1", "accuracy", "per_label"):
        assert scored["tasks"]["topic"][key] == ran.json["tasks"]["topic"][key]
    tried = call("words", "try", "--model", checkpoint, "--json")
    assert tried.code == 0, tried.err
    (entry,) = tried.json["tasks"]["topic"]
    assert entry["macro_f1"] == pytest.approx(scored["tasks"]["topic"]["macro_f1"])

    dev = suite.parent / "topic.dev.tsv"
    told = call(
        "predict", checkpoint, "--data", f"topic={dev}", "--out", "-", "--probabilities", "--echo",
        "--json",
    ).json["predictions"]  # fmt: skip
    served = load_served("m", Path(checkpoint))
    task = served.loaded.suite.tasks["topic"]
    (log_probs,) = score_jobs([make_job(served, task, [row["text"] for row in told], Limits())])
    labels = task.verbalizer.labels
    for row, own in zip(told, log_probs, strict=True):
        for label, value in zip(labels, own.tolist(), strict=True):
            assert row["probabilities"][label] == pytest.approx(math.exp(value), abs=1e-4)
    head = json.loads((Path(checkpoint) / "pet_mtl.json").read_text("utf-8"))
    assert f'"long_text": "{long_text}"' in json.dumps(head)
    refused = call("export", checkpoint, "--task", "topic", "--out", "onnx")
    assert refused.code == 2
    assert f"`long_text: {long_text}`" in refused.err


def test_wrong_values(refuse: Callable[..., str], suite: Path) -> None:
    train = ("train", "--patterns", suite, "--out", "run", "-s")
    assert "long_text" in refuse(*train, "tasks.topic.long_text=tail")
    assert "is for `long_text: windows`" in refuse(*train, "tasks.topic.long_text_pooling=max")
