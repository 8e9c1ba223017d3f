import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_runs import weights_in

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.storage import checkpoint
from pet_mtl.storage.checkpoint import MANIFEST, read_checkpoint, write_checkpoint
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.verbalizer import read_verbalizer

METRICS = {"step": 3, "tasks": {"colour": {"macro_f1": 0.1 + 0.2, "accuracy": 1.0}}}


@pytest.fixture(scope="module")
def whole(suite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pet_mtl.suite.suite import load_suite

    folder = tmp_path_factory.mktemp("whole") / "checkpoint"
    save(folder, load_suite(suite_file))
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def save(folder: Path, suite: Suite, shift: float = 0.0) -> None:
    mlm = load_masked_lm(suite.model)
    with torch.no_grad():
        for parameter in mlm.parameters():
            parameter += shift
    write_checkpoint(folder, mlm, PieceTokenizer(load_tokenizer(suite.model)), suite, METRICS)


def test_what_is_written_is_read(whole: Path, suite: Suite) -> None:
    stored = read_checkpoint(whole)
    assert stored.folder == whole
    assert stored.suite == suite
    assert stored.metrics == METRICS
    assert set(stored.versions) == {"pet-mtl", "torch", "transformers"}
    expected = dict(load_masked_lm(suite.model).named_parameters())
    found = weights_in(whole)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_tokenizer_is_the_backbones(whole: Path, suite: Suite) -> None:
    texts = ["甲乙丙文", "[MASK]x山", ""]
    stored, own = (PieceTokenizer(load_tokenizer(str(folder))) for folder in (whole, suite.model))
    assert stored.encode(texts) == own.encode(texts)
    assert (stored.mask_id, stored.pad_id, stored.start_ids, stored.end_ids) == (
        own.mask_id,
        own.pad_id,
        own.start_ids,
        own.end_ids,
    )


def test_verbalizers_are_there_for_people(whole: Path, suite: Suite) -> None:
    for name, task in suite.tasks.items():
        verbalizer = read_verbalizer(whole / "verbalizers" / f"{name}.txt")
        assert (verbalizer.labels, verbalizer.words) == (
            task.verbalizer.labels,
            task.verbalizer.words,
        )


def test_transformers_reads_it_alone_from_wherever_it_lies(copy: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    moved = copy.rename(copy.with_name("moved elsewhere"))
    _, info = AutoModelForMaskedLM.from_pretrained(moved, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert len(AutoTokenizer.from_pretrained(moved)("甲")["input_ids"]) == 3


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("how", ["flip", "cut", "empty", "longer", "missing"])
def test_damage_is_found(copy: Path, name: str, how: str) -> None:
    file = copy / name
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    if how == "flip":
        content[middle] ^= 1
    damaged = {"flip": content, "cut": content[:middle], "empty": b"", "longer": content + b"\n"}
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(damaged[how])
    with pytest.raises(PetMtlError) as caught:
        read_checkpoint(copy)
    words = (
        f"{copy}: the checkpoint lacks `{name}`"
        if how == "missing"
        else f"{file}: the file is damaged"
    )
    assert str(caught.value).startswith(words)
    assert "hint: train again, or copy" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '"text"',
        "{}",
        '{"format_version": 1}',
        '{"format_version": "1"}',
        '{"format_version": null}',
        '{"format_version": 1, "sha256": [], "suite": {}, "metrics": {}, "versions": {}}',
        '{"format_version": 1, "sha256": {}, "suite": {}, "metrics": {}, "versions": {}}',
        '{"format_version": 1, "sha256": {}, "suite": null}',
        "[" * 100_000,
        '{"format_version": ' + "9" * 5000 + "}",
        "\x00",
    ],
)
def test_a_manifest_that_is_none(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(PetMtlError, match="manifest is damaged") as caught:
        read_checkpoint(copy)
    assert str(copy / MANIFEST) in str(caught.value)


def test_a_task_that_earlier_versions_took_says_what_is_refused(copy: Path) -> None:
    """They knew fewer rules: the folder is whole, and copying it again would not help."""
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    task = next(iter(manifest["suite"]["tasks"].values()))
    field = next(name for name in task["columns"] if name not in ("id", "label"))
    task["patterns"] = [f"｛{field}｝{{mask}}{{{field}}}"]
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(PetMtlError, match="if an earlier pet-mtl wrote it, that one") as caught:
        read_checkpoint(copy)
    told = str(caught.value)
    assert f"`suite.tasks.{task['name']}`: `{field}` stands in full-width braces" in told


def test_a_manifest_of_bytes(copy: Path) -> None:
    (copy / MANIFEST).write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(PetMtlError, match="manifest is damaged"):
        read_checkpoint(copy)


def test_a_manifest_with_unknown_keys_in_the_suite(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    manifest["suite"]["surprise"] = 1
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(PetMtlError, match="manifest is damaged"):
        read_checkpoint(copy)


def test_a_newer_format_says_so_before_anything_else(copy: Path) -> None:
    (copy / MANIFEST).write_text(json.dumps({"format_version": 2, "all": "new"}))
    with pytest.raises(
        PetMtlError, match=("format version 2, this pet-mtl reads up to 1")
    ) as caught:
        read_checkpoint(copy)
    assert "hint: update pet-mtl" in str(caught.value)


def test_the_parent_folder_gets_a_hint(copy: Path) -> None:
    with pytest.raises(PetMtlError, match="this is no pet-mtl checkpoint") as caught:
        read_checkpoint(copy.parent)
    assert f"did you mean `{copy}`?" in str(caught.value)


def test_no_folder_and_no_checkpoint(tmp_path: Path, suite: Suite) -> None:
    with pytest.raises(PetMtlError, match="there is no such folder") as caught:
        read_checkpoint(tmp_path / "absent")
    assert "hub" not in str(caught.value)
    with pytest.raises(PetMtlError, match="hf download someone/toy --local-dir FOLDER"):
        read_checkpoint(Path("someone/toy"))
    with pytest.raises(PetMtlError, match=r"has no tasks yet.*`predict zh-mini` takes `--labels "):
        read_checkpoint(Path("zh-mini"))
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file", Path(suite.model)):
        with pytest.raises(PetMtlError, match="this is no pet-mtl checkpoint") as caught:
            read_checkpoint(path)
        assert "did you mean" not in str(caught.value)


def test_from_inside_the_folder(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    assert read_checkpoint(Path()).metrics == METRICS
    assert read_checkpoint(Path("../checkpoint")).metrics == METRICS


@pytest.mark.parametrize("place", ["save_pretrained", "file_digest", "format_verbalizer"])
def test_a_full_disk_leaves_the_old_checkpoint(
    copy: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    before = weights_in(copy)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if place == "save_pretrained":
            patch.setattr("transformers.PreTrainedTokenizerBase.save_pretrained", full)
        else:
            patch.setattr(checkpoint, place, full)
        with pytest.raises(RunError, match="the disk is full") as caught:
            save(copy, suite, shift=1.0)
    assert caught.value.exit_code == 1
    assert read_checkpoint(copy).metrics == METRICS
    after = weights_in(copy)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_new_checkpoint_replaces_the_old_one(copy: Path, suite: Suite) -> None:
    before = weights_in(copy)
    (copy / "stale").write_text("")
    save(copy, suite, shift=1.0)
    assert read_checkpoint(copy).suite == suite
    after = weights_in(copy)
    assert not any(torch.equal(after[name], before[name]) for name in before)
    assert not (copy / "stale").exists()
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_checkpoint_set_aside_by_a_killed_writer_is_found(copy: Path) -> None:
    copy.rename(copy.with_name(".checkpoint.old"))
    assert read_checkpoint(copy).metrics == METRICS


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a function that makes a file system of some kilobytes."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("mounting needs root on Linux")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def make(kilobytes: int) -> Path:
        nonlocal mounted
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        try:
            mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            mounted = False
        if not mounted:
            pytest.skip("mounting is not allowed here")
        return place

    yield make
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.97, 0.99])
def test_a_disk_that_fills_up_at_any_point(
    disk: Callable[[int], Path], whole: Path, suite: Suite, share: float
) -> None:
    """Whatever library writes when the disk is full, the old checkpoint stays and the error is
    ours."""
    blocks = sum(-(-file.stat().st_size // 4096) for file in whole.rglob("*") if file.is_file())
    place = disk(4 * int(blocks * (1 + share)))
    shutil.copytree(whole, place / "checkpoint")
    with pytest.raises(RunError, match="the disk is full"):
        save(place / "checkpoint", suite, shift=1.0)
    assert read_checkpoint(place / "checkpoint").metrics == METRICS
    assert [path.name for path in place.iterdir()] == ["checkpoint"]


FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"pad_token_id": 0},
    "albert": {"embedding_size": 8},
    "electra": {"embedding_size": 8},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 16},
    "modernbert": {
        "pad_token_id": 0,
        "eos_token_id": 3,
        "bos_token_id": 2,
        "cls_token_id": 2,
        "sep_token_id": 3,
    },
    "deberta-v2": {"relative_attention": True, "legacy": False},
    "ernie": {},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_weights_keep_the_names_of_the_model(family: str, tmp_path: Path) -> None:
    """`--resume` loads the file into the model by name: a family whose names change on saving would
    lose weights."""
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForMaskedLM

    small = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = AutoConfig.for_model(family, **small, intermediate_size=16, **FAMILIES[family])
    model, other = (AutoModelForMaskedLM.from_config(config) for _ in range(2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    with checkpoint.quiet_transformers():
        model.save_pretrained(tmp_path)
    unknown = other.load_state_dict(
        load_file(tmp_path / "model.safetensors"), strict=False
    ).unexpected_keys
    assert not unknown
    found = dict(other.named_parameters())
    for name, parameter in model.named_parameters():
        assert torch.equal(found[name], parameter), name


@pytest.mark.parametrize(
    "name", ["../../escaped", "/tmp/escaped", "a/b", "..", "", "a\nb", "Colour"]
)
def test_a_task_name_that_is_none_is_refused(copy: Path, name: str) -> None:
    """Names of tasks become names of files: `average` and `--resume` would write outside the
    folder."""
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    tasks = manifest["suite"]["tasks"]
    manifest["suite"]["tasks"] = {name: {**next(iter(tasks.values())), "name": name}}
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(PetMtlError, match="manifest is damaged"):
        read_checkpoint(copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": {"../x": "0"}},
        {"sha256": {"config.json": 3}},
        {"sha256": []},
        {"metrics": [1]},
        {"versions": {"torch": 1}},
        {"format_version": "1"},
        {"format_version": True},
        {"calibration": []},
    ],
)
def test_a_manifest_of_other_types_is_damaged(copy: Path, changes: dict[str, object]) -> None:
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    (copy / MANIFEST).write_text(json.dumps(manifest | changes), encoding="utf-8")
    with pytest.raises(PetMtlError, match="manifest is damaged"):
        read_checkpoint(copy)
