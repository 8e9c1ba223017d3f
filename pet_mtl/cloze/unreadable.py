"""Texts that the model cannot read: how much of them became unknown pieces, single bytes or single
letters."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows

MANY = 0.2  # share of a task's pieces above which a warning is due
CHARACTERS = 2000  # of a text that are looked at
ROWS = 1000  # of a task, likewise
SPELLED = 3  # single letters in a row that are a word cut into them
ADVICE = "choose a model of their language and script"
_END = -1  # behind each text
_LETTER = re.compile("(?:##|▁|Ġ)?[A-Za-z]")
_BYTE = re.compile(r"<0x[89A-F][0-9A-F]>")


def unreadable_ids(tokenizer: PieceTokenizer) -> set[int]:
    """Return the unknown piece and those of one byte of a character (`<0xE4>`, or a byte-level
    letter)."""
    vocabulary = tokenizer.tokenizer.get_vocab().items()
    found = {number for piece, number in vocabulary if _BYTE.fullmatch(piece)}
    if tokenizer.byte_level:
        found |= {
            number
            for piece, number in vocabulary
            if len(piece) == 1 and "\u00a1" <= piece not in "ĠĊĉč"
        }
    return found if tokenizer.unk_id is None else found | {tokenizer.unk_id}


@dataclass(frozen=True)
class Readability:
    """How much of the pieces of some texts says little to a model.

    Attributes:
        unknown: share of unknown pieces and of those of one byte of a character.
        spelled: share of single letters that Latin words were cut into.
    """

    unknown: float = 0.0
    spelled: float = 0.0

    @property
    def share(self) -> float:
        return self.unknown + self.spelled


def text_readability(texts: Iterable[str], tokenizer: PieceTokenizer) -> Readability:
    """Measure texts, of long ones the first `CHARACTERS`: a piece takes hundreds of bytes."""
    return readability(tokenizer.encode([text[:CHARACTERS] for text in texts]), tokenizer)


def readability(texts: Iterable[Sequence[int]], tokenizer: PieceTokenizer) -> Readability:
    """Measure the pieces of texts; nothing is unreadable where there are none."""
    ids = np.array([piece for text in texts for piece in (*text, _END)], np.int64)
    unknown, spelled = _lost(ids, tokenizer)
    total = int((ids != _END).sum())
    if not total:
        return Readability()
    return Readability(float(unknown.sum() / total), float(spelled.sum() / total))


def _lost(
    ids: NDArray[np.int64], tokenizer: PieceTokenizer
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which pieces are unknown, and which are letters of a spelled word: three or more
    single Latin letters in a row."""
    unknown = np.isin(ids, sorted(unreadable_ids(tokenizer)))
    letters = [
        number
        for piece, number in tokenizer.tokenizer.get_vocab().items()
        if _LETTER.fullmatch(piece)
    ]
    single = np.isin(ids, letters) & ~unknown
    edges = np.flatnonzero(np.diff(np.concatenate([[False], single, [False]]).astype(np.int8)))
    spelled = np.zeros(len(ids), bool)
    for start, end in edges.reshape(-1, 2):
        spelled[start:end] = end - start >= SPELLED
    return unknown, spelled


def unreadable_warnings(prompts: Prompts, tokenizer: PieceTokenizer) -> list[str]:
    """Return a warning for each task of whose texts the model can read little, judged by its first
    prompts."""
    warnings = []
    for task in dict.fromkeys(form.task for form in prompts.forms):
        number = next(i for i, form in enumerate(prompts.forms) if form.task == task)
        rows = np.flatnonzero(prompts.form == number)[:ROWS]
        if not len(rows):
            continue
        ids = prompts.ids[prompts.starts[rows[0]] : prompts.starts[rows[-1] + 1]].astype(np.int64)
        constant = [piece for part in prompts.forms[number].parts for piece in part.ids]
        texts = len(ids) - len(rows) * len(constant)
        around = _lost(np.array(constant, np.int64), tokenizer)
        lost = [
            max(0, int(found.sum()) - len(rows) * int(own.sum()))
            for found, own in zip(_lost(ids, tokenizer), around, strict=True)
        ]
        if texts and sum(lost) / texts > MANY:
            warnings.append(warning(task, Readability(lost[0] / texts, lost[1] / texts)))
    return warnings


def row_warnings(rows: Mapping[str, Rows], tokenizer: PieceTokenizer) -> list[str]:
    """Return a warning for each task of whose rows' texts the model can read little."""
    warnings = []
    for task, of_task in rows.items():
        texts = [
            text for column in of_task.fields.values() for text in column.slice(0, ROWS).to_pylist()
        ]
        measured = text_readability(texts, tokenizer)
        if measured.share > MANY:
            warnings.append(warning(task, measured))
    return warnings


def warning(task: str, measured: Readability) -> str:
    """Say how much of a task's texts is lost."""
    return f"warning: {task}: {lost_text(measured)}; {ADVICE}"


def lost_text(measured: Readability) -> str:
    """Say in figures what a model cannot read.

    >>> lost_text(Readability(0.25, 0.0))
    'the model cannot read 25 % of the pieces of the texts (25 % unknown to its vocabulary)'
    """
    parts = [f"{100 * measured.unknown:.0f} % unknown to its vocabulary"] * (measured.unknown > 0)
    if measured.spelled > 0:
        parts.append(f"{100 * measured.spelled:.0f} % single letters of Latin words")
    return (
        f"the model cannot read {100 * measured.share:.0f} % of the pieces of the texts "
        f"({', '.join(parts)})"
    )
