"""Fixtures shared by the tests that need a tokenizer or a model: tiny, built in code, no
network."""

import gc
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from called import call  # noqa: F401
from hypothesis import settings
from in_browser import browser  # noqa: F401

if TYPE_CHECKING:
    from pet_mtl.cloze.tokenizer import PieceTokenizer

# a deadline would measure how busy the machine is
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")
# ignored in a job of a script's background, and after `nohup`, which our code and the children of
# tests respect
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """What is imported and collected stays to the end: looking through it for garbage took a quarter
    of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


# `toys` is imported inside the fixtures: the tests of floor 0 must not pay for torch and
# transformers.


@pytest.fixture(autouse=True)
def messages_on_stderr() -> None:
    """Have messages and bars where the command line puts them; the library alone is silent."""
    from pet_mtl import console

    console.show()


@pytest.fixture(scope="session", autouse=True)
def one_dictionary() -> Iterator[None]:
    """Reading jieba's takes a second: what the first test made of it stays for all others."""
    from pet_mtl.cloze import chinese_words

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chinese_words, "_unigrams", cache(chinese_words._unigrams))
        yield


@pytest.fixture(scope="session")
def word_pieces() -> "PieceTokenizer":
    import toys

    return toys.piece_tokenizer("wordpiece")


@pytest.fixture(scope="session")
def byte_level() -> "PieceTokenizer":
    import toys

    return toys.piece_tokenizer("byte_level")


@pytest.fixture(scope="session")
def metaspace() -> "PieceTokenizer":
    import toys

    return toys.piece_tokenizer("metaspace")


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of random weights."""
    import toys

    folder = tmp_path_factory.mktemp("toy") / "backbone"
    tokenizer = toys.word_piece_tokenizer()
    tokenizer.save_pretrained(folder)
    toys.build_mlm("bert", len(tokenizer)).save_pretrained(folder)
    return folder
