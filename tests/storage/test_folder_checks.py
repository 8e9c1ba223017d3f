import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import toys

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.folder_checks import check_pieces, check_sizes, missing_package
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer


@pytest.mark.parametrize("value", [10_000_000, "12", -1, 1.5, True, []])
@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size"])
def test_a_size_that_no_model_has_is_refused(key: str, value: object) -> None:
    with pytest.raises(PetMtlError, match=f"`{key}` must be a whole number up to"):
        check_sizes(SimpleNamespace(**{key: value if value != 10_000_000 else 10**10}), "folder")


def test_a_piece_without_an_embedding_is_refused_at_loading(tmp_path: Path) -> None:
    tokenizer = toys.word_piece_tokenizer()
    toys.build_mlm("bert", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load_masked_lm(str(tmp_path))
    with pytest.raises(PetMtlError, match="pieces, but the model has embeddings for"):
        check_pieces(model, len(tokenizer) + 1, str(tmp_path))


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
