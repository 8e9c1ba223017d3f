"""What all commands share: help, wrong usage, Ctrl-C, a reader that goes away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pet_mtl.scoring.checkpoint_scores
from pet_mtl.cli.safe_group import _hint

MAIN = "from pet_mtl.__main__ import main; main()"


def start(*arguments: str | Path, code: str = MAIN, **options: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
try:
    {MAIN}
finally:
    heavy = {{"torch", "transformers", "datasets", "sklearn", "pyarrow", "numpy", "accelerate", "jieba"}}
    print("heavy:", sorted(heavy & set(sys.modules)))
"""
    process = start("--help", code=code)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.rstrip().endswith("heavy: []")


@pytest.mark.parametrize("command", [[], ["train"], ["score"], ["predict"]])
def test_help(call: Callable[..., Any], command: list[str]) -> None:
    ran = call(*command, "-h")
    assert (ran.code, ran.err) == (0, "")
    assert "Usage: pet-mtl" in ran.out
    assert ran == call(*command, "--help")


def test_version(call: Callable[..., Any]) -> None:
    ran = call("--version")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("pet-mtl ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["--nonsense"], "No such option: --nonsense"),
        (["train", "--nonsense"], "No such option: --nonsense"),
        (["train", "--skip-bad-rows", "-1"], "--skip-bad-rows"),
        (["train", "extra"], "unexpected extra argument"),
        (["score"], "Missing argument"),
        (["predict", "model"], "Missing option"),
        (["predict", "model", "--data", "topic=a.tsv"], "Missing option '--out'"),
    ],
)
def test_wrong_usage(call: Callable[..., Any], arguments: list[str], message: str) -> None:
    ran = call(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Usage: pet-mtl" in ran.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["train", "my.yaml"], "Did you mean '--patterns my.yaml'?"),
        (["words", "check", "my.yaml"], "Did you mean '--patterns my.yaml'?"),
        (["average", "a", "b", "--out", "c", "--learning-rate", "1"], ""),
        (["train", "--epochs", "3"], "Settings are given as '-s train.epochs=VALUE'."),
        (["train", "--learning-rate", "3"], "'-s train.learning_rate=VALUE'."),
        (["train", "my.csv"], ""),
    ],
)
def test_wrong_usage_that_other_tools_teach(
    call: Callable[..., Any], arguments: list[str], hint: str
) -> None:
    ran = call(*arguments)
    words = " ".join(ran.err.replace("│", " ").split())
    assert ran.code == 2
    assert hint in words
    assert ("Did you mean" in words or "Settings are" in words) == bool(hint)


@pytest.mark.parametrize("said", ["No such option: --epochs", "No such option '--epochs'."])
def test_the_hint_to_settings_in_the_words_of_either_click(said: str) -> None:
    option = SimpleNamespace(opts=["--set"])
    context = SimpleNamespace(command=SimpleNamespace(params=[option]))
    hint = _hint(SimpleNamespace(message=said, ctx=context))
    assert hint == "Settings are given as '-s train.epochs=VALUE'."


def test_ctrl_c(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pet_mtl.scoring.checkpoint_scores, "score_checkpoints", interrupt)
    ran = call("score", "model")
    assert (ran.code, ran.out, ran.err.strip()) == (130, "", "stopped")


def test_files_that_the_system_refuses(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "secret.tsv")

    monkeypatch.setattr(pet_mtl.scoring.checkpoint_scores, "score_checkpoints", refuse)
    ran = call("score", "model")
    assert (ran.code, ran.out, ran.err) == (1, "", "error: secret.tsv: Permission denied\n")


def test_ctrl_c_saves_the_run_and_says_how_to_go_on(suite: Path) -> None:
    settings = {"max_steps": "null", "epochs": "3000", "evaluate_every": "100000"}
    options = [part for key, value in settings.items() for part in ("-s", f"train.{key}={value}")]
    with start("train", "--patterns", suite, "--out", "run", *options) as process:
        while not Path("run/metrics.jsonl").exists():  # the loop turns
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "the state is saved" in err
    assert "hint: go on with: pet-mtl train --resume --out run" in err
    assert "Traceback" not in err
    assert not Path("run/.lock").exists()
    assert Path("run/last/training.json").is_file()


def test_a_reader_that_goes_away(checkpoint: Path) -> None:
    with start("score", checkpoint, "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 1
        assert process.stderr.read() == ""
