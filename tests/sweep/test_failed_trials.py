"""Trials whose settings their model or their files cannot have: marked so, and the next begins."""

import shutil
from pathlib import Path

import pytest
from test_sweep_run import request_of
from toy_runs import replace_weights

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import load_suite
from pet_mtl.sweep.run import sweep


def with_own_backbone(suite_file: Path) -> Path:
    """Give the suite a copy of its backbone, and return that."""
    backbone = load_suite(suite_file).model
    copy = Path(shutil.copytree(backbone, suite_file.parent / "copy"))
    suite_file.write_text(suite_file.read_text().replace(backbone, str(copy)))
    return copy


def states(out: Path, suite_file: Path, text: str) -> str:
    """Return the first letter of each trial's state, after a sweep that ends without an error."""
    return "".join(trial.state[0] for trial in sweep(request_of(suite_file, text), out).trials)


def test_a_trial_that_is_too_long_for_its_model_does_not_hold_up_the_others(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "trials: 6\ntrain.max_length: {choices: [32, 4096]}\n"
    found = sweep(request_of(suite_file, text), tmp_path / "out")
    too_long = [trial.settings["train.max_length"] == 4096 for trial in found.trials]
    assert {*too_long} == {True, False}
    assert [trial.state == "fail" for trial in found.trials] == too_long
    assert all("4096, but the model has" in (t.why or "") for t in found.trials if t.score is None)
    hint = "set `train.max_length=64` in the sweep file, "  # `-s` would be refused
    place = f"{suite_file.with_name('sweep.yaml')}:2"
    assert all(f"hint: {hint}{place}" in (t.why or "") for t in found.trials if t.score is None)
    assert found.best is not None
    assert found.best.settings == {"train.max_length": 32}
    assert capsys.readouterr().err.count("error: trial") == sum(too_long)


def test_an_error_of_what_a_trial_was_given_names_the_sweep_file(suite_file: Path) -> None:
    request = request_of(suite_file, "train.epochs: [1, 3]\n")
    place = request.space.places["train.epochs"]
    error = PetMtlError("is too many", where="-s train.epochs=3", hint="lower `-s train.seed=1`")
    assert str(request.space.told(error)) == (
        f"{place}: is too many\n  hint: lower `-s train.seed=1`"
    )


def test_all_may_choose_what_fails_before_one_does_not(suite_file: Path, tmp_path: Path) -> None:
    """With this seed the first three choose the length that no model has."""
    text = "trials: 4\nseed: 24\ntrain.max_length: {choices: [32, 4096]}\n"
    assert states(tmp_path / "out", suite_file, text) == "fffc"


def test_an_error_of_all_trials_ends_the_sweep_which_goes_on_when_it_is_mended(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, text = tmp_path / "out", "trials: 6\ntrain.learning_rate: [1e-3, 1e-2]\n"
    copy = with_own_backbone(suite_file)
    (copy / "config.json").rename(copy / "moved.json")
    for count in (3, 4):  # another call tries one more
        with pytest.raises(PetMtlError, match="copy: ") as error:
            sweep(request_of(suite_file, text), out)
        assert error.value.exit_code == 2
        assert len(list(out.glob("trials/*"))) == count
        assert "goes on with the next" in capsys.readouterr().err
    (copy / "moved.json").rename(copy / "config.json")
    assert states(out, suite_file, text) == "ffffcc"


def test_trials_of_another_backbone_are_not_added(suite_file: Path, tmp_path: Path) -> None:
    out, text = tmp_path / "out", "trials: 1\ntrain.learning_rate: [1e-3, 1e-2]\n"
    copy = with_own_backbone(suite_file)
    assert states(out, suite_file, text) == "c"
    assert states(out, suite_file, text.replace("1", "2", 1)) == "cc"
    replace_weights(copy)
    with pytest.raises(PetMtlError, match=r"(?s)backbone was replaced.*another folder"):
        sweep(request_of(suite_file, text), out)
