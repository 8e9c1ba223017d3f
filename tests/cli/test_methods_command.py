"""`--method`, `--sharing` and `--tasks` on the command line, and what the other commands do with
such checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.mark.parametrize(("method", "label_words"), [("heads", False), ("cln", True)])
def test_train_score_and_predict(call: Call, suite: Path, method: str, label_words: bool) -> None:
    ran = call(
        "train",
        "--patterns",
        suite,
        "--method",
        method,
        "--out",
        "run",
        "-s",
        "method.learning_rate=0.01",
        "--json",
    )
    assert ran.code == 0, ran.err
    assert ran.json["method"] == method
    counts = ran.json["parameters"]
    assert 0 < counts["task_specific"] < counts["all"]
    assert counts["task_specific_share"] == pytest.approx(
        counts["task_specific"] / counts["all"], abs=1e-6
    )
    scored = call("score", "run/checkpoint", "--json")
    (one,) = scored.json["checkpoints"]
    assert (one["method"], one["parameters"]) == (method, counts)
    assert one["tasks"] == ran.json["tasks"]
    assert call("score", "run/checkpoint", "--labels").code == 0
    assert (
        call(
            "predict",
            "run/checkpoint",
            "--data",
            f"topic={suite.parent}/topic.dev.tsv",
            "--out",
            "out",
        ).code
        == 0
    )
    lines = [
        json.loads(line)
        for line in Path("out/topic.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert {line["label"] for line in lines} <= {"news", "sport", "tech art"}
    words = Path("words.txt")
    words.write_text('news  新\nsport  体\n"tech art"  文\n', encoding="utf-8")
    tried = call("score", "run/checkpoint", "--verbalizer", f"topic={words}")
    assert tried.code == (0 if label_words else 2)
    if not label_words:
        assert (
            "--verbalizer topic=words.txt: the checkpoint was trained with `--method heads`"
            in tried.err
        )
        assert "Traceback" not in tried.err


def test_selective_masking_takes_cloze_checkpoints_only(
    call: Call, suite: Path, backbone: Path
) -> None:
    assert call("train", "--patterns", suite, "--method", "cln", "--out", "run").code == 0
    further = [
        "--model",
        backbone,
        "--patterns",
        suite,
        "--task-text",
        "--masking",
        "selective",
        "--out",
        "further",
    ]
    ran = call(
        "pretrain",
        *further,
        "--scorer",
        "run/checkpoint",
        "-s",
        "max_steps=1",
        "-s",
        "max_length=32",
    )
    assert ran.code == 2
    assert "was trained with `--method cln`, not with `pet`" in ran.err


def test_one_task_beside_all(call: Call, suite: Path) -> None:
    """The building block of single-task against joint training."""
    assert call("train", "--patterns", suite, "--out", "joint").code == 0
    assert call("train", "--patterns", suite, "--tasks", "pair", "--out", "alone").code == 0
    ran = call("score", "joint/checkpoint", "alone/checkpoint", "--json")
    assert [list(one["tasks"]) for one in ran.json["checkpoints"]] == [["topic", "pair"], ["pair"]]
    assert call("score", "joint/checkpoint", "alone/checkpoint").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "hedas"], 'there is no method `"hedas"`'),
        (["--sharing", "mmoe"], "`method.name` is missing"),
        (["--method", "heads", "--sharing", "all"], "`method.sharing` must be one of"),
        (["--method", "heads", "-s", ("method.features={layers: [9]}")], "there is no layer 9"),
        (["--method", "cln", "-s", "method.features=cls"], "unknown key `features`"),
        (["--tasks", "pair,pears"], "no task `pears`"),
    ],
)
def test_wrong_values(
    refuse: Callable[..., str], suite: Path, arguments: list[str], words: str
) -> None:
    assert words in refuse("train", "--patterns", suite, "--out", "run", *arguments)


@pytest.mark.parametrize("option", ["--method", "--sharing", "--tasks"])
def test_going_on_takes_no_options(refuse: Callable[..., str], suite: Path, option: str) -> None:
    assert "leave the other options out" in refuse(
        "train", "--resume", "--out", "run", option, "heads"
    )
