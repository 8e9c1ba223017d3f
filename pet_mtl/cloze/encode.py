"""Rows to prompts: each row is tokenised once and put into its forms; masks are put in when a batch
is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.columns import CHUNK, Columns, IntArray, Ragged, tokenize_column
from pet_mtl.cloze.form import Form, compile_tasks
from pet_mtl.cloze.shorten import most_pieces, ragged_arange, shorten, window_offsets
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.task import TaskSpec


@dataclass(frozen=True)
class Prompts:
    """All prompts of a run, without their masks, in one ragged array.

    Attributes:
        ids: token ids of all prompts, one after the other; uint16 where the vocabulary allows it.
        starts: `n + 1` offsets into `ids`.
        slot_at: `n` positions where the masks go.
        form: `n` indices into `forms`.
        row: `n` row numbers within the task's rows; the windows of one row follow one another.
        label: `n` label indices, -1 where unknown.
        forms: the compiled patterns.
        targets: by task, the targets of its rows `[rows, …]`, for those that are more than labels.
        kept: `[n, F]` tokens of each field that were kept, in the order of the form's fields.
        said_at: `[n, C]` positions of the words that other tasks say; a form with fewer of them has
            zeros at the end.
        said: for a task and one that it reads, its rows as prompts of that one, pattern by pattern.
    """

    ids: IntArray
    starts: npt.NDArray[np.int64]
    slot_at: npt.NDArray[np.int32]
    form: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    forms: tuple[Form, ...]
    targets: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    kept: npt.NDArray[np.int32] | None = None
    said_at: npt.NDArray[np.int32] | None = None
    said: "Mapping[tuple[str, str], Prompts]" = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.slot_at)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """`n` prompt lengths in tokens, with as many masks as a row is ever read with, and the
        longest words of other tasks."""
        longest = np.array(
            [form.masks[-1] + form.said_length for form in self.forms], dtype=np.int64
        )
        return np.diff(self.starts) + longest[self.form]

    @cached_property
    def variants(self) -> npt.NDArray[np.int64]:
        """`n` numbers of prompts that a row needs: one for each number of masks."""
        counts = np.array([len(form.masks) for form in self.forms], dtype=np.int64)
        return counts[self.form]

    def with_masks(self, masks: int) -> "Prompts":
        """Return the same rows, to be read with so many masks each, whatever the label words."""
        forms = tuple(replace(form, masks=(masks,)) for form in self.forms)
        return replace(self, forms=forms)


@dataclass(frozen=True)
class _Assembled:
    """Prompts of one form: ids, and for each its row, length, slot position, fields' tokens
    `[n, F]` and the positions of what other tasks say `[n, C]`."""

    ids: IntArray
    row: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    slot_at: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]
    said_at: npt.NDArray[np.int64]


def encode_suite(
    tasks: Mapping[str, TaskSpec],
    rows: Mapping[str, Rows],
    tokenizer: PieceTokenizer,
    max_length: int,
) -> Prompts:
    """Compile the patterns of tasks, and encode rows into them, see `encode_forms`.

    Args:
        tasks: those without `rows` are compiled all the same, so that form numbers never change.

    Raises:
        PetMtlError: see `compile_forms`.
    """
    compiled = compile_tasks(tasks.values(), tokenizer, max_length)
    return encode_forms(compiled.forms, rows, tokenizer, max_length)


def encode_forms(
    forms: Sequence[Form],
    rows: Mapping[str, Rows],
    tokenizer: PieceTokenizer,
    max_length: int,
    columns: Columns | None = None,
    read: Sequence[Form] | None = None,
    *,
    windows: bool = True,
) -> Prompts:
    """Encode rows into compiled forms, all in one store of prompts.

    The prompts of a task follow one another, pattern by pattern, each in the order of the rows.

    Args:
        rows: of each task.
        max_length: the longest prompt, in tokens; only fields are shortened, the longest first.
        windows: a row that is too long for a form with `long_text: windows` becomes several
            prompts, one behind the other, as it is scored; False takes its first window alone.
        read: the forms of tasks whose predictions stand in prompts; None: they are among `forms`.
        columns: the tokenised columns of `rows`, filled here; given again, nothing is tokenised
            anew.

    Raises:
        PetMtlError: there are no rows; a form reads what a task says that is not there.
    """
    parts = [part for form in forms for part in form.parts]
    highest = max([tokenizer.vocab_size, *(max(part.ids, default=0) for part in parts)])
    dtype = np.uint16 if highest <= np.iinfo(np.uint16).max else np.int32
    columns = {} if columns is None else columns
    blocks: list[tuple[int, Rows, _Assembled]] = []
    for number, form in enumerate(forms):
        if form.task not in rows or not len(rows[form.task]):
            continue
        of_task = rows[form.task]
        fields = _tokenize_fields(form, of_task, tokenizer, max_length, dtype, columns)
        block = _assemble_rows(form, fields, len(of_task), max_length, dtype, windows)
        blocks.append((number, of_task, block))
    if not blocks:
        raise PetMtlError("there are no rows to encode")
    said = _encode_said(forms, forms if read is None else read, rows, tokenizer, max_length)
    return Prompts(
        ids=np.concatenate([block.ids for *_, block in blocks]),
        starts=np.cumsum(np.concatenate([[0], *(block.lengths for *_, block in blocks)])),
        slot_at=np.concatenate([block.slot_at for *_, block in blocks]).astype(np.int32),
        form=np.concatenate([np.full(len(b.row), number, np.int32) for number, _, b in blocks]),
        row=np.concatenate([block.row for *_, block in blocks]).astype(np.int32),
        label=np.concatenate(
            [_labels(forms[number], r.labels)[block.row] for number, r, block in blocks]
        ).astype(np.int32),
        forms=tuple(forms),
        targets={
            name: of_task.targets
            for name, of_task in rows.items()
            if of_task.targets is not None and any(form.task == name for form in forms)
        },
        said_at=_stacked([block.said_at for *_, block in blocks]) if said else None,
        said=said,
        kept=_stacked([block.kept for *_, block in blocks]),
    )


def _tokenize_fields(
    form: Form,
    rows: Rows,
    tokenizer: PieceTokenizer,
    max_length: int,
    dtype: type,
    columns: Columns,
) -> dict[tuple[str, bool], Ragged]:
    """Return the pieces of a form's fields, by name and whether a space stands before them; those
    that are new are tokenised and put into `columns`."""
    most = most_pieces(form.long_text, max_length)
    fields = {}
    for name, space in {
        (part.field, part.space_before) for part in form.parts if part.field is not None
    }:
        key = (form.task, name, space, form.long_text)
        if key not in columns:
            columns[key] = tokenize_column(rows, name, tokenizer, space, most, dtype)
        fields[name, space] = columns[key]
    return fields


def _labels(form: Form, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the label of each row's prompt: the row's own, or, of a hypothesis, 0 (yes) where it
    is the row's label and 1 (no) elsewhere."""
    if form.hypothesis is None:
        return labels
    return np.where(labels < 0, -1, (labels != form.hypothesis).astype(np.int64))


def _encode_said(
    forms: Sequence[Form],
    read: Sequence[Form],
    rows: Mapping[str, Rows],
    tokenizer: PieceTokenizer,
    max_length: int,
) -> dict[tuple[str, str], Prompts]:
    """Return the rows of each task that reads predictions as prompts of the tasks that predict,
    whose forms are `read`.

    Raises:
        PetMtlError: the forms are not those of a whole suite.
    """
    said: dict[tuple[str, str], Prompts] = {}
    for form in forms:
        for part in form.said_parts if form.task in rows and len(rows[form.task]) else ():
            assert part.said is not None
            if (form.task, part.said) in said:
                continue
            if not part.words:
                raise PetMtlError(
                    f"`{{task:{part.said}}}` in a pattern of `{form.task}` needs the other task's "
                    "prediction, which this cannot ask for",
                    hint="leave the task out here, or write a pattern without that place",
                )
            of_task = rows[form.task]
            none = np.full(len(of_task), -1, np.int64)
            bare = replace(of_task, labels=none, targets=None)
            said[form.task, part.said] = encode_forms(
                read, {part.said: bare}, tokenizer, max_length
            )
    return said


def _stacked(blocks: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int32]:
    """Put blocks `[n, F]` under one another, `F` being that of the widest."""
    out = np.zeros((sum(map(len, blocks)), max(block.shape[1] for block in blocks)), np.int32)
    start = 0
    for block in blocks:
        out[start : start + len(block), : block.shape[1]] = block
        start += len(block)
    return out


def _assemble_rows(
    form: Form,
    fields: Mapping[tuple[str, bool], Ragged],
    count: int,
    max_length: int,
    dtype: type,
    windows: bool,
) -> _Assembled:
    """Assemble in blocks of rows: the index arrays of all rows at once would be many times the
    prompts."""
    done = []
    many = form.long_text == "windows" and windows
    step = max(CHUNK // 64, 1) if many else CHUNK  # then a row may be `MOST_WINDOWS` prompts
    for start in range(0, count, step):
        end = min(start + step, count)
        part = {name: column.part(start, end) for name, column in fields.items()}
        block = _assemble(form, part, end - start, max_length, dtype, windows)
        done.append(replace(block, row=block.row + start))
    if len(done) == 1:
        return done[0]
    columns = zip(*(vars(block).values() for block in done), strict=True)
    return _Assembled(*map(np.concatenate, columns))


def _assemble(
    form: Form,
    fields: Mapping[tuple[str, bool], Ragged],
    count: int,
    max_length: int,
    dtype: type,
    windows: bool,
) -> _Assembled:
    """Put constant parts and shortened fields together."""
    sources = [
        fields[part.field, part.space_before] for part in form.parts if part.field is not None
    ]
    room = form.room(max_length)
    lengths = [source.lengths for source in sources]
    kept = shorten(lengths, room) if sources else []
    row, begins = np.arange(count), [source.starts[:-1] for source in sources]
    if form.long_text == "windows" and windows and sources:
        row, offsets = window_offsets(lengths, kept)
        begins = [begin[row] + at for begin, at in zip(begins, offsets, strict=True)]
        kept, count = [keep[row] for keep in kept], len(row)
    kept_of_part = iter(kept)
    widths = [
        np.full(count, len(part.ids), dtype=np.int64) if part.field is None else next(kept_of_part)
        for part in form.parts
    ]
    edges = np.cumsum([np.zeros(count, dtype=np.int64), *widths], axis=0)  # [parts + 1, n]
    starts = np.concatenate([[0], np.cumsum(edges[-1])])
    out = np.empty(starts[-1], dtype=dtype)
    slot_at = np.zeros(count, dtype=np.int64)
    said_at = np.zeros((count, len(form.said_parts)), dtype=np.int64)
    field_number = said_number = 0
    for part, edge in zip(form.parts, edges[:-1], strict=True):
        at = starts[:-1] + edge
        if part.is_slot:
            slot_at = edge
        elif part.said is not None:
            said_at[:, said_number] = edge
            said_number += 1
        elif part.field is None:
            if part.ids:
                out[at[:, None] + np.arange(len(part.ids))] = np.array(part.ids, dtype=dtype)
        else:
            source, keep = sources[field_number], kept[field_number]
            within = ragged_arange(keep)
            taken = np.repeat(begins[field_number], keep) + within
            if form.long_text == "head_tail":  # of the two halves the first is longer by one
                left_out = source.lengths - keep
                taken += np.repeat(left_out, keep) * (within >= np.repeat((keep + 1) // 2, keep))
            out[np.repeat(at, keep) + within] = source.ids[taken]
            field_number += 1
    kept_by_row = np.stack(kept, 1) if kept else np.empty((count, 0), np.int64)
    return _Assembled(out, row, edges[-1], slot_at, kept_by_row, said_at)
