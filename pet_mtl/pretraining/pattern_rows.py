"""A suite's prompts with the gold label words written in, as rows for pattern-aware masking."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.columns import CHUNK, Ragged, tokenize_column
from pet_mtl.cloze.form import Form, compile_forms
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.shorten import ragged_arange, shorten
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.rows import LABEL_WORD, TEXT, ByteArray, IntArray, PieceRows
from pet_mtl.suite.task import TaskSpec

_ALL_PIECES = (sys.maxsize, 0)  # the longest field is cut first: whole lengths decide


@dataclass(frozen=True)
class _Prompts:
    """Rows one behind the other: their pieces, the marks of these, and `n` lengths."""

    pieces: IntArray
    marks: ByteArray
    lengths: npt.NDArray[np.int64]


def pattern_rows(
    tasks: Mapping[str, TaskSpec],
    rows: Mapping[str, Sequence[Rows]],
    tokenizer: PieceTokenizer,
    max_length: int,
    maskable: npt.NDArray[np.bool_],
) -> tuple[PieceRows, npt.NDArray[np.uint64]]:
    """Return one row for each labelled training row and pattern, and `[n]` the keys of the rows
    that they come from; a label's words take turns. Patterns that read another task are left out.

    Rows are tokenised `CHUNK` at a time, so that the memory is that of the arrays returned.

    Raises:
        PetMtlError: see `compile_forms`; or no row has a label word.
    """
    made: list[_Prompts] = []
    keys: list[npt.NDArray[np.uint64]] = []
    for name, task in tasks.items():
        if not task.kind_spec.facts.plain:  # no label word stands for the row
            continue
        compiled = compile_forms(task, tokenizer, max_length)
        for form, words in zip(compiled.forms, compiled.words, strict=True):
            if form.said_parts:
                say(
                    f"{name}: pattern {form.pattern + 1} reads another task's prediction, which "
                    "nobody makes here: left out"
                )
                continue
            for part in rows.get(name, ()):
                labelled = np.flatnonzero(part.labels >= 0)
                keys.append(row_keys(part)[labelled])
                made += [
                    _write(
                        form, words, part, labelled[start : start + CHUNK], tokenizer, max_length
                    )
                    for start in range(0, len(labelled), CHUNK)
                ]
    if not made:
        raise PetMtlError(
            "no training row has a label word to be written in",
            hint="pattern-aware masking needs labelled rows of a task whose answer is one label "
            "word: `kind: classification` without `levels`, or `ordered`",
        )
    ends = np.cumsum(np.concatenate([part.lengths for part in made]))
    pieces = np.concatenate([part.pieces for part in made])
    marks = np.concatenate([part.marks for part in made])
    marks[(marks == TEXT) & ~maskable[pieces]] = 0  # unknown pieces
    prompts = PieceRows(
        pieces=pieces,
        starts=np.concatenate([[0], ends[:-1]]).astype(np.int64),
        ends=ends.astype(np.int64),
        before=tuple(tokenizer.start_ids),
        after=tuple(tokenizer.end_ids),
        maskable=np.ones_like(maskable),  # the marks say it all: a label word may be any piece
        pad_id=tokenizer.pad_id,
        marks=marks,
    )
    return prompts, np.concatenate(keys)


def _write(
    form: Form,
    words: LabelWords,
    rows: Rows,
    numbers: npt.NDArray[np.int64],
    tokenizer: PieceTokenizer,
    max_length: int,
) -> _Prompts:
    """Return the prompts of the rows `numbers`, which have labels."""
    fields = [part for part in form.parts if part.field is not None]
    chosen = rows.take(numbers)
    texts = [
        tokenize_column(
            chosen, part.field or "", tokenizer, part.space_before, _ALL_PIECES, np.int32
        )
        for part in fields
    ]
    kept = shorten([column.lengths for column in texts], form.room(max_length)) if fields else []
    cut = iter([_cut(column, keep) for column, keep in zip(texts, kept, strict=True)])
    own = [[words.pieces[w] for w in words.of_label(k)] for k in range(words.num_labels)]
    parts: list[tuple[Ragged, int]] = []
    # the first and the last part are the special ids, which every row gets anyway
    for part in form.parts[1:-1]:
        if part.is_slot:
            of_rows = [
                own[label][(number + form.pattern) % len(own[label])]
                for number, label in zip(numbers.tolist(), chosen.labels.tolist(), strict=True)
            ]
            parts.append((_ragged(of_rows), LABEL_WORD))
        elif part.field is not None:
            parts.append((next(cut), TEXT))
        elif part.kind != "soft":
            parts.append((_ragged([part.ids] * len(numbers)), 0))
    return _join(parts)


def _ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    starts = np.concatenate([[0], np.cumsum([len(ids) for ids in rows])]).astype(np.int64)
    return Ragged(np.array([i for ids in rows for i in ids], np.int32), starts)


def _cut(column: Ragged, kept: npt.NDArray[np.int64]) -> Ragged:
    """Return the first `kept` pieces of each text."""
    starts = np.concatenate([[0], np.cumsum(kept)])
    return Ragged(column.ids[np.repeat(column.starts[:-1], kept) + ragged_arange(kept)], starts)


def _join(parts: Sequence[tuple[Ragged, int]]) -> _Prompts:
    """Write the parts of each row one behind the other, each with its mark."""
    widths = np.stack([part.lengths for part, _ in parts], axis=1)  # [n, parts]
    starts = (np.cumsum(widths) - widths.ravel()).reshape(widths.shape)
    pieces = np.empty(widths.sum(), np.int32)
    marks = np.empty(widths.sum(), np.uint8)
    for number, (part, mark) in enumerate(parts):
        width = widths[:, number]
        places = np.repeat(starts[:, number], width) + ragged_arange(width)
        pieces[places], marks[places] = part.ids, mark
    return _Prompts(pieces, marks, widths.sum(axis=1))
