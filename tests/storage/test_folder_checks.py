import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import toys
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file

from pet_mtl.errors import PetMtlError
from pet_mtl.storage import folder_checks
from pet_mtl.storage.folder_checks import check_pieces, check_sizes, missing_package
from pet_mtl.storage.pretrained import load_backbone, load_masked_lm, load_pieces, load_tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model with its tokenizer."""
    tokenizer = toys.word_piece_tokenizer()
    toys.build_mlm("bert", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def change(file: Path, **parts: Any) -> None:
    """Replace parts of a JSON file."""
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | parts), encoding="utf-8")


def template(token: str, **special: Any) -> dict[str, Any]:
    """Return a post-processor that puts a token before a text."""
    text = {"Sequence": {"id": "A", "type_id": 0}}
    other = {"Sequence": {"id": "B", "type_id": 1}}
    start = {"SpecialToken": {"id": token, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [start, text],
        "pair": [text, other],
        "special_tokens": special,
    }


@pytest.mark.parametrize("value", [10_000_000, "12", -1, 1.5, True, []])
@pytest.mark.parametrize(
    "key",
    [
        "num_hidden_layers",
        "hidden_size",
        "vocab_size",
        "num_attention_heads",
        "max_position_embeddings",
    ],
)
def test_a_size_that_no_model_has_is_refused(key: str, value: object) -> None:
    with pytest.raises(PetMtlError, match=f"`{key}` must be a whole number from"):
        check_sizes(SimpleNamespace(**{key: value if value != 10_000_000 else 10**10}), "folder")


@pytest.mark.parametrize("key", ["num_hidden_layers", "num_attention_heads"])
def test_a_model_without_layers_or_heads_is_refused(key: str) -> None:
    with pytest.raises(PetMtlError, match=f"`{key}` must be a whole number from 1"):
        check_sizes(SimpleNamespace(**{key: 0}), "folder")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layer_norm_eps", float("nan")),
        ("rms_norm_eps", -1.0),
        ("layer_norm_epsilon", 10.0),
        ("dropout", float("inf")),
    ],
)
def test_a_number_with_which_no_model_has_scores_is_refused(key: str, value: float) -> None:
    config = SimpleNamespace(**{"initializer_range": -0.1, "warmup_steps": 9.0, key: value})
    with pytest.raises(PetMtlError, match=rf"folder/config\.json: `{key}` is `{value}`"):
        check_sizes(config, "folder")


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.complex64])
@pytest.mark.parametrize("prefix", ["bert.", ""])
def test_weights_that_are_no_floating_point_numbers_are_refused(
    folder: Path, kind: torch.dtype, prefix: str
) -> None:
    """Also where the file leaves out how the base model is called; buffers may be whole numbers."""
    file, name = folder / "model.safetensors", "encoder.layer.1.output.dense.weight"
    weights = load_tensors(file.read_bytes())
    weights["bert.embeddings.position_ids"] = torch.arange(8)[None]
    save_file(weights, file, {"format": "pt"})
    load_masked_lm(str(folder))
    weights[prefix + name] = weights.pop(f"bert.{name}").to(kind)
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(PetMtlError, match=f"`{prefix}{name}` are no floating-point numbers"):
        load_masked_lm(str(folder))


def test_relative_positions_that_transformers_leaves_out_are_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    weights = load_tensors(file.read_bytes())
    name = "bert.encoder.layer.0.attention.self.distance_embedding.weight"
    save_file(weights | {name: torch.ones(131, 8)}, file, {"format": "pt"})
    change(folder / "config.json", position_embedding_type="relative_key")
    with pytest.raises(PetMtlError, match=f"`{name}` are of relative positions"):
        load_masked_lm(str(folder))


def test_a_masked_model_that_is_blind_behind_a_mask_is_refused(folder: Path) -> None:
    change(folder / "config.json", is_decoder=True)
    with pytest.raises(PetMtlError, match=r"config\.json: `is_decoder` makes a model blind"):
        load_masked_lm(str(folder))


def test_a_mask_that_is_no_piece_is_refused(folder: Path) -> None:
    change(folder / "tokenizer_config.json", mask_token="[UNK]")
    with pytest.raises(PetMtlError, match="stands for unknown characters too"):
        load_pieces(str(folder))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize(
    "name", ["tokenizer.json", "model.safetensors.index.json", "model-1.safetensors"]
)
@pytest.mark.parametrize("load", [load_tokenizer, load_backbone])
def test_a_pipe_or_device_is_not_read(folder: Path, load: Callable[[str], Any], name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    if name == "tokenizer.json":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero")
    with pytest.raises(PetMtlError, match=f"{name}: this is a device or a pipe"):
        load(str(folder))


@pytest.mark.parametrize("name", ["tokenizer_config.json", "added_tokens.json", "chat.jinja"])
@pytest.mark.parametrize("load", [load_tokenizer, load_backbone])
def test_an_endless_text_is_not_read(
    folder: Path, load: Callable[[str], Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_checks, "LARGEST", 1 << 20)
    with (folder / name).open("ab") as stream:
        stream.truncate((1 << 20) + 1)
    with pytest.raises(PetMtlError, match=f"{name}: larger than 1 MiB"):
        load(str(folder))


@pytest.mark.parametrize(
    "more",
    [
        {"num_labels": 1 << 21},
        {"num_labels": 10**400},
        {"text_config": {"n_layer": 1 << 21}},
        {"attention_types": [[["global"], 1 << 21]]},
    ],
)
@pytest.mark.parametrize("load", [load_tokenizer, load_backbone])
def test_counts_of_what_is_listed_are_bounded(
    folder: Path, load: Callable[[str], Any], more: dict[str, Any]
) -> None:
    change(folder / "config.json", **more)
    with pytest.raises(PetMtlError, match=r"config\.json: `\w+` is \d+, which no model has"):
        load(str(folder))


def test_a_model_of_endless_parts_is_not_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_checks, "_MOST_MODULES", 1000)
    change(folder / "config.json", model_type="albert", num_hidden_groups=500)
    with pytest.raises(PetMtlError, match="a model of more than 1,000 parts"):
        load_backbone(str(folder))
    monkeypatch.undo()
    change(folder / "config.json", model_type="bert")
    load_backbone(str(folder))


@pytest.mark.parametrize("key", ["mask_token", "unk_token"])
def test_an_empty_special_token_is_refused(folder: Path, key: str) -> None:
    change(folder / "tokenizer_config.json", **{key: ""})
    with pytest.raises(
        PetMtlError, match="no tokenizer could be loaded: a special token is an empty"
    ):
        load_pieces(str(folder))


def test_a_piece_without_an_embedding_is_refused_at_loading(folder: Path) -> None:
    model = load_masked_lm(str(folder))
    pieces = len(toys.word_piece_tokenizer())
    with pytest.raises(PetMtlError, match="pieces, but the model has embeddings for"):
        check_pieces(model, pieces + 1, pieces, str(folder))


def test_an_id_of_the_post_processor_without_an_embedding_is_refused(folder: Path) -> None:
    start = {"id": "[CLS]", "ids": [99999], "tokens": ["[CLS]"]}
    change(folder / "tokenizer.json", post_processor=template("[CLS]", **{"[CLS]": start}))
    with pytest.raises(PetMtlError, match="gives the id 99,999, but the model has embeddings for"):
        load_masked_lm(str(folder))


def test_an_id_of_a_piece_without_an_embedding_is_refused(folder: Path) -> None:
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    model["vocab"]["news"] = 5000
    change(folder / "tokenizer.json", model=model)
    with pytest.raises(PetMtlError, match="gives the id 5,000, but the model has embeddings for"):
        load_backbone(str(folder))


@pytest.mark.parametrize("value", [5, True, 1.5, "BertForMaskedLM", {"a": 1}, [5], [["a"]]])
def test_architectures_that_are_no_names(folder: Path, value: object) -> None:
    change(folder / "config.json", architectures=value)
    for load in (load_backbone, load_masked_lm, load_pieces):
        with pytest.raises(PetMtlError, match=r"config.json: `architectures` must be a list of"):
            load(str(folder))


def test_no_architectures_are_fine(folder: Path) -> None:
    change(folder / "config.json", architectures=None)
    assert load_backbone(str(folder)).training is False


@pytest.mark.parametrize(
    "change_of",
    [{"model_type": "perceiver"}, {"hidden_size": 8192, "num_hidden_layers": 9}],
    ids=["another family", "other sizes"],
)
def test_a_model_larger_than_its_weights_is_not_built(
    folder: Path, change_of: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForMaskedLM

    change(folder / "config.json", **change_of)
    monkeypatch.delattr(AutoModelForMaskedLM, "from_pretrained")
    with pytest.raises(PetMtlError, match=r"describes a model of [\d,]+ parameters, but the"):
        load_masked_lm(str(folder))


PANICS = {
    "charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "merges": {
        "model": {
            "type": "BPE",
            "continuing_subword_prefix": "##",
            "vocab": {"a": 0, "b": 1, "ab": 2},
            "merges": ["a b"],
        }
    },
    "pieces of no length": {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
    "unknown token": {"post_processor": template("[NOPE]")},
}


@pytest.mark.parametrize("parts", PANICS.values(), ids=PANICS)
def test_a_tokenizer_that_the_library_gives_up_on(folder: Path, parts: dict[str, Any]) -> None:
    change(folder / "tokenizer.json", **parts)
    with pytest.raises(PetMtlError, match="no tokenizer could be loaded") as caught:
        load_pieces(str(folder))
    assert caught.value.problems[0].where == str(folder)


@pytest.mark.parametrize(
    ("message", "package"),
    [
        ("You need to install fugashi to use MecabTokenizer.", "fugashi"),
        ("You need to install rjieba to use RoFormerTokenizer.", "rjieba"),
        ("No module named 'sudachipy'", "sudachipy"),
    ],
)
def test_the_package_that_a_tokenizer_needs_is_named(
    tmp_path: Path, message: str, package: str
) -> None:
    assert missing_package(ImportError(message), str(tmp_path)) == package
    assert missing_package(ValueError(message), str(tmp_path)) is None


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "[]", ('{"model": {"type": "WordPiece", "vocab": []}}'), "3", ""]
)
def test_a_damaged_tokenizer_is_an_error(tmp_path: Path, content: str) -> None:
    toys.word_piece_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(PetMtlError):
        load_tokenizer(str(tmp_path))
