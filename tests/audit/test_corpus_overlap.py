"""Texts inside pre-training text."""

from collections.abc import Callable

import numpy as np
import pytest

from pet_mtl.audit import corpus_overlap
from pet_mtl.audit.corpus_overlap import SHORTEST, WINDOW, check_corpus_overlap
from pet_mtl.audit.parts import Part
from pet_mtl.text import normalize_text

MakePart = Callable[..., Part]


def test_against_the_obvious_way(make_part: MakePart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_overlap, "CHUNK", 500)  # several chunks
    draw = np.random.default_rng(4)
    documents = [
        ["".join(draw.choice(list("天气新闻好坏 Ａb"), 90)) for _ in range(3)] for _ in range(30)
    ]
    paragraphs = [paragraph for document in documents for paragraph in document]
    texts = [
        p[s : s + n]
        for p in paragraphs
        for s, n in zip(draw.integers(0, 60, 2), draw.integers(1, 60, 2), strict=True)
    ]
    texts += (
        [text[:-1] + "真" for text in texts[:40]]
        + [p[:12] for p in paragraphs[:3]]
        + ["短句子也算在内的啊"]
    )
    documents.append(["短句子也算在内的啊"])
    normalised = [normalize_text(paragraph) for document in documents for paragraph in document]

    def stands(text: str) -> bool:
        text = normalize_text(text)
        return (len(text) >= WINDOW and any(text in p for p in normalised)) or (
            len(text) >= SHORTEST and text in normalised
        )

    expected = [row for row, text in enumerate(texts) if stands(text)]
    part = make_part(texts, name="dev")
    figures, (finding,) = check_corpus_overlap([part], "corpus.txt", documents)
    assert figures == [
        {"rows_of": "toy/dev", "in": "corpus.txt", "rows": len(expected), "of": len(texts)}
    ]
    assert finding.level == "warning"
    assert finding.where[0] == f"dev: row {expected[0] + 1}"
    assert 20 < len(expected) < len(texts) - 40


def test_training_rows_are_a_note_and_nothing_is_nothing(make_part: MakePart) -> None:
    text = "今天的天气很好新闻也很好大家都很开心"
    _, (finding,) = check_corpus_overlap(
        [make_part(["x", "y"], other=[text, "z"])], "c", [["前面" + text + "后面"]]
    )
    assert (finding.level, finding.message) == (
        "note",
        "1 of 2 rows (50.0 %) stand in the corpus c",
    )
    assert check_corpus_overlap([make_part([text])], "c", [["别的"], []]) == ([], [])
    assert check_corpus_overlap([make_part(["短"])], "c", [["短"]]) == ([], [])
