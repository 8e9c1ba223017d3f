"""What `pet-mtl words check` finds in the label words of a suite."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise, takewhile
from typing import Any

from pet_mtl.cloze.chinese_words import WordCutter, is_han
from pet_mtl.cloze.form import compile_forms, compile_pattern
from pet_mtl.cloze.slot_cost import SlotCost, highest_slot_cost, slot_cost_note
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError, Problem
from pet_mtl.kinds import kind_of
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.pattern import LABEL_NAME, parse_pattern
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.candidate_scores import score_candidates, word_priors
from pet_mtl.words.loaded import Loaded
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model
from pet_mtl.words.trial import Trial


@dataclass(frozen=True)
class Place:
    """A label word of some task."""

    task: str
    label: str
    word: str


@dataclass
class WordReport:
    """What is known of one label word.

    Attributes:
        pieces: how its pieces read in the first pattern.
        length: their number, which is the number of masks.
        by_pattern: its pieces in each of the task's patterns, where these cut it in different ways;
            else empty.
        unknown: characters that the vocabulary does not hold.
        cuts: how jieba cuts the word, where it does.
        prior: its probability in the empty pattern: the geometric mean over its pieces and the
            task's patterns; None where the tokenizer cannot write it.
        shared: labels elsewhere that have this word.
        nested: label words elsewhere that hold this word, or that it holds.
        ids: its pieces in the first pattern; none where the tokenizer cannot write it.
    """

    word: str
    pieces: list[str]
    length: int
    unknown: list[str]
    cuts: list[str]
    by_pattern: list[list[str]] = field(default_factory=list)
    prior: float | None = None
    shared: list[Place] = field(default_factory=list)
    nested: list[Place] = field(default_factory=list)
    ids: tuple[int, ...] = ()


@dataclass
class LabelReport:
    """One label: its words, and the probability that the empty pattern gives it (None as for
    `WordReport.prior`)."""

    label: str
    words: list[WordReport]
    prior: float | None = None


@dataclass
class CheckReport:
    """What was found, by task; errors keep a model from learning, warnings make it harder.

    Attributes:
        costs: of a row that fills `train.max_length`, for the tasks that can be compiled.
    """

    model: str
    tasks: dict[str, list[LabelReport]]
    errors: list[Problem]
    warnings: list[Problem]
    costs: dict[str, SlotCost] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "tasks": {
                name: {
                    "labels": {label.label: _label_json(label) for label in labels},
                    "prompts": _cost_json(self.costs.get(name)),
                }
                for name, labels in self.tasks.items()
            },
            "errors": [asdict(problem) for problem in self.errors],
            "warnings": [asdict(problem) for problem in self.warnings],
        }


def _label_json(label: LabelReport) -> dict[str, Any]:
    words = [asdict(word) for word in label.words]
    for word in words:
        del word["ids"]  # they mean nothing without the tokenizer
    return {"prior": label.prior, "words": words}


def _cost_json(cost: SlotCost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    return {"masks": list(cost.numbers), "cost_at_most": round(cost.factor, 3)}


def check_words(loaded: Loaded, cutter: WordCutter | None = None) -> CheckReport:
    """Look at every label word of a suite, with the eyes of a model.

    Args:
        cutter: for who checks again and again; making one takes seconds.
    """
    suite, model, cutter = loaded.suite, loaded.model, cutter or WordCutter()
    report = CheckReport(loaded.name, {}, [], [])
    for name, task in suite.tasks.items():
        rows = {name: Rows.of({column: [""] for column in task.fields})}
        labels = [
            LabelReport(label, _read_words(words, task, model, cutter))
            for label, words in zip(task.all_labels, task.all_words, strict=True)
        ]
        _add_word_priors(
            [word for label in labels for word in label.words],
            task,
            rows[name],
            model,
            suite.train.max_length,
        )
        try:
            log_probs = Trial(model, rows, suite.train.max_length, StateCache(None, "")).log_probs(
                task
            )
        except PetMtlError as error:
            no_priors = task.reads and not task.detach  # what it reads is no word
            problems = error.at(suite.source).problems
            (report.warnings if no_priors else report.errors).extend(problems)
        else:
            (priors,) = kind_of(task).probabilities(log_probs).tolist()
            for label, prior in zip(labels, priors, strict=False):
                label.prior = prior
            _add_cost(task, model.tokenizer, suite.train.max_length, report)
        report.tasks[name] = labels
    _compare(report.tasks)
    for name, task in suite.tasks.items():
        _judge(task, report.tasks[name], report)
    return report


def _add_cost(
    task: TaskSpec, tokenizer: PieceTokenizer, max_length: int, report: CheckReport
) -> None:
    """Add what the words' lengths cost, with a warning where it is much."""
    forms = compile_forms(task, tokenizer, max_length).forms
    report.costs[task.name] = cost = highest_slot_cost(forms, max_length)
    note = slot_cost_note(task.name, cost, "up to ")
    if note is not None:
        report.warnings.append(Problem(note, where=task.verbalizer.source))


def _read_words(
    words: Sequence[str], task: TaskSpec, model: Model, cutter: WordCutter
) -> list[WordReport]:
    """Return what is known of words before a model has read them."""
    spaces = [compile_pattern(task, n, model.tokenizer)[1] for n in range(len(task.patterns))]
    cut = {
        space: model.tokenizer.encode(words, space_before=space) for space in dict.fromkeys(spaces)
    }
    reports = []
    for number, word in enumerate(words):
        ids = cut[spaces[0]][number]
        read = [model.tokenizer.piece_texts(cut[space][number]) for space in spaces]
        differ = any(pieces != read[0] for pieces in read)
        unknown = _unknown(word, ids, model.tokenizer)
        cuts = _cuts(word, cutter)
        report = WordReport(word, read[0], len(ids), unknown, cuts, read if differ else [])
        report.ids = () if unknown else tuple(ids)
        reports.append(report)
    return reports


def _unknown(word: str, ids: Sequence[int], tokenizer: PieceTokenizer) -> list[str]:
    """Return the characters of a word that the tokenizer cannot write; the whole word where none is
    to blame alone."""
    if tokenizer.writes(word, ids):
        return []
    characters = list(dict.fromkeys("".join(word.split())))
    alone = zip(characters, tokenizer.encode(characters), strict=True)
    return [one for one, ids in alone if not tokenizer.writes(one, ids)] or [word]


def _cuts(word: str, cutter: WordCutter) -> list[str]:
    """Return jieba's words where a Chinese label word is several of them."""
    starts = cutter.begins([word]).nonzero()[0].tolist()
    if len(starts) < 2 or not is_han([word]).all():
        return []
    return [word[start:end] for start, end in pairwise([*starts, len(word)])]


def _add_word_priors(
    words: Sequence[WordReport],
    task: TaskSpec,
    rows: Rows,
    model: Model,
    max_length: int,
) -> None:
    """Score the words that can be written in the patterns with empty fields."""
    words = [word for word in words if not word.unknown]
    # where a label's own description stands in the pattern, no label word is read at the mask
    patterns = tuple(p for p in task.patterns if LABEL_NAME not in parse_pattern(p).fields)
    if not words or not patterns:
        return
    texts = [word.word for word in words]
    # each word with as many masks as it has
    plain = task.model_copy(update={"slots": "exact", "patterns": patterns})
    try:
        scores = score_candidates(model, plain, rows, texts, max_length, StateCache(None, ""))
    except PetMtlError:  # no room: the patterns themselves are refused for it
        return
    for word, prior in zip(words, word_priors(scores).tolist(), strict=True):
        word.prior = prior


def _compare(tasks: Mapping[str, Sequence[LabelReport]]) -> None:
    """Fill in which words are shared or nested."""
    known = [
        (Place(name, label.label, word.word), word)
        for name, labels in tasks.items()
        for label in labels
        for word in label.words
    ]
    same_text = defaultdict[str, list[int]](list)
    same_pieces = defaultdict[tuple[int, ...], list[int]](list)
    for number, (place, word) in enumerate(known):
        same_text[_form(place.word)].append(number)
        if word.ids:
            same_pieces[word.ids].append(number)
    beside = _nested(same_text)
    for place, word in known:
        shared = {*same_text[_form(place.word)], *same_pieces.get(word.ids, ())}
        holding = beside[_form(place.word)]
        nested = {number for other in holding for number in same_text[other]} - shared
        for found, numbers in ((word.shared, shared), (word.nested, nested)):
            places = (known[number][0] for number in sorted(numbers))
            found += [o for o in places if (o.task, o.label) != (place.task, place.label)]


def _form(word: str) -> str:
    """Return a word as all that look the same have it."""
    return unicodedata.normalize("NFC", word)


def _nested(words: Collection[str]) -> dict[str, set[str]]:
    """Return for each word the others that hold it, or that it holds."""
    beside: dict[str, set[str]] = {word: set() for word in words}
    lengths = sorted({len(word) for word in words})
    for word in words:
        for length in takewhile(len(word).__gt__, lengths):
            for start in range(len(word) - length + 1):
                part = word[start : start + length]
                if part in beside:
                    beside[word].add(part)
                    beside[part].add(word)
    return beside


def _judge(task: TaskSpec, labels: Sequence[LabelReport], report: CheckReport) -> None:
    """Add what is wrong within one task; the same word in two tasks is none, their prefixes tell
    them apart."""
    lines = task.readings if task.above else task.verbalizer
    groups = dict(zip(task.all_labels, task.apart, strict=False))
    members: dict[str | None, dict[str, int]] = {}
    for index, label in enumerate(labels):
        members.setdefault(groups.get(label.label), {})[label.label] = index
    for index, label in enumerate(labels):
        where = lines.where(index)
        # the labels that this one must be told from
        beside = members[groups.get(label.label)]
        for word in label.words:
            for place in word.shared:
                if place.task == task.name and beside.get(place.label, -1) > index:
                    report.errors.append(
                        Problem(
                            f"labels {quoted(label.label)} and {quoted(place.label)} "
                            f"share the word {quoted(word.word)}",
                            where=where,
                            hint="it speaks for both of them; take it from one",
                        )
                    )
            for place in word.nested:
                if (
                    place.task == task.name
                    and place.label in beside
                    and word.word in place.word  # this one is the shorter of the two
                ):
                    report.warnings.append(
                        Problem(
                            f"{quoted(word.word)} (label {quoted(label.label)}) is part of "
                            f"{quoted(place.word)} (label {quoted(place.label)})",
                            where=where,
                        )
                    )
            if word.cuts:
                report.warnings.append(
                    Problem(
                        f"jieba takes {quoted(word.word)} for several words: {' '.join(word.cuts)}",
                        where=where,
                    )
                )
