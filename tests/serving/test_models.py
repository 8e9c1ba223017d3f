"""Checkpoints by name and task, and read again when they change."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from pet_mtl.errors import PetMtlError
from pet_mtl.model.calibration import Calibration
from pet_mtl.serving.limits import Limits
from pet_mtl.serving.models import Models
from pet_mtl.serving.rows import make_job, score_jobs
from pet_mtl.storage.checkpoint import MANIFEST, add_calibration
from pet_mtl.storage.digests import file_digest


def scores(models: Models) -> Any:
    served, task = models.find("topic")
    return score_jobs([make_job(served, task, ["一条新闻"], Limits())])[0]


def test_a_changed_checkpoint_is_read_again(checkpoint: Path) -> None:
    heard: list[tuple[str, str]] = []
    models = Models([checkpoint], lambda *what: heard.append(what))
    before, old = scores(models), models.find("topic")
    assert models.reload_changed() == []
    bias = {"topic": Calibration(kind="prior", bias=(-9.0, 9.0, 9.0), rows=9)}
    add_calibration(checkpoint, bias, {})
    # what was accepted before is answered by the old one
    assert np.array_equal(score_jobs([make_job(*old, ["一条新闻"], Limits())])[0], before)
    assert models.reload_changed() == ["first"]
    assert abs(scores(models) - before).max() > 1
    assert np.array_equal(score_jobs([make_job(*old, ["一条新闻"], Limits())])[0], before)
    assert heard == [("first", "ok")]
    assert models.reload_changed() == []


def test_a_damaged_one_leaves_the_old_one(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[tuple[str, str]] = []
    models = Models([checkpoint], lambda *what: heard.append(what))
    before = scores(models)
    manifest = checkpoint / "pet_mtl.json"
    whole = manifest.read_text(encoding="utf-8")
    manifest.write_text(whole[:100], encoding="utf-8")
    assert models.reload_changed() == []
    assert models.reload_changed() == []  # said once
    assert heard == [("first", "failed")]
    assert "the old one stays" in capsys.readouterr().err
    assert np.array_equal(scores(models), before)
    shutil.rmtree(checkpoint)
    assert models.reload_changed() == []
    assert np.array_equal(scores(models), before)


@pytest.mark.parametrize(
    "kind", [TypeError, KeyError, RecursionError, MemoryError, toys.PanicException]
)
def test_whatever_a_changed_one_raises_the_watcher_lives(
    checkpoint: Path,
    kind: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def load(name: str, folder: Path) -> Any:
        raise kind("no\nnumber")

    heard: list[tuple[str, str]] = []
    models = Models([checkpoint], lambda *what: heard.append(what))
    before = models.served
    monkeypatch.setattr("pet_mtl.serving.models.load_served", load)
    add_calibration(checkpoint, {}, {})
    assert models.reload_changed() == []
    assert models.reload_changed() == []
    assert heard == [("first", "failed")]
    assert models.served == before
    first, second = capsys.readouterr().err.splitlines()
    assert "the old one stays" in first
    assert r"no\nnumber" in second


def test_architectures_that_are_no_names_leave_the_old_one(checkpoint: Path) -> None:
    heard: list[tuple[str, str]] = []
    models = Models([checkpoint], lambda *what: heard.append(what))
    config, manifest = checkpoint / "config.json", checkpoint / MANIFEST
    changed = json.loads(config.read_text(encoding="utf-8")) | {"architectures": 5}
    config.write_text(json.dumps(changed), encoding="utf-8")
    sums = json.loads(manifest.read_text(encoding="utf-8"))
    sums["sha256"]["config.json"] = file_digest(config)
    manifest.write_text(json.dumps(sums), encoding="utf-8")
    assert models.reload_changed() == []
    assert heard == [("first", "failed")]


def test_weights_that_are_overwritten_in_place_leave_the_old_ones(checkpoint: Path) -> None:
    models = Models([checkpoint])
    before = scores(models)
    with (checkpoint / "model.safetensors").open("r+b") as file:
        file.write(bytes((checkpoint / "model.safetensors").stat().st_size))
    assert np.array_equal(scores(models), before)


def test_a_repaired_one_is_read(checkpoint: Path) -> None:
    models = Models([checkpoint])
    manifest = checkpoint / "pet_mtl.json"
    whole = manifest.read_text(encoding="utf-8")
    manifest.write_text("{}", encoding="utf-8")
    models.reload_changed()
    manifest.write_text(json.dumps(json.loads(whole)), encoding="utf-8")
    assert models.reload_changed() == ["first"]


def test_one_whose_manifest_is_copied_first_is_read_when_the_rest_is_there(
    checkpoint: Path,
) -> None:
    models = Models([checkpoint])
    add_calibration(checkpoint, {}, {})
    words = checkpoint / "tokenizer.json"
    whole = words.read_bytes()
    words.write_bytes(whole[:100])
    assert models.reload_changed() == []
    assert models.reload_changed() == []
    words.write_bytes(whole)
    assert models.reload_changed() == ["first"]


def test_rows_of_a_job_do_not_depend_on_the_others(made: Path) -> None:
    models = Models([made])
    topic, pair = models.find("topic"), models.find("pair")
    rows = ["一条新闻", "体育" * 9]
    pairs: Any = [{"one": "好", "two": "坏" * 12}] * 3
    jobs = [
        make_job(*topic, rows[:1], Limits()),
        make_job(*pair, pairs, Limits()),
        make_job(*topic, rows, Limits()),
    ]
    together = score_jobs(jobs)
    for job, found in zip(jobs, together, strict=True):
        assert found == pytest.approx(score_jobs([job])[0], abs=5e-6)
    assert together[0][0] == pytest.approx(together[2][0], abs=5e-6)


def test_the_same_folder_twice(made: Path) -> None:
    with pytest.raises(PetMtlError, match="named twice"):
        Models([made, made / "." / ".." / "checkpoint"])


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="no pet-mtl checkpoint"):
        Models([tmp_path])
