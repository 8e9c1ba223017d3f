"""What a process leaves that was killed between two lines of the journal."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep import run
from pet_mtl.sweep.run import SweepRequest, sweep
from pet_mtl.sweep.space import read_space
from pet_mtl.sweep.study import TrialStore


@pytest.fixture
def request_(suite_file: Path) -> SweepRequest:
    return _request(suite_file, "trials: 2\ntrain.learning_rate: [1e-3, 1e-1]\n")


def _request(suite_file: Path, text: str) -> SweepRequest:
    file = suite_file.with_name("sweep.yaml")
    file.write_text(text, encoding="utf-8")

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    return SweepRequest(suite_file, load, read_space(file, load))


@pytest.mark.parametrize("earlier", [1, 11])  # random, then by what these say
@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_a_trial_that_was_stopped_while_it_chose_chooses_what_it_would_have(
    chosen: int, earlier: int, suite_file: Path, tmp_path: Path
) -> None:
    request = _request(
        suite_file,
        "trials: 12\ntrain.epochs: [1, 9]\ntrain.label_smoothing: {choices: [0.0, 0.1, 0.2]}\n"
        "train.dropout: [0.0, 0.3]\ntrain.learning_rate: [1e-3, 1e-1]\n",
    )
    data = load_suite_data(request.load([]))
    found = []
    for stopped in (False, True):
        out = tmp_path / str(stopped)
        store = TrialStore(out, request.load, request.space, data)
        for number in range(earlier):
            with store.next() as trial:
                assert trial is not None
                request.space.ask(trial)
                store.study.tell(trial, number / 16)
        with store.next() as trial:
            assert trial is not None
            if not stopped:
                found.append(request.space.ask(trial))
            for name in [*request.space.searched][:chosen]:
                request.space.searched[name].ask(trial, name)
        if stopped:
            with TrialStore(out, request.load, request.space, data).next() as trial:
                assert trial is not None
                assert trial.number == earlier
                found.append(request.space.ask(trial))
    assert found[0] == found[1]


def test_weights_that_were_to_be_removed_are(
    request_: SweepRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.3])

    def train(suite: Suite, folder: Path, **more: Any) -> Any:
        for name in ("checkpoint", "last"):
            (folder / name).mkdir(parents=True)
        score = next(scores)
        return SimpleNamespace(scores={"topic": SimpleNamespace(value=lambda metric: score)})

    monkeypatch.setattr(run, "train", train)
    with monkeypatch.context() as patch:
        patch.setattr(run, "_keep_best", lambda store: None)
        sweep(request_, tmp_path)
    sweep(request_, tmp_path)
    kept = [folder.relative_to(tmp_path).as_posix() for folder in tmp_path.glob("trials/*/run/*")]
    assert kept == ["trials/001/run/checkpoint"]


def test_what_killed_writers_left_goes_away(request_: SweepRequest, tmp_path: Path) -> None:
    data, out = load_suite_data(request_.load([])), tmp_path / "sweep"
    left = [f".{name}.0123abcd.new" for name in ("sweep.json", "best.yaml", "sweep.html")]
    out.mkdir()
    for name in left:
        (out / name).write_text("half", encoding="utf-8")
    TrialStore(out, request_.load, request_.space, data)
    assert sorted(file.name for file in out.iterdir()) == ["sweep.json", "trials.journal"]


def test_a_journal_that_lost_trials_is_refused(request_: SweepRequest, tmp_path: Path) -> None:
    data, journal = load_suite_data(request_.load([])), tmp_path / "out" / "trials.journal"

    def begin() -> TrialStore:
        return TrialStore(tmp_path / "out", request_.load, request_.space, data)

    store = begin()
    whole = [journal.read_text(encoding="utf-8")]
    for _ in range(2):
        with store.next() as trial:
            assert trial is not None
            request_.space.ask(trial)
            store.study.tell(trial, 0.5)
        whole.append(journal.read_text(encoding="utf-8"))
    for left, text in enumerate(["", whole[1]]):
        journal.write_text(text, encoding="utf-8")
        with pytest.raises(PetMtlError, match=rf"trials\.journal: it has {left} of the 2 trials"):
            begin()
    journal.unlink()
    with pytest.raises(PetMtlError, match=r"trials\.journal: it has 0 of the 2 trials"):
        begin()
    journal.write_text(whole[2], encoding="utf-8")
    assert len(begin().finished()) == 2


def test_what_is_changed_while_it_runs_ends_a_sweep(
    request_: SweepRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = request_.file.with_name("topic.txt")
    before = words.read_text(encoding="utf-8")
    trained = []

    def train(suite: Suite, folder: Path, **more: Any) -> Any:
        trained.append(suite.tasks["topic"].all_words)
        words.write_text(before.replace("体", "天"), encoding="utf-8")
        return SimpleNamespace(scores={"topic": SimpleNamespace(value=lambda metric: 0.5)})

    monkeypatch.setattr(run, "train", train)
    monkeypatch.setattr(run, "write_best", lambda *more: None)
    for _ in range(2):
        with pytest.raises(
            PetMtlError, match=r"another sweep .*`suite.tasks.topic.verbalizer` changed"
        ):
            sweep(request_, tmp_path / "out")
    words.write_text(before, encoding="utf-8")
    assert [trial.state for trial in sweep(request_, tmp_path / "out").trials] == ["complete"] * 2
    assert len(set(trained)) == 1
