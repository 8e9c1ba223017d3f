"""`pet-mtl score` and `predict` with damaged checkpoints, wrong options and files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from pet_mtl.storage.digests import file_digest

Refuse = Callable[..., str]


def cut(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:2000])


def from_the_future(folder: Path) -> None:
    manifest = json.loads((folder / "pet_mtl.json").read_text(encoding="utf-8"))
    (folder / "pet_mtl.json").write_text(
        json.dumps(manifest | {"format_version": 99}), encoding="utf-8"
    )


def no_numbers(folder: Path) -> None:
    """As a training that diverged would have saved it, with the sums that fit."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    weights["cls.predictions.bias"][3] = float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    manifest = json.loads((folder / "pet_mtl.json").read_text(encoding="utf-8"))
    manifest["sha256"][file.name] = file_digest(file)
    (folder / "pet_mtl.json").write_text(json.dumps(manifest), encoding="utf-8")


DAMAGE = {
    "cut": (
        cut,
        [("model/model.safetensors: the file is damaged or cut short"), "copy the folder again"],
    ),
    "no numbers": (
        no_numbers,
        ["model.safetensors: the weights `cls.predictions.bias` are not all finite", "hint: "],
    ),
    "lacks a file": (
        lambda f: (f / "tokenizer.json").unlink(),
        ["model: the checkpoint lacks `tokenizer.json`"],
    ),
    "newer": (
        from_the_future,
        ["format version 99, this pet-mtl reads up to 1", "hint: update pet-mtl"],
    ),
    "manifest cut": (
        lambda f: (f / "pet_mtl.json").write_text("{"),
        ["manifest is damaged", "hint: "],
    ),
    "no checkpoint": (
        lambda f: (f / "pet_mtl.json").unlink(),
        ["model: this is no pet-mtl checkpoint", "hint: "],
    ),
    "gone": (shutil.rmtree, ["model: there is no such folder", "hint: "]),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_damage(
    refuse: Refuse, checkpoint: Path, damage: Callable[[Path], object], words: list[str]
) -> None:
    Path("rows.tsv").write_text("1\t好\tnews\n", encoding="utf-8")
    damage(checkpoint)
    for command in (
        ["score", "model"],
        ["predict", "model", "--data", "topic=rows.tsv", "--out", "out"],
    ):
        found = refuse(*command)
        for word in words:
            assert word in found


def test_all_checkpoints_are_checked_first(
    refuse: Refuse, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pet_mtl.scoring.checkpoint_scores

    monkeypatch.delattr(pet_mtl.scoring.checkpoint_scores, "LoadedCheckpoint")  # nothing is scored
    found = refuse("score", checkpoint, "none", "a" * 300)
    assert "none: there is no such folder" in found
    assert "File name too long" in found


def test_the_run_folder_is_not_the_checkpoint(refuse: Refuse, trained: Path) -> None:
    assert f"did you mean `{trained / 'checkpoint'}`?" in refuse("score", trained)


OPTIONS = [
    (["--data", "topic"], ["--data topic: must have the form TASK=FILE", "hint: "]),
    (["--data", "=rows.tsv"], ["must have the form TASK=FILE"]),
    (["--data", "topik=rows.tsv"], ["no task `topik`", "the tasks are topic, pair"]),
    (["--data", "topic=none.tsv"], ["no such data file: `none.tsv`"]),
    (["--data", "topic=empty.tsv"], ["empty.tsv: the file holds no rows"]),
    (["--data", "topic=short.tsv"], ["short.tsv:2: row has 1 column, expected 3"]),
    (
        ["--data", "topic=rows.tsv", "--verbalizer", "topik=few.txt"],
        ["no task `topik`", "the tasks are topic, pair"],
    ),
    (["--data", "topic=rows.tsv", "--verbalizer", "topic=none.txt"], ["none.txt: file not found"]),
    (
        ["--data", "topic=rows.tsv", "--verbalizer", "topic=few.txt"],
        ["few.txt: ", 'lacks "tech art"', '"news", "spo'],
    ),
    (
        ["--data", "topic=rows.tsv", "--verbalizer", "topic=odd.txt"],
        ["odd.txt:1: ", '"龘"', "hint: "],
    ),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS)
@pytest.mark.parametrize("command", ["score", "predict"])
def test_options(
    refuse: Refuse, checkpoint: Path, command: str, options: list[str], words: list[str]
) -> None:
    texts = {
        "rows.tsv": "1\t好\tnews\n",
        "empty.tsv": "",
        "short.tsv": "1\t好\tnews\n2\n",
        "few.txt": "news 闻\nsport 体\n",
        "odd.txt": 'news 龘\nsport 体\n"tech art" 科\n',
    }
    for name, text in texts.items():
        Path(name).write_text(text, encoding="utf-8")
    found = refuse(command, "model", *options, *(["--out", "out"] if command == "predict" else []))
    for word in words:
        assert word in found
    assert "--data-root" not in found


def test_scoring_needs_labels(refuse: Refuse, checkpoint: Path) -> None:
    Path("rows.tsv").write_text("1\t好\n", encoding="utf-8")
    assert "a file without labels can be predicted" in refuse(
        "score", "model", "--data", "topic=rows.tsv"
    )


def test_dev_rows_that_are_not_there(refuse: Refuse, checkpoint: Path) -> None:
    found = refuse("score", "model", "--data-root", "none")
    assert "topic.dev.tsv" in found
    assert "`--data-root DIR` says where" in found
    assert "train.tsv" not in found  # not needed


def test_unknown_format(refuse: Refuse, checkpoint: Path) -> None:
    found = refuse(
        "predict", "model", "--data", "topic=rows.tsv", "--out", "out", "--format", "xml"
    )
    assert "unknown format `xml`" in found
    assert "hint: one of jsonl, csv, tsv, parquet, tianchi" in found
