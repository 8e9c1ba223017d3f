"""Fixtures shared by the tests that need a tokenizer or a model: tiny, built in code, no network."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pet_mtl.cloze.tokenizer import PieceTokenizer

# `toys` is imported inside the fixtures: the tests of floor 0 must not pay for torch and transformers.


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
