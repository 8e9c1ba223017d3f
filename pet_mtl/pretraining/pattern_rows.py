"""A suite's prompts with the gold label words written in, as rows for pattern-aware masking."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.form import Form, compile_forms
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.shorten import shorten
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.rows import LABEL_WORD, TEXT, PieceRows
from pet_mtl.suite.task import TaskSpec


def pattern_rows(
    tasks: Mapping[str, TaskSpec],
    rows: Mapping[str, Sequence[Rows]],
    tokenizer: PieceTokenizer,
    max_length: int,
    maskable: npt.NDArray[np.bool_],
) -> PieceRows:
    """Return one row for each labelled training row and pattern; a label's words take turns.

    Raises:
        PetMtlError: see `compile_forms`; or no row has a label.
    """
    pieces: list[list[int]] = []
    marks: list[list[int]] = []
    for name, task in tasks.items():
        if not task.kind_spec.facts.plain:  # no label word stands for the row
            continue
        compiled = compile_forms(task, tokenizer, max_length)
        for form, words in zip(compiled.forms, compiled.words, strict=True):
            for part in rows.get(name, ()):
                _write(form, words, part, tokenizer, max_length, pieces, marks)
    if not pieces:
        raise PetMtlError(
            "no row has a label",
            hint="pattern-aware masking writes the gold label words into the training rows",
        )
    ends = np.cumsum([len(row) for row in pieces])
    return PieceRows(
        pieces=np.concatenate([np.array(row, np.int32) for row in pieces]),
        starts=np.concatenate([[0], ends[:-1]]).astype(np.int64),
        ends=ends.astype(np.int64),
        before=tuple(tokenizer.start_ids),
        after=tuple(tokenizer.end_ids),
        maskable=np.ones_like(maskable),  # the marks say it all: a label word may be any piece
        pad_id=tokenizer.pad_id,
        marks=np.concatenate([np.array(row, np.uint8) for row in marks]),
    )


def _write(
    form: Form,
    words: LabelWords,
    rows: Rows,
    tokenizer: PieceTokenizer,
    max_length: int,
    pieces: list[list[int]],
    marks: list[list[int]],
) -> None:
    fields = [part for part in form.parts if part.field is not None]
    texts = [
        tokenize_field(rows, part.field or "", tokenizer, part.space_before) for part in fields
    ]
    lengths = [np.array([len(ids) for ids in column]) for column in texts]
    kept = shorten(lengths, form.room(max_length)) if fields else []
    own = [[words.pieces[w] for w in words.of_label(k)] for k in range(words.num_labels)]
    inner = form.parts[
        1:-1
    ]  # the first and the last part are the special ids, which every row gets anyway
    for number in np.flatnonzero(rows.labels >= 0).tolist():
        of_label = own[rows.labels[number]]
        ids: list[int] = []
        kinds: list[int] = []
        field = 0
        for part in inner:
            if part.is_slot:
                new, kind = list(of_label[(number + form.pattern) % len(of_label)]), LABEL_WORD
            elif part.field is not None:
                new, kind = texts[field][number][: int(kept[field][number])], TEXT
                field += 1
            else:
                new, kind = [] if part.kind == "soft" else list(part.ids), 0
            ids += new
            kinds += [kind] * len(new)
        pieces.append(ids)
        marks.append(kinds)


def tokenize_field(
    rows: Rows, field: str, tokenizer: PieceTokenizer, space_before: bool
) -> list[list[int]]:
    """Return the pieces of a field of every row."""
    return tokenizer.encode(rows.fields[field].to_pylist(), space_before=space_before)
