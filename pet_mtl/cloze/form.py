"""Patterns compiled for a tokenizer: constant parts and label words become ids once, fields and
slots stay open."""

import typing
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
        words: the label words as they are written at this pattern's slot.
        weight: how much it counts in the average of the task's patterns.
        kind: of the task; what its label scores mean.
    """

    task: str
    pattern: int
    words: LabelWords
    parts: tuple[FormPart, ...]
    weight: float = 1.0
    kind: KindSpec = field(default_factory=KindSpec)

    @property
    def constant_length(self) -> int:
        """Tokens of a prompt that are neither fields nor slots."""
        return sum(len(part.ids) for part in self.parts)


def compile_forms(task: TaskSpec, tokenizer: PieceTokenizer, max_length: int) -> list[Form]:
    """Compile the patterns of a task: their constant parts are tokenised here, once.

    Raises:
        PetMtlError: label words the tokenizer cannot write; a pattern that leaves its fields no
            room in `max_length`.
    """
    forms = []
    for index, source in enumerate(task.patterns):
        parts, space_at_slot = compile_pattern(task, index, tokenizer)
        words = tokenize_label_words(
            task.readings, tokenizer, space_before=space_at_slot, slots=task.word_slots
        )
        form = Form(task.name, index, words, parts, task.weight_of(index), task.kind_spec)
        room = max_length - form.constant_length - words.lengths[-1]
        if room < len(parse_pattern(source).fields):
            raise PetMtlError(
                f"task `{task.name}`: pattern {index + 1} and its slots take {max_length - room} "
                f"of {max_length} tokens, which leaves no room for the text",
                hint="raise `train.max_length` or shorten the prefix and the pattern",
            )
        forms.append(form)
    return forms


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
