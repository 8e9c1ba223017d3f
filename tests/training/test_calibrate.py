"""Calibration at the end of a run: what `auto` keeps, and what the checkpoint then says."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.score import figure_title
from pet_mtl.report.run import report_run
from pet_mtl.scoring.checkpoint_scores import score_checkpoints, score_rows
from pet_mtl.storage.checkpoint import MANIFEST, read_checkpoint
from pet_mtl.suite.kind import MetricName
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import calibrate as module
from pet_mtl.training.calibrate import calibrate
from pet_mtl.training.run import train

GOLD = [0] * 4 + [1] * 2
GOOD = np.log([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2).astype(
    np.float32
)  # the prior's mean is 0.8: the last two turn
BAD = np.log([[0.7, 0.3]] * 3 + [[0.6, 0.4]] + [[0.1, 0.9]] * 2).astype(np.float32)  # right already


MIXED = np.log([[0.9, 0.1]] * 2 + [[0.6, 0.4]] * 4).astype(np.float32)  # two turn right, two wrong


def with_choice(suite_file: Path, choice: str, **train: object) -> Suite:
    settings = [f"tasks.{name}.calibration={choice}" for name in ("colour", "mood", "pair")]
    return load_suite(
        suite_file, overrides=[*settings, *(f"train.{k}={v}" for k, v in train.items())]
    )


def rows_of(suite: Suite) -> dict[str, Rows]:
    texts = [str(number) for number in range(6)]
    return {"mood": Rows.of(dict.fromkeys(suite.tasks["mood"].fields, texts), labels=GOLD)}


@pytest.mark.parametrize(
    ("choice", "log_probs", "metric", "kept"),
    [
        ("auto", GOOD, "macro_f1", True),
        ("auto", BAD, "macro_f1", False),
        ("auto", MIXED, "macro_f1", True),
        ("auto", MIXED, "accuracy", False),
        ("none", GOOD, "macro_f1", False),
        ("prior", BAD, "macro_f1", True),
        ("pmi", BAD, "macro_f1", True),
    ],
)
def test_auto_keeps_what_helps_on_dev(
    suite_file: Path,
    choice: str,
    log_probs: np.ndarray,
    metric: MetricName,
    kept: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    suite = with_choice(suite_file, choice)
    mood = suite.tasks["mood"].model_copy(update={"metric": metric})
    suite = suite.model_copy(update={"tasks": {"mood": mood}})
    dev = rows_of(suite)
    train_rows = Rows.of(
        dict.fromkeys(suite.tasks["mood"].fields, ("a", "b", "c")), labels=[0, 0, 1]
    )
    fitted_on = []

    def score(rows: Mapping[str, Rows]) -> dict[str, np.ndarray]:
        fitted_on.append(len(rows["mood"]))
        return {"mood": log_probs}

    found = calibrate(
        suite, {"mood": TaskData(train_rows, row_keys(train_rows))}, score, dev, {"mood": log_probs}
    )
    assert ("mood" in found) is kept
    assert fitted_on == ([] if choice == "none" else [1 if choice == "pmi" else 3])
    said = capsys.readouterr().err
    assert ("not kept" in said) is (choice == "auto" and not kept)
    assert (f"dev {figure_title(metric)} " in said) is (choice != "none")


def test_without_dev_rows_auto_goes_without(suite_file: Path) -> None:
    suite = with_choice(suite_file, "auto")
    data = load_suite_data(suite)
    assert calibrate(suite, data, lambda rows: pytest.fail("nothing to fit"), {}, {}) == {}


@pytest.fixture(scope="module")
def calibrated(suite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("calibrated") / "run"
    train(with_choice(suite_file, "prior", max_steps=3), out, report=report_run)
    return out


def test_the_checkpoint_has_the_calibration_and_scores_as_in_training(calibrated: Path) -> None:
    stored = read_checkpoint(calibrated / "checkpoint")
    assert {name: len(c.bias) for name, c in stored.calibration.items()} == {
        "colour": 3,
        "mood": 2,
        "pair": 3,
    }
    (scored,) = score_checkpoints([calibrated / "checkpoint"])
    told = {
        name: {"macro_f1": s.macro_f1, "accuracy": s.accuracy} for name, s in scored.tasks.items()
    }
    assert told == stored.metrics["tasks"]
    assert set(scored.calibrated) == {"colour", "mood", "pair"}
    raw = score_checkpoints([calibrated / "checkpoint"], calibration="none")[0]
    assert {n: c.before.macro_f1 for n, c in scored.calibrated.items()} == {
        n: s.macro_f1 for n, s in raw.tasks.items()
    }
    assert raw.calibrated == {}
    assert "calibration" in (calibrated / "report.html").read_text(encoding="utf-8")


def test_the_bias_is_the_prior_of_the_training_rows(calibrated: Path) -> None:
    from pet_mtl.scoring.loaded import LoadedCheckpoint

    loaded = LoadedCheckpoint(calibrated / "checkpoint")
    data = load_suite_data(loaded.suite)
    raw = loaded.raw_log_probs({name: task.train for name, task in data.items()})
    for name, calibration in loaded.calibration.items():
        np.testing.assert_allclose(calibration.bias, -np.log(np.exp(raw[name]).mean(0)), atol=2e-3)
    dev = {"pair": data["pair"].dev}
    assert dev["pair"] is not None
    of_dev = loaded.log_probs(dev)  # type: ignore[arg-type]
    np.testing.assert_allclose(
        of_dev["pair"],
        loaded.calibration["pair"].apply(loaded.raw_log_probs(dev)["pair"]),  # type: ignore[arg-type]
    )
    assert score_rows(loaded.suite, dev, of_dev)["pair"].examples == len(dev["pair"])  # type: ignore[arg-type]


Spoil = Callable[[dict[str, object]], None]
WRONG: dict[str, Spoil] = {
    "other task": lambda c: c.update(other=c["pair"]),
    "too short": lambda c: c.update(pair={"kind": "prior", "bias": [0.0, 1.0], "rows": 4}),
    "no bias": lambda c: c.update(pair={"kind": "prior", "rows": 4}),
    "no mapping": lambda c: c.update(pair=3),
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_a_calibration_that_does_not_fit_the_suite_is_damage(
    calibrated: Path, tmp_path: Path, spoil: Spoil
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(calibrated / "checkpoint", folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    spoil(manifest["calibration"])
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(PetMtlError, match="manifest is damaged"):
        read_checkpoint(folder)


def test_an_older_checkpoint_has_none(calibrated: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(calibrated / "checkpoint", folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del manifest["calibration"]
    for task in manifest["suite"]["tasks"].values():
        del task["calibration"]
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    stored = read_checkpoint(folder)
    assert stored.calibration == {}
    assert {task.calibration for task in stored.suite.tasks.values()} == {"auto"}


def test_a_figure_that_is_better_by_rounding_alone_is_no_reason_to_keep(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(value: float) -> SimpleNamespace:
        return SimpleNamespace(value=lambda metric: value, summary=lambda: {"accuracy": value})

    suite = with_choice(suite_file, "auto")
    suite = suite.model_copy(update={"tasks": {"mood": suite.tasks["mood"]}})
    rows, said = rows_of(suite)["mood"], {"mood": BAD}
    data = {"mood": TaskData(rows, row_keys(rows))}
    for after, kept in ((0.1 + 0.2, []), (0.31, ["mood"])):
        both = {"mood": score(after)}, {"mood": SimpleNamespace(kind="prior", before=score(0.3))}
        monkeypatch.setattr(module, "score_calibrated", lambda *_, both=both: both)
        assert [*calibrate(suite, data, lambda _: said, {"mood": rows}, said)] == kept
