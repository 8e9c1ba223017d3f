"""A run that was stopped and gone on with ends where an unbroken one ends, to the last bit."""

import json
import shutil
import signal
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from stopped_runs import assert_same_state, kill_after, saved_step, stop_at_step
from toy_runs import state_of, write_suite

from pet_mtl.errors import PetMtlError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.folder_kinds import BEGUN
from pet_mtl.storage.outputs import stored_suite
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.result import TrainResult
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]
SETTINGS = {
    "dropout": 0.2,
    "epochs": 9,
    "max_steps": 18,
    "evaluate_every": 5,
    "seed": 7,
}  # more than one epoch


@pytest.fixture(scope="module")
def unbroken(
    suite_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainResult]:
    suite = load_suite(
        suite_file, overrides=[f"train.{key}={value}" for key, value in SETTINGS.items()]
    )
    out = tmp_path_factory.mktemp("unbroken") / "run"
    result = train(suite, out)
    assert result.steps == 18
    return out, result


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets Ctrl-C come during the given step."""
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    return stop_at_step(monkeypatch)


@pytest.mark.parametrize("stops", [[2], [5], [12], [17], [18], [3, 5, 10, 18]])
def test_a_stopped_run_ends_as_an_unbroken_one(
    make_suite: MakeSuite,
    tmp_path: Path,
    unbroken: tuple[Path, TrainResult],
    stop_at: Callable[[int], None],
    stops: list[int],
) -> None:
    suite, out = make_suite(**SETTINGS), tmp_path / "run"
    for number, step in enumerate(stops):
        stop_at(step)
        with pytest.raises(Interrupted, match=f"stopped after step {step} of 18") as caught:
            train(suite, out, resume=number > 0)
        assert caught.value.exit_code == 130
        assert json.loads((out / "last" / "training.json").read_text())["step"] == step
        assert not (out / ".lock").exists()
    stop_at(0)
    result = train(suite, out, resume=True)
    assert_same_state(state_of(out), state_of(unbroken[0]))
    assert result.scores == unbroken[1].scores
    assert (result.best_step, result.steps) == (unbroken[1].best_step, unbroken[1].steps)
    logged = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert logged == sorted(logged)
    assert not list(out.glob(".last.*"))


@pytest.mark.parametrize(
    "settings",
    [
        {"weighting": "uncertainty"},
        {"weighting": "dtp"},
        {"weighting": "dwa", "batch_tokens": 600},
        {"weighting": "gradnorm", "surgery": "pcgrad"},
    ],
)
def test_weighting_and_surgery_go_on_too(
    make_suite: MakeSuite,
    tmp_path: Path,
    stop_at: Callable[[int], None],
    settings: dict[str, object],
) -> None:
    suite = make_suite(**SETTINGS | settings)
    whole = train(suite, tmp_path / "whole")
    stop_at(11)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    logs = [(tmp_path / run / "metrics.jsonl").read_text().splitlines() for run in ("whole", "run")]
    weights = [[json.loads(line).get("weights") for line in log] for log in logs]
    assert weights[1][-2] == weights[0][-2] != dict.fromkeys(suite.tasks, 1.0)
    assert whole.steps == 18


def test_a_finished_run_only_reports(
    make_suite: MakeSuite,
    tmp_path: Path,
    unbroken: tuple[Path, TrainResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    shutil.copytree(unbroken[0], out)
    before = state_of(out)
    monkeypatch.setattr(steps.TrainingSteps, "step", lambda *_: pytest.fail("a step was done"))
    result = train(make_suite(**SETTINGS), out, resume=True)
    assert_same_state(state_of(out), before)
    assert result.scores == unbroken[1].scores
    assert (result.best_step, result.steps) == (unbroken[1].best_step, 18)


def test_a_resumed_run_may_stand_elsewhere(
    suite_file: Path,
    toy_backbone: Path,
    tmp_path: Path,
    unbroken: tuple[Path, TrainResult],
    stop_at: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same files, the backbone's too, in another folder, named by a relative path, a comment
    more: still the same run."""
    shutil.copytree(suite_file.parent, tmp_path / "before")
    shutil.copytree(toy_backbone, tmp_path / "before" / toy_backbone.name)
    overrides = [f"model={toy_backbone.name}"]
    overrides += [f"train.{key}={value}" for key, value in SETTINGS.items()]
    stop_at(4)
    with pytest.raises(Interrupted):
        train(load_suite(tmp_path / "before" / "toy.yaml", overrides=overrides), tmp_path / "run")
    (tmp_path / "before").rename(tmp_path / "after")
    for file in ("toy.yaml", "mood.txt"):
        path = tmp_path / "after" / file
        path.write_text("# a comment\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    stop_at(0)
    train(load_suite(Path("after/toy.yaml"), overrides=overrides), Path("run"), resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(unbroken[0]))


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["train.learning_rate=0.5"], ["train.learning_rate"]),
        (["train.seed=8", "sampling.temperature=0.5"], ["train.seed", "sampling.temperature"]),
        (["train.max_steps=24"], ["train.max_steps"]),
        (["tasks.colour.prefix=新"], ["tasks.colour.prefix"]),
        (["tasks.colour.aggregation=max"], ["tasks.colour.aggregation"]),
        (["tasks.mood.verbalizer={up: 喜, down: 悲}"], ["tasks.mood.verbalizer.words"]),
    ],
)
def test_other_settings_are_refused_by_name(
    suite_file: Path,
    tmp_path: Path,
    unbroken: tuple[Path, TrainResult],
    overrides: list[str],
    named: list[str],
) -> None:
    out = tmp_path / "run"
    shutil.copytree(unbroken[0], out)
    before = state_of(out)
    same = [f"train.{key}={value}" for key, value in SETTINGS.items()]
    with pytest.raises(PetMtlError, match=("this is not the run that is in the folder")) as caught:
        train(load_suite(suite_file, overrides=[*same, *overrides]), out, resume=True)
    for name in named:
        assert f"`{name}" in str(caught.value)
    assert str(caught.value).count("`, `") == len(named) - 1
    assert caught.value.exit_code == 2
    assert_same_state(state_of(out), before)


@pytest.mark.parametrize("part", ["train", "dev"])
def test_other_data_is_refused(
    suite_file: Path, tmp_path: Path, unbroken: tuple[Path, TrainResult], part: str
) -> None:
    out = tmp_path / "run"
    shutil.copytree(unbroken[0], out)
    shutil.copytree(suite_file.parent, tmp_path / "suite")
    data = tmp_path / "suite" / f"pair.{part}.tsv"
    data.write_text(data.read_text(encoding="utf-8").replace("山", "水", 1), encoding="utf-8")
    overrides = [f"train.{key}={value}" for key, value in SETTINGS.items()]
    with pytest.raises(PetMtlError, match=r"`data` or `teacher.safetensors` changed") as caught:
        train(load_suite(tmp_path / "suite" / "toy.yaml", overrides=overrides), out, resume=True)
    # its fingerprint of `heads` held label words of no pieces
    assert "or an earlier version of pet-mtl began it" in str(caught.value)
    assert "put back what changed; otherwise train anew in another folder" in str(caught.value)


def test_without_a_run_there_is_nothing_to_resume(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="there is no run to resume") as caught:
        train(suite, tmp_path / "absent", resume=True)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "absent").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(PetMtlError, match="there is no run to resume") as caught:
        train(suite, tmp_path / "empty", resume=True)
    assert "leave `--resume` out" in str(caught.value)
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("last/model.safetensors", "damaged or cut short"),
        ("last/optimizer.safetensors", "damaged or cut short"),
        ("last/training.json", "damaged or cut short"),
        ("last/pet_mtl.json", "manifest is damaged"),
        ("checkpoint/model.safetensors", "damaged or cut short"),
        ("checkpoint/pet_mtl.json", "manifest is damaged"),
    ],
)
@pytest.mark.parametrize("how", ["cut", "missing"])
def test_a_damaged_state_is_told(
    make_suite: MakeSuite,
    tmp_path: Path,
    unbroken: tuple[Path, TrainResult],
    file: str,
    words: str,
    how: str,
) -> None:
    out = tmp_path / "run"
    shutil.copytree(unbroken[0], out)
    path = out / file
    if how == "missing":
        path.unlink()
        words = f"lacks `{path.name}`" if "pet_mtl.json" not in file else "no pet-mtl checkpoint"
    else:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PetMtlError, match=words) as caught:
        train(make_suite(**SETTINGS), out, resume=True)
    assert str(path.parent) in str(caught.value)


SCRIPT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    import torch
    from pet_mtl.errors import PetMtlError
    from pet_mtl.model import light_import
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.training import steps
    from pet_mtl.training.run import train

    light_import.wanted = True  # as the command line has it
    torch.set_num_threads(1)
    steps.SAVE_EVERY = 0.0
    step = steps.TrainingSteps.step
    def slow(self):
        time.sleep(0.1)
        return step(self)
    steps.TrainingSteps.step = slow
    file, out, resume, *overrides = sys.argv[1:]
    try:
        train(load_suite(Path(file), overrides=overrides), Path(out), resume=resume == "resume")
    except PetMtlError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process(
    suite_file: Path,
    make_suite: MakeSuite,
    tmp_path: Path,
    unbroken: tuple[Path, TrainResult],
    number: signal.Signals,
) -> None:
    out = tmp_path / "run"
    overrides = [f"train.{key}={value}" for key, value in SETTINGS.items()]
    rounds = [("new", 2), ("resume", 7)]
    for how, least in rounds if number == signal.SIGKILL else rounds[:1]:
        kill_after(least, number, SCRIPT, [str(suite_file), str(out), how, *overrides], out)
    assert saved_step(out) < 18
    train(make_suite(**SETTINGS), out, resume=True)
    found, expected = state_of(out), state_of(unbroken[0])
    assert_same_state(found, expected)
    litter = [path.name for path in out.iterdir()]
    assert sorted(litter) == ["checkpoint", "last", "metrics.jsonl"]


def test_a_kill_before_the_first_save(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best checkpoint is written before the state: a kill between the two leaves nothing to go
    on from."""
    suite, out = make_suite(max_steps=2), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(
            "pet_mtl.training.trainer.write_state",
            lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()),
        )
        with pytest.raises(KeyboardInterrupt):
            train(suite, out)
    assert (out / "checkpoint").is_dir()
    assert not (out / "last").exists()
    whole = train(suite, tmp_path / "whole")
    for number, resume in enumerate((True, False)):
        again = tmp_path / f"again-{number}"
        shutil.copytree(out, again)
        assert stored_suite(again).tasks == suite.tasks
        assert train(suite, again, resume=resume).scores == whole.scores
        assert_same_state(state_of(again), state_of(tmp_path / "whole"))
        assert not (again / BEGUN).exists()


def test_a_run_without_a_state_that_was_not_just_begun_is_kept(
    make_suite: MakeSuite, tmp_path: Path
) -> None:
    """Who removes `last/` of a finished run to save space does not want its checkpoint to go."""
    suite, out = make_suite(max_steps=1), tmp_path / "run"
    train(suite, out)
    shutil.rmtree(out / "last")
    for resume in (False, True):
        with pytest.raises(PetMtlError, match=r"already holds a run|no saved state"):
            train(suite, out, resume=resume)
    assert (out / "checkpoint").is_dir()


def test_another_backbone_of_the_same_name(
    tmp_path: Path, toy_backbone: Path, stop_at: Callable[[int], None]
) -> None:
    """The weights come from the run's folder; a backbone of another size in its place is an error
    of ours to tell."""
    from transformers import BertConfig, BertForMaskedLM

    shutil.copytree(toy_backbone, tmp_path / "backbone")
    write_suite(tmp_path, tmp_path / "backbone")
    stop_at(3)
    with pytest.raises(Interrupted):
        train(load_suite(tmp_path / "toy.yaml"), tmp_path / "run")
    config = BertConfig.from_pretrained(toy_backbone)
    config.intermediate_size = 16
    BertForMaskedLM(config).save_pretrained(tmp_path / "backbone")
    with pytest.raises(PetMtlError, match="do not fit the model"):
        train(load_suite(tmp_path / "toy.yaml"), tmp_path / "run", resume=True)
