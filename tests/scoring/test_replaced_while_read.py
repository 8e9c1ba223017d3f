"""A checkpoint that its run replaces while another command reads it is never read by halves."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_suite

from pet_mtl.bulk import run as bulk_run
from pet_mtl.bulk.run import predict_shards
from pet_mtl.bulk.shards import ShardRequest, claim_folder
from pet_mtl.data.streams import RowStream
from pet_mtl.errors import RunError
from pet_mtl.model.calibration import Calibration
from pet_mtl.scoring import loaded as loaded_file
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.scoring.given_rows import unlabelled_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel
from pet_mtl.scoring.prediction_files import predict_blocks
from pet_mtl.storage.checkpoint import Checkpoint, add_calibration, write_checkpoint
from pet_mtl.storage.own_weights import own_weights
from pet_mtl.suite.suite import Suite, load_suite

METHODS = {"pet": "pet", "cln": "{name: cln, size: 8}"}


@pytest.fixture
def suite_file(tmp_path: Path, backbone: Path) -> Path:
    toy_suite.write_suite(tmp_path, backbone)
    return tmp_path / "toy.yaml"


def write(folder: Path, suite: Suite, step: int) -> None:
    """Write the checkpoint of a step, whose weights are its own."""
    model = LoadedModel(suite.model, suite)
    draw = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=draw)
    own = own_weights(model.model, model.mlm)
    write_checkpoint(folder, model.mlm, model.tokenizer, suite, {"step": step}, own)


def said(folder: Path, rows: Path, suite: Suite | None = None) -> np.ndarray:
    """Return what is predicted of a file; with a suite the checkpoint is replaced while the file is
    gone through."""

    def gather(own: Suite) -> dict[str, RowStream]:
        found = unlabelled_rows(own, {"topic": str(rows)})
        if suite is not None:
            write(folder, suite, 2)
        return found

    (block,) = predict_blocks(folder, gather)
    return block["topic"].log_probs


@pytest.mark.parametrize("method", METHODS)
def test_weights_of_two_checkpoints_are_not_mixed(
    suite_file: Path, tmp_path: Path, method: str
) -> None:
    suite = load_suite(suite_file, overrides=[f"method={METHODS[method]}"])
    folder, rows = tmp_path / "checkpoint", tmp_path / "topic.dev.tsv"
    write(folder, suite, 1)
    wanted = said(folder, rows)
    if method == "pet":  # all that it needs was read
        assert (said(folder, rows, suite) == wanted).all()
    else:
        with pytest.raises(RunError, match="the checkpoint was replaced while it was read"):
            said(folder, rows, suite)
    assert not np.allclose(said(folder, rows), wanted, atol=0.01)


def test_nor_settings_of_one_with_weights_of_another(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, folder = load_suite(suite_file), tmp_path / "checkpoint"
    write(folder, suite, 1)
    load = loaded_file.load_backbone

    def meanwhile(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(loaded_file, "load_backbone", load)
        write(folder, suite, 2)
        return load(*args, **more)

    monkeypatch.setattr(loaded_file, "load_backbone", meanwhile)
    with pytest.raises(RunError, match="the checkpoint was replaced while it was read"):
        LoadedCheckpoint(folder)
    assert LoadedCheckpoint(folder).checkpoint.metrics == {"step": 2}


def test_score_takes_the_one_that_is_there_when_its_turn_comes(
    suite_file: Path, tmp_path: Path
) -> None:
    suite = load_suite(suite_file)
    folders = [tmp_path / "a", tmp_path / "b"]
    bias = Calibration(kind="contextual", bias=(9.0, 0.0, 0.0), rows=3)
    for folder in folders:
        write(folder, suite, 1)

    def meanwhile(checkpoint: Checkpoint, words: Mapping[str, Path]) -> LoadedModel:
        loaded = LoadedCheckpoint(checkpoint, words)
        if checkpoint.folder == folders[0]:
            write(folders[1], suite, 2)
            add_calibration(folders[1], {"topic": bias}, {"step": 2})
        return loaded

    score = partial(score_checkpoints, folders, keep=True)
    found = [each.predicted["topic"].log_probs for each in score(load=meanwhile)]
    wanted = [each.predicted["topic"].log_probs for each in score()]
    assert not np.allclose(*wanted, atol=0.01)
    np.testing.assert_array_equal(found, wanted)


def test_shards_say_what_they_are_made_from(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, folder, out = load_suite(suite_file), tmp_path / "checkpoint", tmp_path / "out"
    write(folder, suite, 1)
    request = ShardRequest(folder, "topic", str(tmp_path / "topic.dev.tsv"), out, 5)

    def meanwhile(request: ShardRequest) -> None:
        write(folder, suite, 2)
        claim_folder(request)

    with monkeypatch.context() as patch:
        patch.setattr(bulk_run, "claim_folder", meanwhile)
        with pytest.raises(RunError, match="the checkpoint was replaced while it was read"):
            predict_shards(request)
    assert not list(out.glob("part-*"))
    assert predict_shards(request).made == 3
