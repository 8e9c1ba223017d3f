"""Patterns, read by a small parser that never evaluates anything.

A pattern is a text with `{field}` places, one `{mask}`, and perhaps learned pieces, `{soft:8}`, or
what another task says of the row, `{task:topic}`.
"""

import re
import unicodedata
from dataclasses import dataclass

from pet_mtl.errors import ProblemList
from pet_mtl.text import LONGEST_LINE

MASK_NAME = "mask"
LABEL_NAME = "label"  # in patterns of `kind: entailment`, the place of a label's description
SOFT_START = "soft:"
TASK_START = "task:"
MOST_SOFT = 100
MOST_PROBLEMS = 100  # of one pattern
_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True)
class Literal:
    """Text that stands in every prompt as it is."""

    text: str


@dataclass(frozen=True)
class Field:
    """The place of a column's text; cut when the row is too long."""

    name: str


@dataclass(frozen=True)
class Mask:
    """The place of the label word: as many slots as the word has pieces."""


@dataclass(frozen=True)
class Soft:
    """The place of learned pieces (P-tuning, Liu et al. 2021)."""

    count: int


@dataclass(frozen=True)
class Said:
    """The place of the main label word of the label that another task predicts for the row."""

    task: str


Part = Literal | Field | Mask | Soft | Said


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern: its parts in reading order, neighbouring literals merged."""

    source: str
    parts: tuple[Part, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the field names in order of appearance, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Field)))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the tasks whose predictions it reads, each once."""
        return tuple(dict.fromkeys(part.task for part in self.parts if isinstance(part, Said)))

    @property
    def soft_pieces(self) -> int:
        """Return how many learned pieces it has."""
        return sum(part.count for part in self.parts if isinstance(part, Soft))


def parse_pattern(source: str) -> Pattern:
    """Parse the text of a pattern; `{{` and `}}` are literal braces.

    Raises:
        PetMtlError: with every problem of the text: no `{mask}` or several, an empty or unclosed
            `{`, a lone `}`, a field name that is no name, `{soft:…}` without a number. The problems
            have no place: the caller knows the file and line.

    >>> parse_pattern("这是一条{mask}新闻：{title}").parts
    (Literal(text='这是一条'), Mask(), Literal(text='新闻：'), Field(name='title'))
    >>> parse_pattern("{{{mask}}}").parts
    (Literal(text='{'), Mask(), Literal(text='}'))
    """
    problems = ProblemList()
    parts: list[Part] = []
    literal: list[str] = []

    def close_literal() -> None:
        if literal:
            parts.append(Literal("".join(literal)))
            literal.clear()

    # each problem shows the text, of which a hostile one would make gigabytes
    shown = source if len(source) <= LONGEST_LINE else f"{source[:LONGEST_LINE]}…"
    position = 0
    while position < len(source) and len(problems.problems) < MOST_PROBLEMS:
        character = source[position]
        if source.startswith(("{{", "}}"), position):
            literal.append(character)
            position += 2
        elif character == "{":
            brace = _BRACE.search(source, position + 1)
            if brace is None or brace[0] == "{":
                problems.add(
                    f"`{{` at character {position + 1} is never closed in the pattern `{shown}`",
                    hint=(
                        "write `{name}` for a field, `{mask}` for the label word, `{{` for a brace"
                    ),
                )
                break
            name = source[position + 1 : brace.start()]
            close_literal()
            if name == MASK_NAME:
                parts.append(Mask())
            elif name.startswith(SOFT_START):
                parts.append(_soft(name, shown, problems))
            elif name.startswith(TASK_START):
                parts.append(_said(name, shown, problems))
            elif _check_name(name, shown, problems):
                parts.append(Field(name))
            position = brace.end()
        elif character == "}":
            problems.add(
                f"`}}` at character {position + 1} closes nothing in the pattern `{shown}`",
                hint="write `}}` for a literal brace",
            )
            position += 1
        else:
            literal.append(character)
            position += 1
    close_literal()
    if not problems.problems:  # a broken brace may have swallowed the mask
        _check_masks(parts, shown, problems)
    problems.raise_if_any()
    return Pattern(source, tuple(parts))


def without_soft(source: str) -> str:
    """Return a pattern's text without its learned pieces.

    >>> without_soft("{soft:3}这是{mask}：{{soft:3}}{text}")
    '这是{mask}：{{soft:3}}{text}'
    """
    return "".join(
        written(part) for part in parse_pattern(source).parts if not isinstance(part, Soft)
    )


def hypothesis(source: str, description: str, question: str) -> str:
    """Return a pattern that states a label and asks whether that is true.

    A pattern with `{label}` is such a statement and has its own `{mask}`; in any other, the
    description takes the place of the mask, and the question stands behind it.

    >>> hypothesis("这是{mask}新闻：{text}", "体育", "对吗？{mask}")
    '这是体育新闻：{text}对吗？{mask}'
    >>> hypothesis("{mask}，说的是{label}：{text}", "体育", "对吗？{mask}")
    '{mask}，说的是体育：{text}'
    """
    parts = parse_pattern(source).parts
    own = Field(LABEL_NAME) in parts
    place = Field(LABEL_NAME) if own else Mask()
    stated = (Literal(description) if part == place else part for part in parts)
    return "".join(map(written, stated)) + ("" if own else question)


def written(part: Part) -> str:
    """Return a part as a pattern has it."""
    match part:
        case Literal(text=text):
            return text.replace("{", "{{").replace("}", "}}")
        case Field(name=name):
            return f"{{{name}}}"
        case Mask():
            return f"{{{MASK_NAME}}}"
        case Soft(count=count):
            return f"{{{SOFT_START}{count}}}"
        case Said(task=task):
            return f"{{{TASK_START}{task}}}"


def _soft(name: str, source: str, problems: ProblemList) -> Soft:
    """Return the learned pieces that `name` means, or add a problem."""
    digits = name.removeprefix(SOFT_START)
    count = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 6 else 0
    if not 1 <= count <= MOST_SOFT:
        problems.add(
            f"`{{{name}}}` says no number of learned pieces in the pattern `{source}`",
            hint=f"write `{{soft:8}}` for eight of them; 1 to {MOST_SOFT} are possible",
        )
    return Soft(count)


def _said(name: str, source: str, problems: ProblemList) -> Said:
    """Return the task that `name` means, or add a problem."""
    task = name.removeprefix(TASK_START)
    if not task or task != task.strip():
        problems.add(
            f"`{{{name}}}` names no task in the pattern `{source}`",
            hint="write `{task:topic}` for what the task `topic` predicts",
        )
    return Said(task)


def _check_name(name: str, source: str, problems: ProblemList) -> bool:
    """Add a problem unless `name` can be a field."""
    if name.isidentifier():
        return True
    if not name.strip():
        problems.add(
            f"empty `{{{name}}}` in the pattern `{source}`",
            hint="name a column, as in `{title}`, or `{mask}`",
        )
        return False
    stripped = name.strip()
    hint = (
        f"write `{{{stripped}}}` without white space"
        if stripped.isidentifier()
        else "a name holds letters, digits and `_` and does not start with a digit"
    )
    problems.add(f"`{{{name}}}` is not a field name in the pattern `{source}`", hint=hint)
    return False


def _check_masks(parts: list[Part], source: str, problems: ProblemList) -> None:
    """Add a problem unless there is exactly one mask."""
    masks = sum(isinstance(part, Mask) for part in parts)
    if masks == 0:
        hint = (
            "use the ASCII braces `{` and `}`, not the full-width ones"
            if "｛" in source or "｝" in source
            else "write `{mask}`: `{{` and `}}` are braces that stand in the text"
            if "{mask}" in source
            else "write `{mask}` in ASCII letters, not in full-width ones"
            if "{mask}" in unicodedata.normalize("NFKC", source)
            else "put `{mask}` where the label word goes"
        )
        problems.add(f"no `{{mask}}` in the pattern `{source}`", hint=hint)
    elif masks > 1:
        problems.add(
            f"{masks} times `{{mask}}` in the pattern `{source}`",
            hint="write it once: it stands for as many masks as the label word needs",
        )
