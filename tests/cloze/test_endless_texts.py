"""Texts of any length take bounded time and memory."""

from collections.abc import Sequence

import numpy as np
import pytest
import toys

from pet_mtl.audit.lengths import check_lengths
from pet_mtl.audit.parts import Part
from pet_mtl.cloze import columns
from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.cloze.shorten import MOST_WINDOWS, window_offsets
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.suite.task import TaskSpec

TOKENIZER = toys.piece_tokenizer("wordpiece")
MAX = 16


def spec(long_text: str) -> TaskSpec:
    made = toys.make_task(["{mask}。{text}"], {"0": ["好"], "1": ["坏"]})
    return made.model_copy(update={"long_text": long_text})


def ends_apart() -> str:
    return "好" * 20_000 + "坏" * 20_000


def test_windows_are_capped_and_reach_both_ends() -> None:
    task = spec("windows")
    rows = Rows.of({"text": [ends_apart(), "好"]}, labels=[0, 1])
    prompts = encode_suite({task.name: task}, {task.name: rows}, TOKENIZER, MAX)
    assert np.bincount(prompts.row).tolist() == [MOST_WINDOWS, 1]
    good, bad = (TOKENIZER.encode([word])[0][0] for word in "好坏")
    room = compile_tasks([task], TOKENIZER, MAX).forms[0].room(MAX)
    halves = np.split(prompts.ids, prompts.starts[1:-1])
    assert (halves[0] == good).sum() == room
    assert (halves[MOST_WINDOWS - 1] == bad).sum() == room


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_as_many_windows_as_the_cap_hold_every_token(over: int) -> None:
    length = MOST_WINDOWS * 5 + over
    row, (offsets,) = window_offsets([np.array([length])], [np.array([5])])
    assert len(row) == MOST_WINDOWS
    assert (offsets[0], offsets[-1]) == (0, length - 5)
    assert (np.diff(offsets).max() <= 5) == (over <= 0)


class Counting(PieceTokenizer):
    """Remembers how many characters it was given at a time."""

    given: list[tuple[int, int]]

    def encode(self, texts: Sequence[str], *, space_before: bool = False) -> list[list[int]]:
        self.given.append((len(texts), sum(map(len, texts))))
        return super().encode(texts, space_before=space_before)


def test_few_characters_are_tokenised_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CHARACTERS_AT_ONCE", 50)
    monkeypatch.setattr(columns, "MOST_CHARACTERS", 100)
    tokenizer = Counting(toys.piece_tokenizer("wordpiece").tokenizer)
    tokenizer.given = []
    texts = ["好" * 30, "坏" * 30, "", "天" * 500, "气" * 20, "真" * 20]
    found = columns.tokenize_column(
        Rows.of({"text": texts}), "text", tokenizer, False, (1000, 0), np.uint16
    )
    assert tokenizer.given == [(1, 30), (2, 30), (1, 100), (2, 40)]
    assert found.lengths.tolist() == [30, 30, 0, 100, 20, 20]
    tokenizer.given = []
    assert found.ids[:30].tolist() == TOKENIZER.encode([texts[0]])[0]


def test_head_tail_reads_both_ends_of_an_endless_text() -> None:
    text = "好" + "天" * (columns.MOST_CHARACTERS + 5) + "坏"
    assert columns.cut_text(text) == text[: columns.MOST_CHARACTERS]
    both = columns.cut_text(text, tail=True)
    assert (both[0], both[-1], len(both)) == ("好", "坏", columns.MOST_CHARACTERS)
    assert columns.cut_text("好坏", tail=True) == "好坏"


def test_data_check_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows.of({"text": [ends_apart(), "好" * 100]}, labels=[0, 1])
    part = Part(spec("windows"), "train", rows, ())
    figures, _ = check_lengths(part, TOKENIZER, MAX)
    assert figures["tokens"]["cut_rows"] == 1  # the other one is read whole, in windows
    monkeypatch.setattr("pet_mtl.audit.lengths.MOST_CHARACTERS", 1000)
    found = [finding.message for finding in check_lengths(part, None, MAX)[1]]
    assert any("more than 1,000 characters" in message for message in found)
