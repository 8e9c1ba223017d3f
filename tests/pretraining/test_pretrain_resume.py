"""A pre-training run that was stopped and gone on with ends where an unbroken one ends, to the last
bit."""

import json
import os
import shutil
import signal
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stopped_runs import assert_same_state, kill_after, read_state, saved_step, stop_at_step
from toy_texts import SETTINGS

from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.folders import differences, stored_request
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.run import pretrain
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.pretraining.steps import PretrainingSteps
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.checked_json import read_records
from pet_mtl.storage.folder_kinds import BEGUN

MakeRequest = Callable[..., PretrainRequest]


def state_of(run: Path) -> dict[str, object]:
    return read_state(run, "model", "held_out")


@pytest.fixture(scope="module")
def unbroken(
    toy_model: Path, corpus_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, int]:
    """The toy model has dropout 0.1: it must come back too."""
    out = tmp_path_factory.mktemp("unbroken") / "run"
    request = PretrainRequest(
        model=str(toy_model),
        corpus=(str(corpus_file),),
        masking="whole-word",
        settings=PretrainSettings(**SETTINGS),
    )
    return out, pretrain(request, out).steps


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets Ctrl-C come during the given step."""
    monkeypatch.setattr("pet_mtl.pretraining.run.LOG_EVERY", 1)
    return stop_at_step(monkeypatch)


@pytest.mark.parametrize("stops", [[2], [3, 7], [26]])
def test_a_stopped_run_ends_as_an_unbroken_one(
    make_request: MakeRequest,
    tmp_path: Path,
    unbroken: tuple[Path, int],
    stop_at: Callable[[int], None],
    stops: list[int],
) -> None:
    request, out = make_request(masking="whole-word"), tmp_path / "run"
    for number, step in enumerate(stops):
        stop_at(step)
        with pytest.raises(
            Interrupted, match=f"stopped after step {step} of {unbroken[1]}"
        ) as caught:
            pretrain(request, out, resume=number > 0)
        assert caught.value.exit_code == 130
        assert not (out / "model").exists()
    stop_at(0)
    assert pretrain(request, out, resume=True).steps == unbroken[1]
    assert_same_state(state_of(out), state_of(unbroken[0]))
    steps = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_a_finished_run_only_reports(
    make_request: MakeRequest, tmp_path: Path, unbroken: tuple[Path, int]
) -> None:
    shutil.copytree(unbroken[0], tmp_path / "run")
    result = pretrain(make_request(masking="whole-word"), tmp_path / "run", resume=True)
    assert result.steps == unbroken[1]
    assert result.held_out is not None
    assert result.held_out.to_json() == state_of(unbroken[0])["held_out"][-1]["held_out"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.5}, "`learning_rate`"),
        ({"seed": 8, "masking_rate": 0.2}, "`masking_rate`, `seed`"),
        ({"masking": "random"}, "`masking`"),
    ],
)
def test_other_options_are_refused_by_name(
    make_request: MakeRequest,
    tmp_path: Path,
    unbroken: tuple[Path, int],
    changes: dict[str, Any],
    named: str,
) -> None:
    shutil.copytree(unbroken[0], tmp_path / "run")
    request = make_request(**{"masking": "whole-word"} | changes)
    with pytest.raises(PetMtlError, match=("this is not the run that is in the folder")) as caught:
        pretrain(request, tmp_path / "run", resume=True)
    assert f"{named} changed" in str(caught.value)


def test_a_tokenizer_may_have_moved() -> None:
    """Its pieces are compared with those of the run elsewhere."""
    then = PretrainRequest(model="m", tokenizer="sub/pieces")
    assert differences(PretrainRequest(model="m", tokenizer="pieces"), then) == []
    assert differences(PretrainRequest(model="m"), then) == ["tokenizer"]


def test_another_corpus_is_refused(
    make_request: MakeRequest, tmp_path: Path, unbroken: tuple[Path, int], corpus_file: Path
) -> None:
    shutil.copytree(unbroken[0], tmp_path / "run")
    (tmp_path / "other.txt").write_text(
        corpus_file.read_text(encoding="utf-8")[:-8], encoding="utf-8"
    )
    request = make_request(masking="whole-word", corpus=(str(tmp_path / "other.txt"),))
    with pytest.raises(
        PetMtlError, match="the text, the vocabulary or what the scorer marks` changed"
    ):
        pretrain(request, tmp_path / "run", resume=True)


def test_the_folder_of_a_run_is_not_written_over(
    make_request: MakeRequest, tmp_path: Path, unbroken: tuple[Path, int]
) -> None:
    shutil.copytree(unbroken[0], tmp_path / "run")
    with pytest.raises(PetMtlError, match="already holds a run"):
        pretrain(make_request(masking="whole-word"), tmp_path / "run")
    with pytest.raises(PetMtlError, match="there is no run to resume"):
        pretrain(make_request(), tmp_path / "absent", resume=True)


@pytest.mark.parametrize(
    "file", ["model.safetensors", "optimizer.safetensors", "training.json", "pretrain.json"]
)
def test_a_damaged_state_is_told(
    make_request: MakeRequest, tmp_path: Path, unbroken: tuple[Path, int], file: str
) -> None:
    shutil.copytree(unbroken[0], tmp_path / "run")
    path = tmp_path / "run" / "last" / file
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(PetMtlError, match="damaged"):
        pretrain(make_request(masking="whole-word"), tmp_path / "run", resume=True)


SCRIPT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    import torch
    from pet_mtl.cli.main import app
    from pet_mtl.pretraining.steps import PretrainingSteps

    torch.set_num_threads(1)
    step = PretrainingSteps.step
    def slow(self):
        time.sleep(0.1)
        return step(self)
    PretrainingSteps.step = slow
    from pet_mtl.__main__ import main
    main()
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process(
    make_request: MakeRequest,
    toy_model: Path,
    corpus_file: Path,
    tmp_path: Path,
    unbroken: tuple[Path, int],
    number: signal.Signals,
) -> None:
    out = tmp_path / "run"
    settings = [
        text
        for key, value in (SETTINGS | {"save_every": 1e-9}).items()
        for text in ("-s", f"{key}={value}")
    ]
    command = [
        "pretrain",
        "--model",
        str(toy_model),
        "--corpus",
        str(corpus_file),
        "--masking",
        "whole-word",
    ]
    arguments = [*command, "--out", str(out), *settings]
    kill_after(2, number, SCRIPT, arguments, out)
    assert saved_step(out) < unbroken[1]
    pretrain(make_request(masking="whole-word", save_every=1e-9), out, resume=True)
    found, expected = state_of(out), state_of(unbroken[0])
    assert_same_state(found, expected)
    assert sorted(path.name for path in out.iterdir()) == [
        "cache",
        "last",
        "metrics.jsonl",
        "model",
    ]


def test_the_log_of_a_stopped_run_is_that_of_an_unbroken_one(
    make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pet_mtl.pretraining.run.LOG_EVERY", 4)
    request = make_request()
    pretrain(request, tmp_path / "whole")
    step, stops = PretrainingSteps.step, [2, 6]

    def stopping(self: PretrainingSteps) -> int:
        if stops and self.progress.step == stops[0] - 1:
            stops.pop(0)
            os.kill(os.getpid(), signal.SIGINT)
        return step(self)

    monkeypatch.setattr(PretrainingSteps, "step", stopping)
    for number in range(2):
        with pytest.raises(Interrupted):
            pretrain(request, tmp_path / "run", resume=number > 0)
    pretrain(request, tmp_path / "run", resume=True)
    whole, run = (read_records(tmp_path / name / "metrics.jsonl") for name in ("whole", "run"))
    for record in (*whole, *run):
        record.pop("seconds", None)
    assert run == whole


def test_a_run_that_saved_no_state_begins_anew(
    make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, out = make_request(), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("pet_mtl.pretraining.run.write_last", lambda *_: os._exit)
        patch.setattr("pet_mtl.storage.outputs.RunFolder.close", lambda self: self._lock.close())
        pretrain(request, out)  # as if it was killed before the first state
    assert stored_request(out) == request
    with pytest.raises(PetMtlError, match="no pre-training run"):
        stored_request(tmp_path)
    steps = pretrain(request, out, resume=True).steps
    assert saved_step(out) == steps
    assert not (out / BEGUN).exists()


@pytest.mark.parametrize("name", ["training.json", "sha256.json"])
def test_a_damaged_file_of_the_state_is_named(
    tmp_path: Path, unbroken: tuple[Path, int], name: str
) -> None:
    shutil.copytree(unbroken[0], tmp_path / "run")
    file = tmp_path / "run" / "last" / name
    file.write_text(file.read_text()[:-9])
    with pytest.raises(PetMtlError, match="damaged") as caught:
        stored_request(tmp_path / "run")
    assert str(file) in str(caught.value)
