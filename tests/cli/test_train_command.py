"""`pet-mtl train` where all is well."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import pet_mtl.training.run
from pet_mtl.__main__ import main
from pet_mtl.cli.train import train
from pet_mtl.errors import PetMtlError
from pet_mtl.resources import resource_root
from pet_mtl.suite.suite import Suite

Call = Callable[..., Any]


def test_what_a_run_leaves_and_says(call: Call, suite: Path) -> None:
    ran = call("train", "--patterns", suite, "--out", "out/deep")
    assert ran.code == 0, ran.err
    out = Path("out/deep")
    assert sorted(path.name for path in out.iterdir()) == [
        "checkpoint",
        "last",
        "metrics.jsonl",
        "report.html",
    ]
    names = {path.name for path in (out / "checkpoint").iterdir()}
    assert {
        "pet_mtl.json",
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "verbalizers",
    } <= names
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "dev" in record][-1] == 3
    lines = ran.out.splitlines()
    assert re.match(r"task +macro-F1 \[95 %\] +accuracy$", lines[0])
    assert re.search(
        r"^topic +0\.\d{4} \[0\.\d{4}, [01]\.\d{4}\] +0\.\d{4}$", ran.out, re.MULTILINE
    )
    assert lines[-1].startswith("mean macro-F1")
    for words in (
        "machine: cpu, fp32 (as set)",
        "data: topic 30 training rows, 12 dev",
        "training: 3 steps",
        "step 3: dev macro-F1 topic",
        "trained 3 steps",
        "checkpoint: out/deep/checkpoint",
        "report: out/deep/report.html",
    ):
        assert words in ran.err
    # the toy tasks have few dev rows, and that is all there is to warn of
    warnings = [line for line in ran.err.splitlines() if line.startswith("warning")]
    assert len(warnings) == 2
    assert all("smaller differences are luck" in line for line in warnings)


def test_json(call: Call, suite: Path) -> None:
    ran = call("train", "--patterns", suite, "--json", "-s", "train.max_steps=1")
    assert ran.code == 0, ran.err
    result = ran.json
    assert set(result) == {
        *(
            "out",
            "checkpoint",
            "method",
            "parameters",
            "tasks",
            "mean_macro_f1",
            "best_step",
            "steps",
            "seconds",
        ),
        *("samples_per_second", "tokens_per_second", "peak_memory_gb"),
    }
    assert list(result["tasks"]) == ["topic", "pair"]
    assert {"macro_f1", "accuracy", "examples", "macro_f1_ci95", "per_label"} <= set(
        result["tasks"]["topic"]
    )
    assert result["tasks"]["topic"]["examples"] == 12
    assert set(result["tasks"]["topic"]["per_label"]) == {"news", "sport", "tech art"}
    assert (result["steps"], result["best_step"], result["out"]) == (1, 1, "runs/toy-1")
    assert result["peak_memory_gb"] > 0


def test_speed_is_measured(call: Call, suite: Path) -> None:
    result = call("train", "--patterns", suite, "--json").json
    assert result["tokens_per_second"] > result["samples_per_second"] > 0


def test_runs_get_numbers(call: Call, suite: Path) -> None:
    for number in (1, 2):
        assert call("train", "--patterns", suite, "-s", "train.max_steps=1").code == 0
        assert Path(f"runs/toy-{number}/checkpoint/pet_mtl.json").is_file()
    assert len(list(Path("runs").iterdir())) == 2


def test_without_dev_rows(call: Call, suite: Path) -> None:
    options = ("-s", "tasks.topic.data.dev=null", "-s", "tasks.pair.data.dev=null")
    ran = call("train", "--patterns", suite, "--out", "run", "--json", *options)
    assert ran.code == 0, ran.err
    assert (ran.json["tasks"], ran.json["mean_macro_f1"]) == ({}, None)
    assert Path("run/checkpoint/pet_mtl.json").is_file()
    assert "no dev rows" in ran.err
    assert "no scores and no report" in ran.err
    score = call("score", "run/checkpoint")
    assert (score.code, score.out) == (2, "")
    assert "give rows with `--data TASK=FILE`" in score.err
    assert call("score", "run/checkpoint", "--data", "topic=suite/topic.dev.tsv").code == 0


def test_resume_needs_the_folder_alone(
    call: Call, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = call("train", "--patterns", suite, "--out", "straight", "--json").json
    from pet_mtl.stepping.interrupt import Interrupted
    from pet_mtl.training.steps import TrainingSteps

    step = TrainingSteps.step

    def stop(self: TrainingSteps) -> int:
        rows = step(self)
        if self.progress.step == 1:
            import signal

            signal.raise_signal(signal.SIGINT)
        return rows

    monkeypatch.setattr(TrainingSteps, "step", stop)
    stopped = call("train", "--patterns", suite, "--out", "run", "--json")
    assert (stopped.code, stopped.out) == (Interrupted.exit_code, "")
    monkeypatch.setattr(TrainingSteps, "step", step)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resumed = call("train", "--resume", "--out", "../run", "--json")
    assert resumed.code == 0, resumed.err
    assert "resuming after step 2 of 3" in resumed.err
    assert resumed.json["tasks"] == straight["tasks"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command asks the floor below for, in place of training."""
    found: dict[str, Any] = {}

    def train(suite: Suite, out: Path, **options: Any) -> None:
        found.update(suite=suite, out=out, **options)
        raise PetMtlError("far enough")

    monkeypatch.setattr(pet_mtl.training.run, "train", train)
    return found


def test_options_reach_the_suite(
    call: Call, suite: Path, asked: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text('"tech art" 天\nsport 真\nnews 新\n', encoding="utf-8")
    options = [
        "-s",
        "train.epochs=2",
        "--set",
        "tasks.topic.prefix=条：",
        "--model",
        "some/where",
        "--data-root",
        "rows",
    ]
    call(
        "train",
        "--patterns",
        suite,
        *options,
        "--verbalizer",
        "topic=words.txt",
        "--skip-bad-rows",
        "3",
    )
    found = asked["suite"]
    assert (found.name, found.model, found.base) == ("toy", "some/where", str(tmp_path / "rows"))
    assert (found.train.epochs, found.train.max_steps, found.tasks["topic"].prefix) == (
        2,
        3,
        "条：",
    )
    words = found.tasks["topic"].verbalizer
    assert dict(zip(words.labels, words.words, strict=True)) == {
        "tech art": ("天",),
        "sport": ("真",),
        "news": ("新",),
    }
    assert (asked["out"], asked["resume"], asked["skip_bad_rows"]) == (Path("runs/toy-1"), False, 3)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ([], "default"),
        (["--patterns", "default"], "default"),
        (["--patterns", "tianchi"], "tianchi"),
    ],
)
def test_bundled_pattern_files(
    call: Call,
    asked: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    call("train", *options)
    assert asked["suite"].name == name
    assert asked["suite"].source == str(resource_root() / "patterns" / f"{name}.yaml")
    assert asked["out"] == Path(f"runs/{name}-1")


def test_help_names_all_bundled_pattern_files() -> None:
    said = get_type_hints(train, include_extras=True)["patterns"].__metadata__[0].help
    names = sorted(file.stem for file in (resource_root() / "patterns").glob("*.yaml"))
    assert said.endswith(f": {', '.join(names)}.")


def test_the_report(call: Call, suite: Path) -> None:
    rows = suite.parent / "topic.dev.tsv"
    rows.write_text(
        rows.read_text() + "x\t<script>alert(1)</script>好\tnews\n" * 5, encoding="utf-8"
    )
    assert call("train", "--patterns", suite, "--out", "run").code == 0
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1  # the page's own
    assert page.count('class="card task') == 2
    for task in ("topic", "pair"):
        assert re.search(rf"<h2[^>]*>.*{task}", page)
    assert page.count("<h4>slot 1</h4>") == 2  # the likeliest words there, for a row of each task
    assert page.rstrip().endswith("</html>")


def test_several_processes_need_one_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("sys.argv", ["pet-mtl", "train"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "add `--out DIR`" in capsys.readouterr().err


def test_a_teacher(call: Call, suite: Path, checkpoint: Path) -> None:
    ran = call("train", "--patterns", suite, "--teacher", checkpoint, "--out", "run", "--json")
    assert ran.code == 0, ran.err
    assert f"teacher {checkpoint}: topic, right on" in ran.err
    assert Path("run/teacher.safetensors").is_file()
    again = call("train", "--resume", "--out", "run", "--teacher", checkpoint)
    assert again.code == 2
    assert "leave `--teacher` out" in again.err
