"""A toy model, a corpus of random characters, and requests over them; no network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import toys
from one_thread import one_thread  # noqa: F401
from toy_texts import CHARACTERS, SETTINGS, documents, write_suite

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.pretraining.corpus import Document, FileCorpus
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


@pytest.fixture
def changing_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileCorpus:
    """Two files, the second of which is another one as soon as the first was read, once."""
    names = ("a.txt", "b.txt", "other.txt")
    files = [tmp_path / "changing" / name for name in names]
    files[0].parent.mkdir()
    for number, file in enumerate(files):
        file.write_text("\n\n".join(map("\n".join, documents(20, seed=number))), encoding="utf-8")
    read = FileCorpus.documents

    def change(corpus: FileCorpus) -> Iterator[Document]:
        for number, document in enumerate(read(corpus)):
            if number == 3 and files[2].exists():
                files[2].replace(files[1])
            yield document

    monkeypatch.setattr(FileCorpus, "documents", change)
    return FileCorpus((files[0], files[1]))
