"""Fixtures for folders whose tests train: a small backbone, three small tasks in files; for their
`conftest.py`."""

from collections.abc import Callable
from pathlib import Path

import pytest
import toys
from toy_runs import CHARACTERS, write_suite

from pet_mtl.suite.suite import Suite, load_suite


@pytest.fixture(scope="session")
def toy_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with random weights and a vocabulary of single characters."""
    folder = tmp_path_factory.mktemp("backbone")
    toys.write_bert(folder, CHARACTERS, initializer_range=0.1)
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
    """Return the toy suite with settings of the `train:` section changed:
    `make_suite(epochs=1)`."""

    def make(**settings: object) -> Suite:
        texts = [
            f"train.{key}={'null' if value is None else value}" for key, value in settings.items()
        ]
        return load_suite(suite_file, overrides=texts)

    return make
