"""A backbone of two layers, three small tasks in files, and runs over them; no network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from toy_runs import CHARACTERS, SPECIAL, write_suite

from pet_mtl.spec.suite import Suite, load_suite


@pytest.fixture(scope="session")
def toy_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with random weights and a vocabulary of single characters."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    folder = tmp_path_factory.mktemp("backbone")
    tokens = SPECIAL + CHARACTERS
    BertTokenizer(vocab={token: index for index, token in enumerate(tokens)}).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=40,
        initializer_range=0.1,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def suite_file(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    """A pattern file with its data; tests that change files copy the folder."""
    folder = tmp_path_factory.mktemp("suite")
    write_suite(folder, toy_backbone)
    return folder / "toy.yaml"


@pytest.fixture
def suite(suite_file: Path) -> Suite:
    return load_suite(suite_file)


@pytest.fixture
def make_suite(suite_file: Path) -> Callable[..., Suite]:
    """Return the toy suite with settings of the `train:` section changed: `make_suite(epochs=1)`."""

    def make(**settings: object) -> Suite:
        texts = [f"train.{key}={'null' if value is None else value}" for key, value in settings.items()]
        return load_suite(suite_file, overrides=texts)

    return make


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Toy matrices gain nothing from threads, and other tests may be running beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
