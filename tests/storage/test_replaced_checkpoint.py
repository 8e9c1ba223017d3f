"""A checkpoint that a run replaces while another command reads it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.atomic import new_folder
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.storage import checkpoint
from pet_mtl.storage.checkpoint import read_checkpoint, write_checkpoint
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.suite import Suite


@pytest.fixture
def folder(tmp_path: Path, suite: Suite) -> Path:
    tokenizer = PieceTokenizer(load_tokenizer(suite.model))
    write_checkpoint(tmp_path / "ck", load_masked_lm(suite.model), tokenizer, suite, {"step": 1})
    return tmp_path / "ck"


def damaged(folder: Path) -> None:
    with (folder / "config.json").open("a", encoding="utf-8") as file:
        file.write(" ")


def replaced_by_a_damaged_one(folder: Path) -> None:
    with new_folder(folder) as temporary:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        damaged(temporary)


@pytest.mark.parametrize("what_happens", [damaged, replaced_by_a_damaged_one])
def test_its_files_may_be_of_two_checkpoints(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what_happens: Callable[[Path], None]
) -> None:
    """Files of the new one do not have the sums of the old one: it is read anew, where it is not
    just damaged."""
    check, calls = checkpoint.check_files, list[str]()

    def between(read: Path, digests: dict[str, str]) -> None:
        calls.append("read")
        if len(calls) == 1:
            what_happens(folder)
        elif len(calls) == 2:  # the next one is whole
            (folder / "config.json").write_bytes(whole)
        check(read, digests)

    whole = (folder / "config.json").read_bytes()
    monkeypatch.setattr(checkpoint, "check_files", between)
    if what_happens is damaged:
        with pytest.raises(PetMtlError, match=r"config\.json: the file is damaged"):
            read_checkpoint(folder)
        assert calls == ["read"]
    else:
        assert read_checkpoint(folder).metrics == {"step": 1}
        assert calls == ["read", "read"]
