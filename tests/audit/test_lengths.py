"""Lengths, and what is lost where rows are cut."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pet_mtl.audit.lengths import check_lengths
from pet_mtl.audit.parts import Part
from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.tokenizer import PieceTokenizer

MakePart = Callable[..., Part]
ROOM = "the backbone has positions for 508 tokens: "
WINDOWS = "`long_text: windows` reads all of a text"


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


@pytest.mark.parametrize(
    ("positions", "max_length", "long_text", "hint"),
    [
        (None, 32, "head", "`train.max_length: 904` would cut one row in a hundred"),
        (904, 32, "head", "`train.max_length: 904` would cut one row in a hundred"),
        (508, 32, "head_tail", f"{ROOM}`train.max_length: 508` cuts less, {WINDOWS}"),
        (508, 508, "head_tail", f"{ROOM}{WINDOWS}"),
        (508, 508, "head", f"{ROOM}`long_text: head_tail` reads both ends of a text, {WINDOWS}"),
    ],
)
def test_no_longer_prompts_than_the_backbone_reads(
    make_part: MakePart,
    word_pieces: PieceTokenizer,
    positions: int | None,
    max_length: int,
    long_text: str,
    hint: str,
) -> None:
    part = make_part(["天" * 900])
    task = part.task.model_copy(update={"long_text": long_text})
    part = replace(part, task=task)
    _, (finding,) = check_lengths(part, word_pieces, max_length, {}, positions)
    assert finding.hint is not None
    assert finding.hint == hint
    reader = task.model_copy(update={"patterns": ("{mask}{task:toy}{text}",)})
    tasks = {"toy": task, "other": reader}
    _, (finding,) = check_lengths(part, word_pieces, max_length, tasks, positions)
    assert "windows" not in (finding.hint or "")  # a task that others read has none
