"""How long rows are, and what is lost where they are cut."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pet_mtl.audit.finding import Finding, Level
from pet_mtl.audit.parts import Part
from pet_mtl.cloze.columns import MOST_CHARACTERS, text_chunks
from pet_mtl.cloze.form import Form, compile_tasks
from pet_mtl.cloze.shorten import MOST_WINDOWS
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.suite.chain import chain_of
from pet_mtl.suite.task import TaskSpec

CHECK = "lengths"
MANY = 0.01  # share of rows above which cuts are worth a warning
# what each `long_text` beside `head` reads
_READS = {"head_tail": "both ends of a text", "windows": "all of a text"}


def check_lengths(
    part: Part,
    tokenizer: PieceTokenizer | None,
    max_length: int,
    tasks: Mapping[str, TaskSpec] = {},
    positions: int | None = None,
) -> tuple[dict[str, Any], list[Finding]]:
    """Measure rows in characters and, with a tokenizer, prompts in tokens; a row is cut if one of
    its patterns is.

    Args:
        tasks: of the suite, whose label words patterns may read.
        positions: of the backbone; None for any number.
    """
    rows = part.rows
    characters = sum(
        pc.utf8_length(column).to_numpy().astype(np.int64) for column in rows.fields.values()
    )
    assert isinstance(characters, np.ndarray)
    figures: dict[str, Any] = {"characters": _summary(characters)}
    findings = []
    empty = np.flatnonzero(_emptiest(rows) == 0)
    figures["empty_texts"] = len(empty)
    if len(empty):
        findings.append(part.finding("warning", CHECK, empty, "lack a text"))
    longest = np.max([pc.utf8_length(text).to_numpy() for text in rows.fields.values()], axis=0)
    endless = np.flatnonzero(longest > MOST_CHARACTERS)
    if len(endless):
        what = f"have a text of more than {MOST_CHARACTERS:,} characters, which is read no further"
        findings.append(part.finding("warning", CHECK, endless, what))
    if tokenizer is None:
        return figures, findings
    chain = [*chain_of(part.task, tasks).values(), part.task]
    forms = compile_tasks(chain, tokenizer, max_length).of_task(part.task.name).forms
    tokens, lost = _token_lengths(rows, forms, tokenizer, max_length)
    if part.task.long_text == "windows":  # each holds the room for fields at least
        room = min(form.room(max_length) for form in forms)
        lost = np.maximum(lost - (MOST_WINDOWS - 1) * room, 0)
    cut = np.flatnonzero(lost > 0)
    figures["tokens"] = {
        **_summary(tokens),
        "max_length": max_length,
        "cut_rows": len(cut),
        "lost": round(float(lost.sum() / tokens.sum()), 5),
    }
    if len(cut):
        what = (
            f"are longer than `max_length: {max_length}` and lose "
            f"{100 * lost[cut].sum() / tokens[cut].sum():.0f} % of their tokens"
        )
        level: Level = "warning" if len(cut) > MANY * len(rows) else "note"
        wanted = int(np.quantile(tokens, 0.99))
        hint = _hint(wanted, max_length, positions, _other_ways(part.task, tasks))
        findings.append(part.finding(level, CHECK, cut, what, hint if level == "warning" else None))
    return figures, findings


def _hint(wanted: int, max_length: int, positions: int | None, ways: Sequence[str]) -> str | None:
    """Say how fewer rows are cut, None where nothing is left to do.

    >>> _hint(300, 128, 508, ["head_tail"])
    '`train.max_length: 300` would cut one row in a hundred'
    >>> _hint(1606, 508, 508, ["windows"])
    'the backbone has positions for 508 tokens: `long_text: windows` reads all of a text'
    """
    if positions is None or wanted <= positions:
        return f"`train.max_length: {wanted}` would cut one row in a hundred"
    told = [f"`train.max_length: {positions}` cuts less"] if max_length < positions else []
    told += [f"`long_text: {way}` reads {_READS[way]}" for way in ways]
    return f"the backbone has positions for {positions} tokens: {', '.join(told)}" if told else None


def _other_ways(task: TaskSpec, tasks: Mapping[str, TaskSpec]) -> list[str]:
    """Return the values of `long_text` that read more than the task's own."""
    ways = list(_READS)
    if any(task.name in other.reads for other in tasks.values()):
        ways.remove("windows")  # refused: others read its prediction
    return ways[ways.index(task.long_text) + 1 :] if task.long_text in ways else ways


def _summary(lengths: NDArray[np.int64]) -> dict[str, int]:
    median, most = np.quantile(lengths, [0.5, 0.9])
    return {"median": int(median), "p90": int(most), "max": int(lengths.max())}


def _emptiest(rows: Rows) -> NDArray[np.int64]:
    """Return the length of each row's shortest field, white space left out."""
    lengths = [
        pc.utf8_length(pc.utf8_trim_whitespace(column)).to_numpy()
        for column in rows.fields.values()
    ]
    shortest: NDArray[np.int64] = np.min(lengths, axis=0)
    return shortest


def _token_lengths(
    rows: Rows, forms: Sequence[Form], tokenizer: PieceTokenizer, max_length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the tokens of each row's longest prompt before it is cut, and how many of them are too
    many."""
    counts: dict[tuple[str, bool], NDArray[np.int64]] = {}
    longest = np.zeros(len(rows), np.int64)
    for form in forms:
        total = np.full(len(rows), max_length - form.room(max_length), np.int64)
        for part in form.parts:
            if part.field is None:
                continue
            place = (part.field, part.space_before)
            if place not in counts:
                counts[place] = _tokens(rows, part.field, tokenizer, part.space_before)
            total += counts[place]
        longest = np.maximum(longest, total)
    return longest, np.maximum(longest - max_length, 0)


def _tokens(
    rows: Rows, field: str, tokenizer: PieceTokenizer, space_before: bool
) -> NDArray[np.int64]:
    lengths: list[int] = []
    for texts in text_chunks(rows, field):
        lengths += map(len, tokenizer.encode(texts, space_before=space_before))
    return np.array(lengths, np.int64)
