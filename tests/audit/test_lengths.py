"""Lengths, and what is lost where rows are cut."""

from collections.abc import Callable

import numpy as np
import pytest

from pet_mtl.audit.lengths import check_lengths
from pet_mtl.audit.parts import Part
from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.tokenizer import PieceTokenizer

MakePart = Callable[..., Part]


def test_characters_and_empty_texts(make_part: MakePart) -> None:
    figures, (finding,) = check_lengths(
        make_part(["天气", "a" * 9, " "], other=["", "b", "c"]), None, 32
    )
    assert figures == {"characters": {"median": 2, "p90": 8, "max": 10}, "empty_texts": 2}
    assert (finding.message, finding.where) == (
        "2 of 3 rows (66.7 %) lack a text",
        ("train: row 1", "train: row 3"),
    )


@pytest.mark.parametrize("max_length", [12, 20, 64])
def test_cuts_are_those_of_the_encoder(
    make_part: MakePart, word_pieces: PieceTokenizer, max_length: int
) -> None:
    draw = np.random.default_rng(0)
    one, two = (
        ["".join(draw.choice(list("天气新闻好坏"), size)) for size in draw.integers(1, 16, 40)]
        for _ in "ab"
    )
    part = make_part(one, other=two)
    figures, findings = check_lengths(part, word_pieces, max_length)
    prompts = encode_suite({"toy": part.task}, {"toy": part.rows}, word_pieces, max_length)
    (form,) = compile_forms(part.task, word_pieces, max_length).forms
    whole = (
        np.array([len(a) + len(b) for a, b in zip(one, two, strict=True)])
        + form.constant_length
        + 1
    )
    assert figures["tokens"]["max"] == whole.max()
    assert figures["tokens"]["cut_rows"] == int((prompts.lengths < whole).sum())
    lost = (whole - prompts.lengths).sum() / whole.sum()
    assert figures["tokens"]["lost"] == pytest.approx(lost, abs=1e-5)
    assert bool(findings) == (max_length < 64)
