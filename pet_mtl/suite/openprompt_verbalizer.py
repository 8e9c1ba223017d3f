"""OpenPrompt's verbalizer files, so that label words written for it can be used as they are.

Source: `Verbalizer.from_file` of OpenPrompt 1.0.1. A text file lists the words of one class per
line, split by commas, without a label; a blank line starts another verbalizer. A JSON file holds an
object (label to word or words), a list of words or of word lists (one per class), or a list of such
verbalizers. Of several verbalizers the first is read (OpenPrompt's `choice=0`). Classes without a
name get their position as label: `0`, `1`, ….
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.label_lines import LabelEntry, RawField, quoted

NO_PREFIX = "<!>"  # OpenPrompt puts a space before every word that does not start with this mark
_LABEL = re.compile(r"\d+([,，、;；:：]|$)|[^,]+：")


def is_openprompt_text(lines: Iterable[Sequence[RawField]]) -> bool:
    """Tell OpenPrompt's text from ours.

    It is OpenPrompt's when no line has a second field, except behind a comma (`good,very good`),
    nothing is quoted, and not every line is a label whose words are missing or badly written, as
    `100`, `100,故事` and `好评：好` are.
    """
    filled = [fields for fields in lines if fields]
    return (
        all(len(fields) == 1 or "," in fields[0].text for fields in filled)
        and not any(field.quoted for fields in filled for field in fields)
        and not all(_LABEL.match(fields[0].text) for fields in filled)
    )


def text_entries(text: str, source: str, problems: ProblemList) -> list[LabelEntry]:
    """Return the classes of the first block of lines; empty words (`good,,fine,`) are dropped.

    Adds a problem for words that full-width commas join.
    """
    entries: list[LabelEntry] = []
    for number, line in enumerate(text.split("\n"), start=1):
        content = re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
        if content.strip():
            words = tuple(word for part in content.split(",") if (word := _word(part)))
            entries.append(LabelEntry(str(len(entries)), words, number))
            if wide := re.search("[，、；]", content):
                problems.add(
                    f"`{wide[0]}` stands in a list of words without labels",
                    where=f"{source}:{number}",
                    hint="split the words by `,`; or write a label, white space, then its words",
                )
        elif entries and not line.strip():
            break
    return entries


def json_entries(text: str, source: str) -> list[LabelEntry]:
    """Return the classes of a JSON verbalizer.

    Raises:
        PetMtlError: not JSON, or not of one of OpenPrompt's forms.
    """
    try:
        tree = json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise PetMtlError(
            f"not valid JSON: {error.msg}", where=f"{source}:{error.lineno}"
        ) from None
    except RecursionError:
        raise PetMtlError("nested too deeply", where=source) from None
    except ValueError:  # more digits than Python reads
        raise PetMtlError("a number in it is too long", where=source) from None
    hint = 'write {"label": ["word", "word"], …}, or a list of word lists, one per class'
    if isinstance(tree, list) and tree and all(map(_is_verbalizer, tree)):
        tree = tree[0]
    if isinstance(tree, _Object):
        classes = tree.members
    elif isinstance(tree, list) and all(isinstance(item, str | list) for item in tree):
        classes = [(str(index), item) for index, item in enumerate(tree)]
    else:
        raise PetMtlError("not a verbalizer", where=f"{source}:1", hint=hint)
    entries = []
    lines = _string_lines(text)
    line = 1
    for label, value in classes:
        words = [value] if isinstance(value, str) else value
        # strings come in the file's order: the label where it is written, then its words
        if isinstance(tree, _Object):
            line = next(lines)
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise PetMtlError(
                f"the words of label {quoted(label)} are not text",
                where=f"{source}:{line}",
                hint=hint,
            )
        word_lines = [next(lines) for _ in words]
        if word_lines and not isinstance(tree, _Object):
            line = word_lines[0]
        entries.append(
            LabelEntry(label, tuple(word for text in words if (word := _word(text))), line)
        )
    return entries


class _Object:
    """A JSON object with its members in order, duplicates kept."""

    def __init__(self, members: list[tuple[str, object]]) -> None:
        self.members = members


def _is_verbalizer(item: object) -> bool:
    """Tell a verbalizer inside a list from the words of a class: an object, or a list of word
    lists."""
    return isinstance(item, _Object) or (
        isinstance(item, list) and bool(item) and all(isinstance(words, list) for words in item)
    )


def _string_lines(text: str) -> Iterator[int]:
    """Yield the line of every string of a valid JSON text, in order."""
    line, position = 1, 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"', text):
        line += text.count("\n", position, match.start())
        position = match.start()
        yield line


def _word(text: str) -> str:
    """Return a word without outer white space and OpenPrompt's no-space mark."""
    return text.strip().removeprefix(NO_PREFIX)
