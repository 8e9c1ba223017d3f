"""Patterns compiled for a tokenizer: constant parts and label words become ids once, fields and
slots stay open."""

import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pet_mtl.cloze.label_words import LabelWords, tokenize_label_words
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.pattern import Field, Literal, Mask, Part, Soft, parse_pattern
from pet_mtl.suite.task import TaskSpec

Kind = typing.Literal["special", "prefix", "pattern", "field", "slot", "soft"]


@dataclass(frozen=True)
class FormPart:
    """One part of a compiled pattern: constant ids, a field, or (neither) the slots."""

    ids: tuple[int, ...] = ()
    field: str | None = None
    space_before: bool = False
    is_slot: bool = False
    kind: Kind = "pattern"


@dataclass(frozen=True)
class Form:
    """One pattern of one task, compiled for a tokenizer.

    Attributes:
        task: the task's name.
        pattern: which of the task's patterns, from 0.
        parts: in the order of the prompt.
        masks: the numbers of masks that a row is read with, ascending: one prompt for each.
        num_labels: `K` of the task.
        weight: how much it counts in the average of the task's patterns.
        kind: of the task; what its label scores mean.
        hypothesis: the label that the prompt states, where a row is read once for each.
    """

    task: str
    pattern: int
    parts: tuple[FormPart, ...]
    masks: tuple[int, ...]
    num_labels: int
    weight: float = 1.0
    kind: KindSpec = field(default_factory=KindSpec)
    hypothesis: int | None = None

    @property
    def constant_length(self) -> int:
        """Tokens of a prompt that are neither fields nor slots."""
        return sum(len(part.ids) for part in self.parts)

    def room(self, max_length: int) -> int:
        """Return how many tokens the fields may take together; all prompts of a row have the same
        text, so room is kept for the most masks."""
        return max_length - self.constant_length - self.masks[-1]


@dataclass(frozen=True)
class Compiled:
    """Patterns and label words of tasks, compiled for a tokenizer.

    Attributes:
        forms: `F`, pattern by pattern, task by task.
        words: `F`, the label words as they are written at each form's slot; none where no words
            are read.
    """

    forms: tuple[Form, ...]
    words: tuple[LabelWords, ...] = ()


CompileTask = Callable[[TaskSpec, PieceTokenizer, int], Compiled]


def compile_tasks(
    tasks: Iterable[TaskSpec],
    tokenizer: PieceTokenizer,
    max_length: int,
    compile_task: CompileTask | None = None,
) -> Compiled:
    """Compile several tasks.

    Args:
        compile_task: how a task's rows are written; None for `compile_forms`.

    Raises:
        PetMtlError: see `compile_forms`.
    """
    each = [(compile_task or compile_forms)(task, tokenizer, max_length) for task in tasks]
    return Compiled(
        tuple(form for of_task in each for form in of_task.forms),
        tuple(words for of_task in each for words in of_task.words),
    )


def compile_forms(task: TaskSpec, tokenizer: PieceTokenizer, max_length: int) -> Compiled:
    """Compile the patterns of a task: their constant parts and its label words are tokenised here,
    once.

    Raises:
        PetMtlError: label words the tokenizer cannot write; a pattern that leaves its fields no
            room in `max_length`.
    """
    forms, tables = [], dict[bool, LabelWords]()  # by whether a space stands before the slot
    stated = 0  # labels, each in a form of its own
    if task.kind_spec.facts.hypotheses:
        task, stated = task.statements, len(task.verbalizer.labels)
    for index, source in enumerate(task.patterns):
        parts, space = compile_pattern(task, index, tokenizer)
        if space not in tables:
            tables[space] = tokenize_label_words(
                task.readings, tokenizer, space_before=space, slots=task.word_slots
            )
        masks, labels = tables[space].lengths, tables[space].num_labels
        pattern, label = divmod(index, stated) if stated else (index, None)
        weight = task.weight_of(pattern)
        form = Form(task.name, pattern, parts, masks, labels, weight, task.kind_spec, label)
        room = form.room(max_length)
        if room < len(parse_pattern(source).fields):
            raise PetMtlError(
                f"task `{task.name}`: pattern {index + 1} and its slots take {max_length - room} "
                f"of {max_length} tokens, which leaves no room for the text",
                hint="raise `train.max_length` or shorten the prefix and the pattern",
            )
        forms.append((form, tables[space]))
    return Compiled(tuple(form for form, _ in forms), tuple(words for _, words in forms))


def compile_pattern(
    task: TaskSpec, index: int, tokenizer: PieceTokenizer
) -> tuple[tuple[FormPart, ...], bool]:
    """Return the parts of one pattern, prefix included, and whether a space stands before its
    slot."""
    parts = [FormPart(ids=tuple(tokenizer.start_ids), kind="special")]
    pattern = parse_pattern(task.patterns[index])
    prefix: tuple[Part, ...] = (Literal(task.prefix),) if task.prefix else ()
    soft = tokenizer.vocab_size + sum(
        parse_pattern(other).soft_pieces for other in task.patterns[:index]
    )
    space, space_at_slot = tokenizer.marks_start, False
    for number, part in enumerate((*prefix, *pattern.parts)):
        match part:
            case Literal(text=text):
                # A space at the end belongs to what follows, as byte-level and SentencePiece pieces
                # have it.
                text = f" {text}" if space else text
                shown = text.removesuffix(" ")
                if shown:
                    ids = tokenizer.encode(
                        [shown.removeprefix(" ")], space_before=shown.startswith(" ")
                    )
                    parts.append(
                        FormPart(
                            ids=tuple(ids[0]), kind="prefix" if number < len(prefix) else "pattern"
                        )
                    )
                space = text.endswith(" ")
            case Field(name=name):
                parts.append(FormPart(field=name, space_before=space, kind="field"))
                space = False
            case Mask():
                parts.append(FormPart(is_slot=True, kind="slot"))
                space_at_slot, space = space, False
            case Soft(
                count=count
            ):  # ids beyond the vocabulary, for each task from its end; see `model.soft_pieces`
                parts.append(FormPart(ids=tuple(range(soft, soft + count)), kind="soft"))
                soft += count
    parts.append(FormPart(ids=tuple(tokenizer.end_ids), kind="special"))
    return tuple(parts), space_at_slot
