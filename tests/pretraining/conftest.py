"""A toy model, a corpus of random characters, and requests over them; no network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toys
from one_thread import one_thread  # noqa: F401
from toy_texts import CHARACTERS, SETTINGS, documents, write_suite

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.pretraining.teacher_settings import TeacherSettings
from pet_mtl.storage.pretrained import load_tokenizer


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with random weights and a vocabulary of single characters and a few Latin pieces."""
    folder = tmp_path_factory.mktemp("model")
    toys.write_bert(
        folder, ["[unused1]", *CHARACTERS, *"abcde", *(f"##{letter}" for letter in "abcde")]
    )
    return folder


@pytest.fixture(scope="session")
def toy_tokenizer(toy_model: Path) -> PieceTokenizer:
    return PieceTokenizer(load_tokenizer(str(toy_model)))


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("corpus") / "text.txt"
    file.write_text(
        "\n\n".join("\n".join(document) for document in documents(60)) + "\n", encoding="utf-8"
    )
    return file


@pytest.fixture(scope="session")
def suite_file(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    write_suite(folder, toy_model)
    return folder / "toy.yaml"


@pytest.fixture
def make_request(toy_model: Path, corpus_file: Path) -> Callable[..., PretrainRequest]:
    """Return a request over the toy corpus: `make_request(masking="whole-word", epochs=1.0)`."""

    def make(teacher_settings: Any = None, **changes: Any) -> PretrainRequest:
        options = {
            name: changes.pop(name)
            for name in list(changes)
            if name in PretrainRequest.model_fields
        }
        base: dict[str, Any] = {"model": str(toy_model), "corpus": (str(corpus_file),)}
        settings = SETTINGS | changes
        if teacher_settings is not None:
            settings["teacher"] = TeacherSettings(**teacher_settings)
        return PretrainRequest(**(base | options), settings=PretrainSettings(**settings))

    return make
