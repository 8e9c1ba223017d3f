from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.pretraining import cache as cache_module
from pet_mtl.pretraining import corpus as corpus_module
from pet_mtl.pretraining.cache import open_or_build
from pet_mtl.pretraining.corpus import find_corpus


def test_paragraphs_of_a_letter_are_tokenised_in_parts(
    toy_tokenizer: PieceTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    encode = cache_module.PieceEncoder.__call__

    def watched(self: Any, texts: Sequence[str]) -> Any:
        sizes.append(len(texts))
        return encode(self, texts)

    monkeypatch.setattr(cache_module.PieceEncoder, "__call__", watched)
    file = tmp_path / "a.txt"
    file.write_text("a\n" * 40_000, encoding="utf-8")  # fewer characters than a chunk has
    cache = open_or_build(find_corpus([str(file)]), toy_tokenizer, tmp_path / "cache", words=False)
    assert len(cache.paragraphs) == sum(sizes) == 40_000
    assert max(sizes) < 20_000


def test_a_cache_of_lines_that_an_earlier_version_read_otherwise_is_made_anew(
    toy_tokenizer: PieceTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, place = tmp_path / "a.txt", tmp_path / "cache"
    file.write_bytes(b"a\rb\r\rc\r")  # one line without an end, as format 2 has it
    with monkeypatch.context() as earlier:
        earlier.setattr(cache_module, "FORMAT_VERSION", 2)
        earlier.setattr(corpus_module, "with_line_feeds", lambda stream, quotes: stream)
        cache = open_or_build(find_corpus([str(file)]), toy_tokenizer, place, words=False)
        assert cache.documents.tolist() == [1]
    cache = open_or_build(find_corpus([str(file)]), toy_tokenizer, place, words=False)
    assert cache.documents.tolist() == [2, 3]  # paragraphs at the end of each
