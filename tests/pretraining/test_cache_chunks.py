from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.pretraining import cache as cache_module
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
