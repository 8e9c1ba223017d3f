"""Whole sweeps of toy models: what is chosen, kept, gone on with and refused."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stopped_runs import saved_step, stop_at_step

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.atomic import write_errors
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import MachineError, PetMtlError, RunError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.lock import held
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep import run, study
from pet_mtl.sweep.journal import Journal
from pet_mtl.sweep.result import SweepResult
from pet_mtl.sweep.run import SweepRequest, summarize, sweep
from pet_mtl.sweep.space import read_space
from pet_mtl.sweep.study import TrialStore
from pet_mtl.training import steps
from pet_mtl.training.run import train
from pet_mtl.training.trainer import Trainer

SWEEP = """\
trials: 3
train.learning_rate: [1e-3, 1e-1]
tasks.topic.patterns: ["{mask}。{title}", "{title}{mask}", "{mask}{title}"]
train.evaluate_every: 2
"""


def request_of(suite_file: Path, text: str = SWEEP) -> SweepRequest:
    file = suite_file.with_name("sweep.yaml")
    file.write_text(text, encoding="utf-8")

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    return SweepRequest(suite_file, load, read_space(file, load))


@pytest.fixture(scope="module")
def whole(unchanged_suite_file: Path) -> SweepResult:
    """A sweep that nothing stopped."""
    return sweep(request_of(unchanged_suite_file), unchanged_suite_file.with_name("out"))


def test_the_best_is_found_kept_and_written(whole: SweepResult, tmp_path: Path) -> None:
    found, out = whole, whole.out
    assert [trial.state for trial in found.trials] == ["complete"] * 3
    assert found.best is not None
    assert found.best.score == max(trial.score or 0 for trial in found.trials)
    kept = [path.parent.parent.name for path in out.glob("trials/*/run/checkpoint")]
    assert kept == [f"{found.best.number:03d}"]
    assert not list(out.glob("trials/*/run/last"))
    assert all(set(trial.curve) == {2, 4} for trial in found.trials)
    page = (out / "sweep.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4  # two of the history, one for each setting
    assert page.count("<script") == 1  # the page's own

    # the pattern file of the best, in another folder, is the best trial
    again = train(load_suite(out / "best.yaml"), tmp_path / "again")
    assert {name: score.macro_f1 for name, score in again.scores.items()} == found.best.tasks
    assert "# one field, ids, one word length" in (out / "best.yaml").read_text(encoding="utf-8")


def test_more_trials_go_on_and_chosen_settings_do_not_depend_on_stops(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves: list[list[float] | None] = [[0.2, 0.3], [0.3, 0.2], [0.1, 0.4]]
    scripted(monkeypatch, curves * 2)
    whole = sweep(request_of(suite_file), tmp_path / "whole")
    sweep(request_of(suite_file, SWEEP.replace("3", "2", 1)), tmp_path / "parts")
    parts = sweep(request_of(suite_file), tmp_path / "parts")
    assert [trial.to_json() for trial in parts.trials] == [t.to_json() for t in whole.trials]


def test_a_stopped_trial_goes_on(
    whole: SweepResult, suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(steps, "LOG_EVERY", 1)
        stop: Callable[[int], None] = stop_at_step(patch)
        stop(3)
        with pytest.raises(Interrupted) as error:
            sweep(request_of(suite_file), tmp_path / "out")
        assert "the same command with `--out" in str(error.value)
    found = sweep(request_of(suite_file), tmp_path / "out")
    assert [trial.to_json() for trial in found.trials] == [t.to_json() for t in whole.trials]


def test_a_full_disk_stops_a_sweep_that_goes_on_inside_the_trial(
    whole: SweepResult, suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, save, saved = tmp_path / "out", Trainer._save, []

    def save_once(trainer: Trainer) -> None:
        if saved:
            with write_errors(out):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(trainer)
        save(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_save", save_once)
        with pytest.raises(MachineError, match="the disk is full"):
            sweep(request_of(suite_file), out)
    assert saved_step(out / "trials" / "000" / "run") == 2
    assert len(list(out.glob("trials/*"))) == 1
    found = sweep(request_of(suite_file), out)
    assert [trial.to_json() for trial in found.trials] == [t.to_json() for t in whole.trials]


@pytest.mark.slow
def test_two_killed_processes_leave_a_sweep_that_two_others_finish(
    suite_file: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", suite_file.with_name("sweep.yaml")
    text = SWEEP.replace("trials: 3", "trials: 4").replace("every: 2", "every: 15")
    file.write_text(text + "train.max_steps: 30\ntrain.epochs: 30\npruning: false\n", "utf-8")
    command = [sys.executable, "-m", "pet_mtl", "sweep", str(file)]
    command += ["--patterns", str(suite_file), "--out", str(out)]

    def start() -> list[subprocess.Popen[bytes]]:
        # as many threads as here: at high learning rates the last digit of a sum decides the score
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        return [subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env) for _ in range(2)]

    def begun() -> int:
        return len(list(out.glob("trials/*/run/metrics.jsonl")))

    running = start()
    try:
        ends = time.monotonic() + 120
        while begun() < 2 and time.monotonic() < ends:
            time.sleep(0.01)
        assert begun() < 4
    finally:
        for process in running:
            process.kill()
            process.wait()
    request = request_of(suite_file, file.read_text(encoding="utf-8"))
    store = store_of(request, out)
    before = {trial.number: trial for trial in summarize(store, "s").trials}
    assert 0 < sum(trial.state == "running" for trial in before.values()) <= 2
    assert [process.wait(timeout=200) for process in start()] == [0, 0]
    after = summarize(store, "s").trials
    assert [trial.number for trial in after] == list(range(4))
    assert all(trial.state == "complete" for trial in after)
    for trial in after:  # what was done or chosen before stays
        if trial.number in before:
            assert before[trial.number].settings.items() <= trial.settings.items()
            assert before[trial.number].score in (None, trial.score)
    best = max(after, key=lambda trial: (trial.score or 0.0, -trial.number))
    kept = [path.parent.parent.name for path in out.glob("trials/*/run/checkpoint")]
    assert kept == [f"{best.number:03d}"]
    # a trial that was killed and went on is one that was left in peace
    for number in (n for n, trial in before.items() if trial.state == "running"):
        alone = request.load(request.space.overrides(after[number].settings))
        found = train(alone, tmp_path / f"alone-{number}")
        mean = sum(score.macro_f1 for score in found.scores.values()) / len(found.scores)
        assert after[number].score == pytest.approx(mean, abs=1e-9)


def store_of(request: SweepRequest, out: Path) -> TrialStore:
    suite = request.load(request.space.overrides({}))
    return TrialStore(out, request.load, request.space, load_suite_data(suite))


def test_other_rows_are_another_sweep(suite_file: Path, tmp_path: Path) -> None:
    request = request_of(suite_file, SWEEP)
    store_of(request, tmp_path)
    noted = json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))
    dev = suite_file.parent / "topic.dev.tsv"
    dev.write_bytes(dev.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(PetMtlError, match=r"another sweep .* `rows.topic` changed"):
        store_of(request, tmp_path)
    del noted["rows"], noted["choices"]  # a version before noted none
    (tmp_path / "sweep.json").write_text(json.dumps(noted), encoding="utf-8")
    store_of(request, tmp_path)


def test_trials_in_other_hands_are_left(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [[0.2, 0.3]])
    out, request = tmp_path / "out", request_of(suite_file, SWEEP.replace("3", "1", 1))
    store = store_of(request, out)
    with (
        store.next() as trial,
        pytest.raises(PetMtlError, match="another process has all trials in hand"),
    ):
        assert trial is not None
        sweep(request, out)
    assert sweep(request, out).counts["complete"] == 1  # its process is gone: it is done here


def scripted(monkeypatch: pytest.MonkeyPatch, curves: list[list[float] | None]) -> None:
    """Have each trial's evaluations at steps 2 and 4 give these scores; None is a run that
    diverges."""
    left = iter(curves)

    def train(*args: Any, evaluated: Callable[[int, float], None], **more: Any) -> Any:
        curve = next(left)
        if curve is None:
            raise RunError("the loss is not a number")
        for step, score in zip((2, 4), curve, strict=True):
            evaluated(step, score)
        return SimpleNamespace(scores={"topic": SimpleNamespace(value=lambda metric: curve[-1])})

    monkeypatch.setattr(run, "train", train)


def test_bad_trials_are_pruned(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "WARM_UP_TRIALS", 2)
    curves: list[list[float] | None] = [[0.2, 0.4], [0.4, 0.5], [0.25, 0.9], [0.35, 0.6]]
    for pruning, states in (("true", "ccpc"), ("false", "cccc")):
        scripted(monkeypatch, curves)
        text = SWEEP.replace("trials: 3", f"trials: 4\npruning: {pruning}")
        found = sweep(request_of(suite_file, text), tmp_path / pruning)
        assert "".join(trial.state[0] for trial in found.trials) == states
        assert found.best is not None
        assert found.best.number == (3 if pruning == "true" else 2)
        assert [trial.score is None for trial in found.trials] == [c == "p" for c in states]


def test_failed_trials_do_not_stop_the_rest(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [None, [0.2, 0.3], [0.2, 0.4]])
    found = sweep(request_of(suite_file), tmp_path / "out")
    assert found.counts == {"complete": 2, "fail": 1}
    assert found.trials[0].why == "the loss is not a number"
    scripted(monkeypatch, [None] * 3)
    with pytest.raises(RunError, match="no trial succeeded"):
        sweep(request_of(suite_file), tmp_path / "none")


def test_what_mattered(suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The score follows the learning rate alone."""

    def train(suite: Suite, *args: Any, **more: Any) -> Any:
        return SimpleNamespace(
            scores={"topic": SimpleNamespace(value=lambda metric: suite.train.learning_rate)}
        )

    monkeypatch.setattr(run, "train", train)
    text = SWEEP.replace("trials: 3", "trials: 12")
    found = sweep(request_of(suite_file, text), tmp_path / "out")
    assert found.importance["train.learning_rate"] > 0.8
    assert sum(found.importance.values()) == pytest.approx(1)


def test_another_sweep_and_damaged_folders_are_refused(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    request = request_of(suite_file, SWEEP.replace("3", "1", 1))
    scripted(monkeypatch, [[0.2, 0.3]])
    sweep(request, out)
    other = request_of(suite_file, SWEEP.replace("1e-1", "2e-1"))
    with pytest.raises(PetMtlError, match=r"another .*`searched.train.learning_rate.high` changed"):
        sweep(other, out)
    (out / "sweep.json").write_text("{", encoding="utf-8")
    with pytest.raises(PetMtlError, match="damaged"):
        sweep(request, out)
    assert not list(out.glob("**/.lock"))
    with held(out / ".lock") as ours:
        assert ours


@pytest.mark.parametrize("content", ["{}\n", "[1]\n{}\n", "\x00\n\n", '{"op_code": 99}\n'])
def test_damaged_journals_are_told(suite_file: Path, tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "trials.journal").write_text(content + content, encoding="utf-8")
    with pytest.raises(PetMtlError, match=r"trials\.journal: damaged"):
        sweep(request_of(suite_file), out)


def test_a_torn_journal_line_costs_nothing(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves: list[list[float] | None] = [[0.2, 0.3], [0.3, 0.2], [0.1, 0.4]]
    scripted(monkeypatch, curves * 2)
    whole = sweep(request_of(suite_file), tmp_path / "whole")
    out = tmp_path / "out"
    sweep(request_of(suite_file, SWEEP.replace("3", "2", 1)), out)
    with (out / "trials.journal").open("a", encoding="utf-8") as file:
        file.write('{"op_code":4,"worker')
    for _ in range(2):
        found = sweep(request_of(suite_file), out)
        assert [trial.to_json() for trial in found.trials] == [t.to_json() for t in whole.trials]


@pytest.mark.parametrize(
    "operation",
    [
        "create_trial",
        "set_trial_param",
        "set_trial_state_values",
        "set_trial_intermediate_value",
        "set_trial_user_attr",
    ],
)
def test_a_journal_that_cannot_be_written_stops_the_sweep(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    from optuna.storages.journal._storage import JournalOperation

    curves: list[list[float] | None] = [[0.2, 0.3], [0.3, 0.2], [0.1, 0.4]]
    scripted(monkeypatch, curves)
    whole = sweep(request_of(suite_file), tmp_path / "whole")
    append, out = Journal.append_logs, tmp_path / "out"

    def fails(journal: Journal, logs: list[dict[str, Any]]) -> None:
        if logs[0]["op_code"] == JournalOperation[operation.upper()]:
            with write_errors(journal.file):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(journal, logs)

    scripted(monkeypatch, curves)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_logs", fails)
        with pytest.raises(MachineError, match=r"trials\.journal: the disk is full"):
            sweep(request_of(suite_file), out)
    scripted(monkeypatch, curves)
    found = sweep(request_of(suite_file), out)
    assert [trial.to_json() for trial in found.trials] == [t.to_json() for t in whole.trials]


def test_rows_without_dev_are_refused(suite_file: Path, tmp_path: Path) -> None:
    for task in ("topic", "pair"):
        text = suite_file.read_text(encoding="utf-8").replace(f", dev: {task}.dev.tsv", "")
        suite_file.write_text(text, encoding="utf-8")
    with pytest.raises(PetMtlError, match="no task has dev rows"):
        sweep(request_of(suite_file), tmp_path / "out")


def test_json_is_plain(suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [[0.2, 0.3]])
    found = sweep(request_of(suite_file, SWEEP.replace("3", "1", 1)), tmp_path / "out")
    told = json.loads(json.dumps(found.to_json()))
    assert told["counts"] == {"complete": 1, "pruned": 0, "fail": 0, "running": 0}
    assert set(told["best"]["settings"]) == {"train.learning_rate", "tasks.topic.patterns"}
    assert told["best"]["score"] == 0.3
    assert Path(told["patterns"]).is_file()
