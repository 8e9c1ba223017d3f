"""Patterns compiled for a tokenizer: constant parts and label words become ids once, fields and
slots stay open."""

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pet_mtl.cloze.behind import require_end, slot_room
from pet_mtl.cloze.label_words import LabelWords, tokenize_label_words
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.long_text import LongText, Pooling
from pet_mtl.suite.pattern import Field, Literal, Mask, Part, Said, Soft, parse_pattern
from pet_mtl.suite.task import TaskSpec

PartKind = typing.Literal["special", "prefix", "pattern", "field", "slot", "soft"]


@dataclass(frozen=True)
class FormPart:
    """One part of a compiled pattern: constant ids, a field, the slots, or what another task says.

    Attributes:
        said: the task whose predicted label word stands here.
        words: the pieces of the main word of each of its labels; none before `compile_tasks`.
        mixed: all its label words stand here, weighed by their probabilities, in as many places as
            the longest has pieces; the last piece of a shorter one fills up its places.
    """

    ids: tuple[int, ...] = ()
    field: str | None = None
    space_before: bool = False
    kind: PartKind = "pattern"
    said: str | None = None
    words: tuple[tuple[int, ...], ...] = ()
    mixed: bool = False

    @property
    def is_slot(self) -> bool:
        return self.kind == "slot"


@dataclass(frozen=True)
class Form:
    """One pattern of one task, compiled for a tokenizer.

    Attributes:
        task: the task's name.
        pattern: which of the task's patterns, from 0.
        parts: in the order of the prompt.
        masks: the numbers of masks that a row is read with, ascending: one prompt for each.
        num_labels: columns that the model scores: `K` of the task, and what stands beside them.
        weight: how much it counts in the average of the task's patterns.
        kind: of the task; what its label scores mean.
        hypothesis: the label that the prompt states, where a row is read once for each.
        behind: where label words stand behind the text, a causal model's, the positions that the
            longest takes but for its last piece; `masks` is then how many tokens are computed for
            all of them together.
        long_text: which tokens of a text that is too long are read.
        pooling: how the scores of several windows become one.
    """

    task: str
    pattern: int
    parts: tuple[FormPart, ...]
    masks: tuple[int, ...]
    num_labels: int
    weight: float = 1.0
    kind: KindSpec = field(default_factory=KindSpec)
    hypothesis: int | None = None
    behind: int | None = None
    long_text: LongText = "head"
    pooling: Pooling = "mean"

    @property
    def outcomes(self) -> int:
        """Columns of scores that a row can have as its label."""
        return self.num_labels - len(self.kind.above)

    @property
    def slot_length(self) -> int:
        """Positions that the longest label word takes."""
        return self.masks[-1] if self.behind is None else self.behind

    @property
    def constant_length(self) -> int:
        """Tokens of a prompt that are neither fields nor slots."""
        return sum(len(part.ids) for part in self.parts)

    @property
    def said_parts(self) -> tuple[FormPart, ...]:
        """The places of what other tasks say, in the order of the prompt."""
        return tuple(part for part in self.parts if part.said is not None)

    @property
    def said_length(self) -> int:
        """Tokens that what other tasks say takes at the most."""
        return sum(max(map(len, part.words), default=0) for part in self.said_parts)

    def room(self, max_length: int) -> int:
        """Return how many tokens the fields may take together; all prompts of a row have the same
        text, so room is kept for the most masks, and for the longest words of other tasks."""
        return max_length - self.constant_length - self.slot_length - self.said_length


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

    def of_task(self, name: str) -> "Compiled":
        """Return the patterns and label words of one task."""
        places = [place for place, form in enumerate(self.forms) if form.task == name]
        words = tuple(self.words[place] for place in places) if self.words else ()
        return Compiled(tuple(self.forms[place] for place in places), words)


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
    tasks, problems, each = list(tasks), ProblemList(), []
    for task in tasks:
        try:
            each.append((compile_task or compile_forms)(task, tokenizer, max_length))
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    specs = {task.name: task for task in tasks}
    return Compiled(
        tuple(
            with_read_words(form, specs, tokenizer, max_length)
            for of_task in each
            for form in of_task.forms
        ),
        tuple(words for of_task in each for words in of_task.words),
    )


def compile_forms(task: TaskSpec, tokenizer: PieceTokenizer, max_length: int) -> Compiled:
    """Compile the patterns of a task: their constant parts and its label words are tokenised here,
    once.

    Raises:
        PetMtlError: label words the tokenizer cannot write; a pattern that leaves its fields no
            room in `max_length`; two labels whose hypotheses are the same pieces.
    """
    forms, tables = [], dict[bool, LabelWords]()  # by whether a space stands before the slot
    stated = 0  # labels, each in a form of its own
    if task.kind_spec.facts.hypotheses:
        task, stated = task.statements, len(task.verbalizer.labels)
    for index in range(len(task.patterns)):
        parts, space = compile_pattern(task, index, tokenizer)
        if space not in tables:
            tables[space] = tokenize_label_words(
                task.readings,
                tokenizer,
                space_before=space,
                slots=task.word_slots,
                apart=task.apart,
            )
        masks, behind = slot_room(tables[space], tokenizer)
        pattern, label = divmod(index, stated) if stated else (index, None)
        form = Form(
            task.name,
            pattern,
            parts,
            masks,
            num_labels=tables[space].num_labels,
            weight=task.weight_of(pattern),
            kind=task.kind_spec,
            hypothesis=label,
            behind=behind,
            long_text=task.long_text,
            pooling=task.long_text_pooling,
        )
        _require_room(form, max_length)
        forms.append((form, tables[space]))
    if stated:
        _refuse_equal_hypotheses(task, [form for form, _ in forms])
    return Compiled(tuple(form for form, _ in forms), tuple(words for _, words in forms))


def _refuse_equal_hypotheses(task: TaskSpec, forms: Sequence[Form]) -> None:
    """Refuse labels whose hypotheses are the same pieces: the second would never be predicted.

    Args:
        forms: pattern by pattern, label by label.
    """
    words, first = task.verbalizer, dict[tuple[tuple[FormPart, ...], ...], int]()
    problems = ProblemList()
    for index, label in enumerate(words.labels):
        said = tuple(form.parts for form in forms[index :: len(words.labels)])
        if (twin := first.setdefault(said, index)) != index:
            problems.add(
                f"labels {quoted(words.labels[twin])} and {quoted(label)} make the same hypothesis "
                "for this model",
                where=words.where(index),
                hint="give one another main word, or another of `descriptions` (the tokenizer may "
                "drop case and accents, or not know the characters)",
            )
    problems.raise_if_any()


def _require_room(form: Form, max_length: int) -> None:
    """Refuse a pattern that leaves its fields no room."""
    room = form.room(max_length)
    if room < len({part.field for part in form.parts if part.field is not None}):
        raise PetMtlError(
            f"task `{form.task}`: pattern {form.pattern + 1} and its slots take "
            f"{max_length - room} of {max_length} tokens, which leaves no room for the text",
            hint="raise `train.max_length` or shorten the prefix and the pattern",
        )


def with_read_words(
    form: Form, tasks: Mapping[str, TaskSpec], tokenizer: PieceTokenizer, max_length: int
) -> Form:
    """Return a form that knows the label words of the tasks whose predictions it reads.

    Raises:
        PetMtlError: such a task is not among the tasks; no room is left for the text.
    """
    if not form.said_parts:
        return form
    parts = []
    for part in form.parts:
        if part.said is not None:
            if part.said not in tasks:
                raise PetMtlError(
                    f"`{form.task}` reads what `{part.said}` predicts, and that task is left out",
                    hint=f"take `{part.said}` too",
                )
            if tasks[part.said].long_text == "windows":
                raise PetMtlError(
                    f"`{form.task}` reads what `{part.said}` predicts, which has `long_text: "
                    "windows`: what stands in a prompt is predicted in one prompt",
                    hint=f"take `head` or `head_tail` as `long_text` of `{part.said}`",
                )
            mains = [words[0] for words in tasks[part.said].verbalizer.words]
            pieces = tokenizer.encode(mains, space_before=part.space_before)
            most = max(map(len, pieces)) if part.mixed else 0
            words = tuple((*ids, *ids[-1:] * (most - len(ids))) for ids in pieces)
            part = replace(part, words=words)
        parts.append(part)
    form = replace(form, parts=tuple(parts))
    _require_room(form, max_length)
    return form


def compile_pattern(
    task: TaskSpec, index: int, tokenizer: PieceTokenizer
) -> tuple[tuple[FormPart, ...], bool]:
    """Return the parts of one pattern, prefix included, and whether a space stands before its
    slot."""
    pattern = parse_pattern(task.patterns[index])
    if tokenizer.causal:
        require_end(pattern, task.name, index + 1)
    parts = [FormPart(ids=tuple(tokenizer.start_ids), kind="special")]
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
                space = text.endswith(tokenizer.blanks)
                shown = text[:-1] if space else text
                if shown:
                    before = shown.startswith(tokenizer.blanks)
                    ids = tokenizer.encode([shown[1:] if before else shown], space_before=before)
                    parts.append(
                        FormPart(
                            ids=tuple(ids[0]), kind="prefix" if number < len(prefix) else "pattern"
                        )
                    )
            case Field(name=name):
                parts.append(FormPart(field=name, space_before=space, kind="field"))
                space = False
            case Mask():
                parts.append(FormPart(kind="slot"))
                space_at_slot, space = space, False
            case Soft(count=count):
                # ids beyond the vocabulary, for each task from its end; see `model.soft_pieces`
                parts.append(FormPart(ids=tuple(range(soft, soft + count)), kind="soft"))
                soft += count
            case Said(task=read):
                parts.append(FormPart(said=read, space_before=space, mixed=not task.detach))
                space = False
    if tokenizer.causal and not any(part.ids for part in parts):
        # the label word of an empty text must stand behind something
        parts[0] = FormPart(ids=(tokenizer.begin_id,), kind="special")
    parts.append(FormPart(ids=tuple(tokenizer.end_ids), kind="special"))
    return tuple(parts), space_at_slot
