"""Where an export goes, and which task: all of it is refused before anything is computed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.export.run import export

Make = Callable[..., Path]


def test_odd_targets_are_refused_before_the_checkpoint_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a", encoding="utf-8")
    (tmp_path / "nowhere").symlink_to("no-such-folder")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    for name, words in (
        ("x" * 300, "File name too long"),
        ("file", "a file, not a folder"),
        ("file/below", "a file, not a folder"),
        ("nowhere", "a link that leads nowhere"),
        ("full", "not empty"),
    ):
        with pytest.raises(PetMtlError, match=words):
            export(tmp_path / "no-checkpoint", None, "transformers", tmp_path / name)
    assert not list(tmp_path.glob(".*"))


def test_a_link_to_an_empty_folder_stays_one(make: Make, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    export(make(), "topic", "transformers", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "model.safetensors").is_file()
    assert not list(tmp_path.glob(".*"))


def test_an_empty_name_is_no_task(
    make: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = make()
    capfd.readouterr()
    with pytest.raises(PetMtlError, match="no task ``"):
        export(checkpoint, "", "transformers", tmp_path / "out")
    export(checkpoint, "topic", "transformers", tmp_path / "out")
    assert "Writing" not in capfd.readouterr().err  # bars of transformers
