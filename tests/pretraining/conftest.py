"""A toy model, a corpus of random characters, and requests over them; no network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_texts import CHARACTERS, SETTINGS, SPECIAL, documents, write_suite

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.backbone import load_tokenizer
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.settings import PretrainSettings


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Toy matrices gain nothing from threads, and other tests may be running beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with random weights and a vocabulary of single characters and a few Latin pieces."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    folder = tmp_path_factory.mktemp("model")
    tokens = [*SPECIAL, "[unused1]", *CHARACTERS, *"abcde", *(f"##{letter}" for letter in "abcde")]
    BertTokenizer(vocab={token: index for index, token in enumerate(tokens)}).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=40,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def toy_tokenizer(toy_model: Path) -> PieceTokenizer:
    return PieceTokenizer(load_tokenizer(str(toy_model)))


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("corpus") / "text.txt"
    file.write_text("\n\n".join("\n".join(document) for document in documents(60)) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def suite_file(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    write_suite(folder, toy_model)
    return folder / "toy.yaml"


@pytest.fixture
def make_request(toy_model: Path, corpus_file: Path) -> Callable[..., PretrainRequest]:
    """Return a request over the toy corpus: `make_request(masking="whole-word", epochs=1.0)`."""

    def make(**changes: Any) -> PretrainRequest:
        options = {name: changes.pop(name) for name in list(changes) if name in PretrainRequest.model_fields}
        base: dict[str, Any] = {"model": str(toy_model), "corpus": (str(corpus_file),)}
        return PretrainRequest(**(base | options), settings=PretrainSettings(**(SETTINGS | changes)))

    return make
