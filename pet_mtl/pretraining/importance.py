"""Which pieces of a task's texts matter to a classifier (Train No Evil, Gu et al. 2020).

The classifier is a cloze checkpoint: f(y|text) is its probability of the label. A buffer is filled
from left to right; a piece is important if, with it, the buffer comes within δ of the whole text's
confidence. An important piece leaves the buffer again, so that other evidence for the label is
found too. Only rows that the classifier gets right count, the most confident 80 % of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import Form
from pet_mtl.cloze.shorten import shorten
from pet_mtl.console import bar, say
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.model.methods import capabilities
from pet_mtl.random_streams import IMPORTANCE_ROWS
from pet_mtl.scoring.learned_parts import refuse_learned_parts
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.suite.suite import Suite

DELTA = 0.2  # how close to the whole text's confidence: the authors' code; the paper has 0.05
KEPT = 0.8
ROWS = 1000  # of a task: each costs one forward pass a piece

# characters that carry grammar, not a topic, a feeling or a relation
STOP_CHARACTERS = frozenset(
    "的了着过是在和与及或也都就而且但被把对于从到为以之其这那个们吗呢吧啊呀哦么我你他她它有还又很"
)


@dataclass(frozen=True)
class MarkedText:
    """A text as pieces and which of them are important."""

    ids: tuple[int, ...]
    important: tuple[bool, ...]


def rows_of_scorer(
    scorer: Suite, suite: Suite, rows: Mapping[str, Sequence[Rows]]
) -> dict[str, list[Rows]]:
    """Return a suite's rows of the scorer's tasks, with the numbers that their labels have there.

    Raises:
        PetMtlError: a task of one name is another one.
    """
    problems, found = ProblemList(), dict[str, list[Rows]]()
    for name, parts in rows.items():
        its, ours = scorer.tasks.get(name), suite.tasks[name]
        if its is None or not its.kind_spec.facts.plain:  # asked for nothing
            continue
        labels, known = ours.verbalizer.labels, its.verbalizer.labels
        if ours.kind != its.kind or {*its.fields} - {*ours.fields} or {*labels} - {*known}:
            problems.add(
                f"the scorer was trained on another task `{name}`: its labels, fields or kind are "
                "others",
                where=suite.source,
                hint="train one by this file, or give the one that it was trained by",
            )
            continue
        numbers = np.array([*map(known.index, labels), -1])  # the last for rows without a label
        found[name] = [replace(part, labels=numbers[part.labels]) for part in parts]
    problems.raise_if_any()
    return found


def mark_important(
    scorer: LoadedCheckpoint, rows: Mapping[str, Sequence[Rows]], *, seed: int
) -> list[MarkedText]:
    """Return marked texts of every task, in the pieces of the scorer's tokenizer; the fields of a
    row are one text.

    Args:
        scorer: the classifier.
        rows: training rows by task.
        seed: decides which rows are looked at where there are more than `ROWS` of a task.

    Raises:
        PetMtlError: the scorer is no cloze model without further parts.
    """
    if not capabilities(scorer.suite.method).words_alone:
        raise PetMtlError(
            f"the checkpoint was trained with `--method {scorer.suite.method.name}`, not with "
            "`pet`",
            where=str(scorer.folder),
            hint=(
                "selective masking reads partial texts in their patterns: give a checkpoint of "
                "the method `pet`"
            ),
        )
    refuse_learned_parts(
        scorer.suite, str(scorer.folder), "selective masking needs a checkpoint without them"
    )
    marked: list[MarkedText] = []
    for index, name in enumerate(scorer.suite.tasks):
        parts = [part for part in rows.get(name, ()) if (part.labels >= 0).any()]
        if not parts or not scorer.suite.tasks[name].kind_spec.facts.plain:
            continue
        # what other tasks say of part of a text is not asked
        own = (n for n, f in enumerate(scorer.forms) if f.task == name and not f.said_parts)
        number = next(own, None)
        if number is None:
            say(f"{name}: all its patterns read another task, so it marks no pieces")
            continue
        of_task = Rows.concat(parts)
        labelled = np.flatnonzero(of_task.labels >= 0)
        generator = IMPORTANCE_ROWS.generator(seed, index)
        chosen = np.sort(generator.permutation(labelled)[:ROWS])
        marked += _mark_task(scorer, of_task.take(chosen), number)
    stop = _stop_ids(scorer)
    return [
        MarkedText(
            text.ids,
            tuple(m and i not in stop for i, m in zip(text.ids, text.important, strict=True)),
        )
        for text in marked
    ]


def _mark_task(scorer: LoadedCheckpoint, rows: Rows, number: int) -> list[MarkedText]:
    """Mark the texts of a task's rows as one of its forms reads them."""
    form = scorer.forms[number]
    texts = _fields(scorer, form, rows)
    labels = rows.labels.astype(np.int32)
    confidence = _confidence(scorer, number, texts, labels)
    right = np.flatnonzero(confidence.argmax(-1) == labels)
    whole = confidence[np.arange(len(labels)), labels]
    right = right[np.argsort(-whole[right], kind="stable")][: max(1, round(KEPT * len(right)))]
    # each piece of a row with the number of its field
    pieces = [[(f, i) for f, ids in enumerate(texts[row]) for i in ids] for row in right]
    buffers: list[list[list[int]]] = [[[] for _ in texts[row]] for row in right]
    marks: list[list[bool]] = [[] for _ in right]
    longest = max(map(len, pieces), default=0)
    with bar(f"important pieces of {form.task}", longest) as shown:
        for position in range(longest):
            live = [k for k, of_row in enumerate(pieces) if position < len(of_row)]
            for k in live:
                field, piece = pieces[k][position]
                buffers[k][field].append(piece)
            of_live = labels[right[live]]
            scores = _confidence(scorer, number, [buffers[k] for k in live], of_live)
            for k, score in zip(live, scores[np.arange(len(live)), of_live], strict=True):
                marks[k].append(bool(whole[right[k]] - score < DELTA))
                if marks[k][-1]:
                    field, _ = pieces[k][position]
                    buffers[k][field].pop()
            shown.advance(1)
    return [
        MarkedText(tuple(piece for _, piece in of_row), tuple(of_marks))
        for of_row, of_marks in zip(pieces, marks, strict=True)
    ]


def _fields(scorer: LoadedCheckpoint, form: Form, rows: Rows) -> list[list[list[int]]]:
    """Return the pieces of each row's fields, cut to what a prompt holds."""
    parts = [part for part in form.parts if part.field is not None]
    columns = [
        scorer.tokenizer.encode(
            rows.fields[part.field or ""].to_pylist(), space_before=part.space_before
        )
        for part in parts
    ]
    room = form.room(scorer.suite.train.max_length)
    kept = shorten([np.array([len(ids) for ids in column]) for column in columns], room)
    return [
        [column[row][: int(keep[row])] for column, keep in zip(columns, kept, strict=True)]
        for row in range(len(rows))
    ]


def _prompts(
    forms: Sequence[Form],
    number: int,
    texts: Sequence[Sequence[Sequence[int]]],
    labels: npt.NDArray[np.int32],
) -> Prompts:
    """Put fields that are pieces already into the prompts of one of the forms."""
    ids: list[int] = []
    starts, slots = [0], []
    for fields in texts:
        field, begin = 0, len(ids)
        for part in forms[number].parts:
            if part.is_slot:
                slots.append(len(ids) - begin)
            elif part.field is not None:
                ids += fields[field]
                field += 1
            else:
                ids += part.ids
        starts.append(len(ids))
    count = len(texts)
    return Prompts(
        ids=np.array(ids, np.int32),
        starts=np.array(starts, np.int64),
        slot_at=np.array(slots, np.int32),
        form=np.full(count, number, np.int32),
        row=np.arange(count, dtype=np.int32),
        label=labels,
        forms=tuple(forms),
    )


def _confidence(
    scorer: LoadedCheckpoint,
    form: int,
    texts: Sequence[Sequence[Sequence[int]]],
    labels: npt.NDArray[np.int32],
) -> npt.NDArray[np.float32]:
    """Return the probability of each label, `[n, K]`."""
    forms = scorer.forms
    prompts = _prompts(forms, form, texts, labels)
    scores = scorer.item_scores(prompts)[:, : forms[form].num_labels]
    probabilities: npt.NDArray[np.float32] = np.exp(scores)
    return probabilities


def _stop_ids(scorer: LoadedCheckpoint) -> frozenset[int]:
    """Return the ids of stop words: function characters, and pieces without a letter or digit."""
    pieces = scorer.tokenizer.piece_texts(range(scorer.tokenizer.vocab_size))
    return frozenset(
        i
        for i, piece in enumerate(pieces)
        if piece in STOP_CHARACTERS or not any(character.isalnum() for character in piece)
    )
