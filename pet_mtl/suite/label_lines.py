"""The lines of a verbalizer file: fields split by white space, `"…"` around a text with spaces, `#`
for comments."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BETWEEN_WORDS = ",，、;；|"  # what people put between words in place of white space
_OTHER_QUOTES = {"'": "'", "‘": "’", "“": "”"}  # which are text here, as in O'Neill


@dataclass(frozen=True)
class LabelEntry:
    """What one place of a file says about one label; `line` is 1-based."""

    label: str
    words: tuple[str, ...]
    line: int


def quoted(text: str) -> str:
    """Return `text` in double quotes for a message."""
    return json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True)
class RawField:
    """One field of a line; `problem` says why it could not be read."""

    text: str
    quoted: bool = False
    problem: str = ""


def split_fields(line: str) -> list[RawField]:
    """Split a line into fields, dropping the comment."""
    return [field for field, _, _ in field_spans(line)]


def field_spans(line: str) -> list[tuple[RawField, int, int]]:
    """Split a line into fields, each with where it starts and ends; the comment is none."""
    fields: list[tuple[RawField, int, int]] = []
    position = 0
    while True:
        while position < len(line) and line[position].isspace():
            position += 1
        if position == len(line) or line[position] == "#":
            return fields
        start = position
        if line[position] == '"':
            field, position = _read_quoted(line, position)
        else:
            position = next((i for i in range(position, len(line)) if line[i].isspace()), len(line))
            field = RawField(line[start:position])
        fields.append((field, start, position))


def _read_quoted(line: str, start: int) -> tuple[RawField, int]:
    """Read the quoted field that starts at `start`; return it and the position behind it."""
    characters = []
    position = start + 1
    while position < len(line):
        if line[position] == "\\" and line[position + 1 : position + 2] in ('"', "\\"):
            characters.append(line[position + 1])
            position += 2
        elif line[position] == '"':
            text = "".join(characters)
            position += 1
            if position < len(line) and not line[position].isspace():
                problem = f"no white space behind the quoted {quoted(text)}"
                return RawField(text, True, problem), len(line)
            return RawField(text, True), position
        else:
            characters.append(line[position])
            position += 1
    return RawField(
        "".join(characters), True, f"the quote at character {start + 1} is never closed"
    ), len(line)


def in_other_quotes(fields: Sequence[RawField]) -> str | None:
    """Return what stands in quotes that are none here, over one field or several; None where
    nothing does.

    >>> in_other_quotes(split_fields("0 'so so' bad")), in_other_quotes(split_fields("0 'tis o'er"))
    ("'so so'", None)
    """
    for first, field in enumerate(fields):
        closing = None if field.quoted else _OTHER_QUOTES.get(field.text[0])
        for last, other in enumerate(fields[first:] if closing else (), start=first):
            if other.quoted:
                break
            if other.text.endswith(closing or "") and (last > first or len(other.text) > 1):
                return " ".join(each.text for each in fields[first : last + 1])
    return None


def line_for(label: str, source: str) -> str:
    """Return the line that gives a label words, as it is written in a verbalizer file, or in a
    pattern file or OpenPrompt's format.

    >>> line_for("so so", "mood.txt"), line_for("so so", "my.yaml")
    ('"so so"  WORD', '"so so": WORD')
    """
    if Path(source).suffix.lower() in (".yaml", ".yml", ".json", ".jsonl"):
        return f"{json.dumps(label, ensure_ascii=False)}: WORD"
    return f"{format_field(label)}  WORD"


def format_field(text: str) -> str:
    """Return `text` as a field, quoted where it must be or where it could be taken for several
    words."""
    plain = text and text[0] not in _OTHER_QUOTES
    special = '"\\#' + BETWEEN_WORDS
    if plain and not any(character.isspace() or character in special for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
