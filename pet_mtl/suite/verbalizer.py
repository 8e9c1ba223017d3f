"""Verbalizers: the label words of each label, read from a text file that is made to be edited by
hand."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite import openprompt_verbalizer as openprompt
from pet_mtl.suite.label_lines import (
    BETWEEN_WORDS,
    LabelEntry,
    RawField,
    format_field,
    in_other_quotes,
    line_for,
    quoted,
    split_fields,
)
from pet_mtl.suite.text_file import read_text_file
from pet_mtl.text import INVISIBLE

_UNSEEN = re.compile(f"[\n\t{INVISIBLE}]")  # in a label or a label word
# Joiners where they belong: between letters of Arabic, Indic, Mongolian and such scripts, between
# emoji (behind a colour of skin or a variation selector too), and the tags of a flag's region.
_LETTER = "\u0600-\u109f\u1780-\u1aff\ua8e0-\uabff\U00010a00-\U00011fff"
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_JOINERS = re.compile(
    f"(?<=[{_LETTER}])[\u180b-\u180e\u200c\u200d]+(?=[{_LETTER}])"
    f"|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"
    "|(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f"
)


class Verbalizer(BaseModel):
    """The labels of a task and their words; `words[i]` belong to `labels[i]`, the first is the main
    one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    source: str = ""
    lines: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _check_shape(self) -> Self:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ValueError("a verbalizer needs at least two labels, each once")
        if len(self.words) != len(self.labels) or not all(self.words):
            raise ValueError("every label needs a word")
        if self.lines and len(self.lines) != len(self.labels):
            raise ValueError("`lines` must have one number per label")
        return self

    def where(self, index: int) -> str:
        """Return the `file:line` that defines label number `index`; the file alone where the line
        is unknown."""
        line = self.lines[index] if self.lines else 0
        return f"{self.source}:{line}" if line else self.source


def build_verbalizer(
    entries: Sequence[LabelEntry],
    source: str,
    problems: ProblemList | None = None,
    apart: str | None = None,
) -> Verbalizer:
    """Check the entries of one verbalizer and return it; `problems` are those that reading them
    gave.

    Args:
        apart: between the levels of a label, where only labels below one name are told apart.

    Raises:
        PetMtlError: with every problem: a label without words, twice (white space around it and
            how an accent is written are ignored), or alone; a word twice in one label; two labels
            with the same words (however an accent is written); an empty or invisible text.
    """
    problems = problems or ProblemList()
    first_entry: dict[str, LabelEntry] = {}
    same_words: dict[tuple[str, frozenset[str]], LabelEntry] = {}
    for entry in entries:
        where = f"{source}:{entry.line}" if entry.line else source
        check_text("label", entry.label, where, problems)
        # files are read without the white space around their labels
        known = unicodedata.normalize("NFC", entry.label.strip())
        first = first_entry.setdefault(known, entry)
        if first is not entry:
            problems.add(
                f"label {quoted(entry.label)} stands on line {first.line} already"
                if first.label == entry.label
                else f"labels {_placed(first)} and {quoted(entry.label)} "
                "differ only in white space around them, which is ignored in data"
                if first.label.strip() == entry.label.strip()
                else f"labels {_placed(first)} and {quoted(entry.label)} look alike: they differ "
                "only in how Unicode writes an accent (NFC, NFD)",
                where=where,
                hint="write all its words on one line" if entry.line else None,
            )
            continue
        if not entry.words:
            problems.add(
                f"label {quoted(entry.label)} has no label word",
                where=where,
                hint="put white space between a label and its words, not a comma or colon "
                "(in YAML, an ASCII colon and white space)"
                if any(mark in entry.label for mark in f"{BETWEEN_WORDS}:：")
                else f"write its words behind it: {line_for(entry.label, source)}",
            )
            continue
        for word in entry.words:
            check_text("label word", word, where, problems)
        for word, times in Counter(entry.words).items():
            if times > 1:
                problems.add(
                    f"label {quoted(entry.label)} has the word {quoted(word)} twice", where=where
                )
        among = entry.label.rpartition(apart)[0] if apart else ""
        forms = frozenset(unicodedata.normalize("NFC", word) for word in entry.words)
        twin = same_words.setdefault((among, forms), entry)
        if twin is not entry:
            same = set(twin.words) == set(entry.words)
            problems.add(
                f"labels {_placed(twin)} and {quoted(entry.label)} have the same label words"
                + ("" if same else ", but for how Unicode writes an accent (NFC, NFD)"),
                where=where,
                hint="the model could not tell them apart; change one of them",
            )
    if len(first_entry) == 1 and not problems.problems:
        problems.add(
            "only one label; a task needs at least two labels",
            where=f"{source}:{entries[0].line}" if entries[0].line else source,
        )
    if not entries and not problems.problems:
        problems.add(
            "no labels; a task needs at least two labels",
            where=source,
            hint="write one line per label: the label, then its words",
        )
    problems.raise_if_any()
    return Verbalizer(
        labels=tuple(entry.label for entry in entries),
        words=tuple(entry.words for entry in entries),
        source=source,
        lines=tuple(entry.line for entry in entries),
    )


def _placed(entry: LabelEntry) -> str:
    """Return a label with its line, where it has one."""
    return f"{quoted(entry.label)} (line {entry.line})" if entry.line else quoted(entry.label)


def read_verbalizer(path: Path, apart: str | None = None) -> Verbalizer:
    """Read a verbalizer file: our text format, or OpenPrompt's `.txt`, `.csv`, `.json` and
    `.jsonl`.

    Our format has a label and its words on each line, split by white space; `"…"` holds a text with
    spaces or `#` (`\\"` and `\\\\` inside), `#` at a line's start or behind white space starts a
    comment. A text file without labels, each line one list of words with commas, is OpenPrompt's:
    its labels are `0`, `1`, … (how the two are told apart: `pet_mtl.suite.openprompt_verbalizer`).

    Args:
        apart: see `build_verbalizer`.

    Raises:
        PetMtlError: with every problem of the file, each with its line.
    """
    text = read_text_file(path)
    source = str(path)
    if not text.strip():
        raise PetMtlError(
            "the file is empty",
            where=source,
            hint="write one line per label: the label, then its words: 101  文化",
        )
    if path.suffix.lower() in (".json", ".jsonl"):
        return build_verbalizer(openprompt.json_entries(text, source), source, apart=apart)
    lines = [(number, split_fields(line)) for number, line in enumerate(text.split("\n"), start=1)]
    problems = ProblemList()
    if openprompt.is_openprompt_text(fields for _, fields in lines):
        entries = openprompt.text_entries(text, source, problems)
        return build_verbalizer(entries, source, problems, apart)
    entries = []
    for number, fields in lines:
        where = f"{source}:{number}"
        if fields and (broken := next((field for field in fields if field.problem), None)):
            problems.add(
                broken.problem,
                where=where,
                hint='close it with `"`; write `\\"` for a quote inside',
            )
        elif fields:
            _check_commas(fields[1:], where, problems)
            if phrase := in_other_quotes(fields):
                problems.add(
                    f"the quotes of {phrase} would be part of its words",
                    where=where,
                    hint=f'only `"` is a quote here: {quoted(phrase[1:-1])}; if they belong to it: '
                    f"{quoted(phrase)}",
                )
            entries.append(
                LabelEntry(fields[0].text, tuple(field.text for field in fields[1:]), number)
            )
    return build_verbalizer(entries, source, problems, apart)


def _check_commas(words: Sequence[RawField], where: str, problems: ProblemList) -> None:
    """Add a problem where words seem to be split by commas and the like: they would be one long
    label word."""
    for word in words:
        mark = next((mark for mark in BETWEEN_WORDS if mark in word.text), None)
        if mark is not None and not word.quoted:
            problems.add(
                f"the label word {quoted(word.text)} holds `{mark}`",
                where=where,
                hint=(
                    "split words by white space; if it is one word, put it in quotes: "
                    f"{format_field(word.text)}"
                ),
            )


def format_verbalizer(verbalizer: Verbalizer) -> str:
    """Return the text that `read_verbalizer` reads back to the same labels and words.

    >>> print(format_verbalizer(Verbalizer(labels=("100", "so so"), words=(("故事", "传说"),
    ...     ("very good",)))), end="")
    100      故事 传说
    "so so"  "very good"
    """
    labels = [format_field(label) for label in verbalizer.labels]
    width = max(map(len, labels))
    rows = zip(labels, verbalizer.words, strict=True)
    return "".join(
        f"{label:<{width}}  {' '.join(map(format_field, words))}\n" for label, words in rows
    )


def check_text(what: str, text: str, where: str, problems: ProblemList, of: str = "") -> None:
    """Add a problem for a text that is empty or holds something that cannot be seen.

    Args:
        of: what follows the text in the message.
    """
    if not text.strip():
        problems.add(f"the {what}{of} is empty", where=where)
        return
    if unseen := _UNSEEN.search(_JOINERS.sub("", text)):
        problems.add(
            f"the {what} {quoted(text)}{of} holds the invisible character U+{ord(unseen[0]):04X}",
            where=where,
            hint="delete it",
        )
