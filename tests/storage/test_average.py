"""The mean of checkpoints is a checkpoint."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
import torch
import toys
from safetensors.torch import load_file
from stopped_runs import stop_at_step
from toy_runs import CHARACTERS, weights_in

from pet_mtl.errors import PetMtlError
from pet_mtl.model.calibration import Calibration
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.scoring.given_rows import dev_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage import average
from pet_mtl.storage.average import average_checkpoints
from pet_mtl.storage.checkpoint import MANIFEST, add_calibration, read_checkpoint
from pet_mtl.storage.model_card import CARD
from pet_mtl.storage.own_weights import OWN_FILE
from pet_mtl.storage.trained_on import TRAINED_ON, read_trained_on
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]


@pytest.fixture(scope="module")
def trained(suite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs from the same backbone, one of them with another rate, one longer."""
    out = tmp_path_factory.mktemp("trained")
    for name, settings in {
        "a": ["max_steps=2"],
        "b": ["max_steps=2", "learning_rate=3e-3"],
        "c": ["max_steps=5"],
    }.items():
        train(load_suite(suite_file, overrides=[f"train.{each}" for each in settings]), out / name)
    return out


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> list[Path]:
    """Their checkpoints, for a test of its own."""
    names = ("a", "b", "c")
    return [shutil.copytree(trained / n / "checkpoint", tmp_path / n / "checkpoint") for n in names]


def test_the_mean(runs: list[Path], tmp_path: Path) -> None:
    average_checkpoints(runs, tmp_path / "mean")
    each, mean = [weights_in(run) for run in runs], weights_in(tmp_path / "mean")
    for name, value in mean.items():
        torch.testing.assert_close(value, sum(of_run[name] for of_run in each) / 3, msg=name)
    loaded = LoadedCheckpoint(tmp_path / "mean")
    assert loaded.suite == LoadedCheckpoint(runs[0]).suite
    assert set(loaded.raw_log_probs(dev_rows(loaded.suite))) == {"colour", "mood", "pair"}
    trained_on = read_trained_on(tmp_path / "mean")
    assert trained_on is not None
    assert trained_on.keys() == loaded.suite.tasks.keys()


def forget_rows(run: Path) -> None:
    """Make of a checkpoint what the first versions wrote: it does not say its rows."""
    (run / TRAINED_ON).unlink()
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    del manifest["sha256"][TRAINED_ON]
    (run / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def test_the_mean_of_checkpoints_that_do_not_say_their_rows_does_not_either(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in runs:
        forget_rows(run)
    average_checkpoints(runs, tmp_path / "mean")
    assert read_trained_on(tmp_path / "mean") is None  # `{}` would say: on no rows at all
    assert "does not say" not in capsys.readouterr().err


def test_one_that_does_not_say_its_rows_among_others_that_do_is_told(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_rows(runs[1])
    average_checkpoints(runs[:2], tmp_path / "mean")
    known, mean = read_trained_on(runs[0]), read_trained_on(tmp_path / "mean")
    assert known is not None
    assert mean is not None
    assert {name: of_task.tolist() for name, of_task in mean.items()} == {
        name: of_task.tolist() for name, of_task in known.items()
    }
    told = capsys.readouterr().err
    assert f"warning: {runs[1]} does not say what it was trained on" in told
    assert str(runs[0]) not in told


def test_the_mean_of_a_checkpoint_with_itself_scores_the_same(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    average_checkpoints([runs[0], runs[0] / ".." / runs[0].name], tmp_path / "mean")
    assert "is named once more" in capsys.readouterr().err
    one, mean = score_checkpoints([runs[0], tmp_path / "mean"], calibration="none")
    assert mean.tasks == one.tasks


def test_calibrations_of_one_kind_are_averaged(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {
        name: len(task.verbalizer.labels)
        for name, task in read_checkpoint(runs[0]).suite.tasks.items()
    }
    for run, scale, kinds in ((runs[0], 1.0, ("prior", "prior")), (runs[1], 3.0, ("prior", "pmi"))):
        stored = {
            name: Calibration(kind=kind, bias=tuple(scale * i for i in range(sizes[name])), rows=10)
            for name, kind in zip(("colour", "mood"), kinds, strict=True)
        }
        add_calibration(run, stored, {})
    average_checkpoints(runs[:2], tmp_path / "mean")
    mean = read_checkpoint(tmp_path / "mean").calibration
    assert mean.keys() == {"colour"}
    assert mean["colour"] == Calibration(
        kind="prior", bias=tuple(2.0 * i for i in range(sizes["colour"])), rows=10
    )  # of the same rows, which are not counted twice
    said = capsys.readouterr().err
    assert "colour `prior`, the mean of 2" in said
    assert "mood is not calibrated alike" in said


@pytest.mark.parametrize(("other", "kept"), [("mit", "mit"), ("apache-2.0", None), (None, None)])
def test_the_licence_of_the_backbone_is_the_mean_s(
    runs: list[Path], tmp_path: Path, other: str | None, kept: str | None
) -> None:
    for run, license in zip(runs, ("mit", other), strict=False):
        manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
        manifest["facts"]["license"] = license
        (run / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    average_checkpoints(runs[:2], tmp_path / "mean")
    assert read_checkpoint(tmp_path / "mean").license == kept
    assert ("license: " in (tmp_path / "mean" / CARD).read_text(encoding="utf-8")) == bool(kept)


def test_a_stop_before_the_calibration_leaves_no_mean_without_it(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that another command made meanwhile go."""
    (tmp_path / "other").mkdir()

    def meanwhile(folder: Path, *_: object) -> None:
        (tmp_path / "other").rename(tmp_path / "mean")
        (tmp_path / "mean" / "theirs").touch()

    biases = {"mood": Calibration(kind="prior", bias=(0.0, 1.0), rows=10)}
    monkeypatch.setattr(average, "_mean_calibration", lambda _: biases)
    monkeypatch.setattr(average, "add_calibration", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        average_checkpoints(runs[:2], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
    monkeypatch.setattr(average, "add_calibration", meanwhile)
    with pytest.raises(PetMtlError, match="the output folder is not empty"):
        average_checkpoints(runs[:2], tmp_path / "mean")
    assert [file.name for file in (tmp_path / "mean").iterdir()] == ["theirs"]
    assert not list(tmp_path.glob(".mean*"))


def test_settings_that_the_mean_has_from_the_first_are_told(
    make_suite: MakeSuite,
    runs: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(make_suite(max_steps=1, max_length=24, logit_adjustment=0.5), tmp_path / "other")
    capsys.readouterr()
    average_checkpoints([runs[0], tmp_path / "other" / "checkpoint"], tmp_path / "mean")
    said = capsys.readouterr().err
    first = read_checkpoint(runs[0]).suite.train
    assert "`train.max_length` is 32, 24: the mean has 32, as the first" in said
    assert f"`train.logit_adjustment` is {first.logit_adjustment}, 0.5: the mean has" in said
    average_checkpoints(runs[:2], tmp_path / "other-mean")
    assert "note:" not in capsys.readouterr().err


def test_strangers_are_told(
    suite_file: Path,
    runs: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same shape and vocabulary, but other weights to start from; a resumed run has those that
    it started with."""
    backbone = tmp_path / "backbone"
    toys.write_bert(backbone, CHARACTERS, initializer_range=0.2)
    suite = load_suite(suite_file, overrides=["train.max_steps=4", f"model={backbone}"])
    with pytest.raises(Interrupted), pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "LOG_EVERY", 1)
        stop_at_step(patch)(2)
        train(suite, tmp_path / "other")
    last = tmp_path / "other" / "last"
    started_from = read_checkpoint(last).started_from
    toys.write_bert(backbone, CHARACTERS, initializer_range=0.3)
    train(suite, tmp_path / "other", resume=True)
    other = tmp_path / "other" / "checkpoint"
    assert read_checkpoint(other).started_from == read_checkpoint(last).started_from == started_from
    assert f"| weights of the backbone | `{started_from}` |" in (
        (other / "README.md").read_text(encoding="utf-8")
    )
    capsys.readouterr()
    average_checkpoints([runs[0], other], tmp_path / "mean")
    assert f"warning: {other} started from other weights than {runs[0]}" in capsys.readouterr().err
    average_checkpoints([other, last], tmp_path / "itself")
    assert "warning" not in capsys.readouterr().err
    assert read_checkpoint(tmp_path / "itself").started_from == started_from


def test_pieces_in_another_order_have_no_mean(
    suite_file: Path, runs: list[Path], tmp_path: Path
) -> None:
    toys.write_bert(tmp_path / "backbone", CHARACTERS[::-1], initializer_range=0.1)
    overrides = ["train.max_steps=1", f"model={tmp_path / 'backbone'}"]
    train(load_suite(suite_file, overrides=overrides), tmp_path / "other")
    other = tmp_path / "other" / "checkpoint"
    with pytest.raises(PetMtlError, match=f"{other}: has another vocabulary than {runs[0]}"):
        average_checkpoints([*runs, other], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_what_a_method_adds_is_averaged_too(suite_file: Path, tmp_path: Path) -> None:
    for name, number in (("a", 2), ("b", 4)):
        train(
            load_suite(suite_file, overrides=[f"train.max_steps={number}"], method="heads"),
            tmp_path / name,
        )
    folders = [tmp_path / name / "checkpoint" for name in ("a", "b")]
    average_checkpoints(folders, tmp_path / "mean")
    one, other, mean = (load_file(folder / OWN_FILE) for folder in (*folders, tmp_path / "mean"))
    assert mean
    for name, value in mean.items():
        torch.testing.assert_close(value, (one[name] + other[name]) / 2)


def test_what_a_method_adds_stands_in_the_order_of_the_tasks(
    suite_file: Path, tmp_path: Path
) -> None:
    suite = load_suite(suite_file, overrides=["train.max_steps=1"], method="heads")
    turned = suite.model_copy(update={"tasks": dict(reversed(suite.tasks.items()))})
    for name, each in (("a", suite), ("b", turned)):
        train(each, tmp_path / name)
    folders = [tmp_path / name / "checkpoint" for name in ("a", "b")]
    with pytest.raises(PetMtlError, match="its tasks in another order"):
        average_checkpoints(folders, tmp_path / "mean")


def test_what_does_not_fit_is_refused(suite_file: Path, runs: list[Path], tmp_path: Path) -> None:
    train(
        load_suite(suite_file, overrides=["train.max_steps=1", 'tasks.colour.prefix="文："']),
        tmp_path / "other",
    )
    other = tmp_path / "other" / "checkpoint"
    for folders, words in (
        ([runs[0]], "at least two"),
        ([runs[0], tmp_path / "none", tmp_path], "there is no such folder"),
        (
            [runs[0], other, runs[1]],
            f"{other}: has other tasks, patterns, label words, thresholds or method than {runs[0]}",
        ),
    ):
        with pytest.raises(PetMtlError) as caught:
            average_checkpoints(folders, tmp_path / "mean")
        assert words in str(caught.value)
        assert not (tmp_path / "mean").exists()
    with pytest.raises(PetMtlError, match="there already"):
        average_checkpoints(runs, runs[0])
