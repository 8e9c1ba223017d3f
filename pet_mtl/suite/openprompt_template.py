"""OpenPrompt's template texts, read by a small parser of our own: OpenPrompt itself runs `eval` on
them.

Source: `Template.parse_text` of OpenPrompt 0.1.1. A template is plain text and parts in braces,
`{"placeholder": "text_a"} It was {"mask"}`; a part ends at the next `}`. Of the spaces before a
part one is kept.
"""

import json
import re
from pathlib import Path
from typing import Any

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.pattern import MASK_NAME, Field, Literal, Mask, Said, parse_pattern
from pet_mtl.suite.text_file import read_text_file

# the texts of OpenPrompt's `InputExample`; all other fields are its `meta`
PLACEHOLDERS = ("text_a", "text_b")

_PART = re.compile(r" *(\{[^}]*\}?|[^ {][^{]*)")
_STRING = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'"
_MEMBER = re.compile(rf"\s*({_STRING})\s*(?::\s*({_STRING}|True|False|None)\s*)?(?:,\s*|$)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_KINDS = ("placeholder", "meta", "mask", "text")
_REFUSED = {
    "soft": "learned prompt vectors are not supported; write the words themselves",
    "special": "special tokens are put in by the tokenizer; leave it out",
    "post_processing": "code in a template is never run; change the data instead",
}
_HINT = 'write {"placeholder": "text_a"}, {"meta": "field"}, {"text": "…"} or {"mask"}'


def is_template(text: str) -> bool:
    """Tell an OpenPrompt template from one of our patterns, where no quote follows a lone brace."""
    return re.search(r"""(?<!\{)\{\s*["']""", text) is not None


def parse_template(text: str) -> list[dict[str, Any]]:
    """Return the parts of a template as OpenPrompt's own parser does, without running anything.

    Raises:
        PetMtlError: with every part that is broken or of a kind that we do not have; the problems
            have no place.

    >>> parse_template('{"placeholder": "text_a"} It was {"mask"}')[1:]
    [{'add_prefix_space': ' ', 'text': 'It was'}, {'add_prefix_space': ' ', 'mask': None}]
    """
    problems = ProblemList()
    parts: list[dict[str, Any]] = []
    position = 0
    while found := _PART.match(text, position):
        part, (start, position) = found[1], found.span(1)
        space = " " if text[start - 1 : start] == " " else ""
        if not part.startswith("{"):
            parts.append({"add_prefix_space": space, "text": part.rstrip(" ")})
        elif part.endswith("}"):
            parts.append({"add_prefix_space": space, **_members(part, problems)})
        else:
            problems.add(
                f"`{{` at character {start + 1} is never closed in the template `{text}`",
                hint=_HINT,
            )
            break
    problems.raise_if_any()
    return parts


def pattern_from_template(text: str) -> str:
    """Return a template as a pattern; fields have the names of its placeholders and metas, and are
    always shortenable.

    Raises:
        PetMtlError: see `parse_template` and `parse_pattern`.

    >>> pattern_from_template('{"placeholder": "text_a"} It was {"mask"}')
    '{text_a} It was {mask}'
    """
    pattern = ""
    for part in parse_template(text):
        pattern += part["add_prefix_space"]
        if "text" in part:
            pattern += re.sub(r"[{}]", r"\g<0>\g<0>", part["text"])
        else:
            pattern += (
                f"{{{MASK_NAME if 'mask' in part else part.get('placeholder') or part['meta']}}}"
            )
    return parse_pattern(pattern).source


def patterns_from_file(path: Path) -> list[str]:
    """Return the templates of a file, one a line, as patterns.

    Raises:
        PetMtlError: no template, or with every problem of the file, each with its line.
    """
    problems, patterns = ProblemList(), []
    for number, line in enumerate(read_text_file(path).split("\n"), start=1):
        try:
            if line.strip():
                patterns.append(pattern_from_template(line.rstrip()))
        except PetMtlError as error:
            problems.extend(error, where=f"{path}:{number}")
    if not patterns and not problems.problems:
        problems.add("no template", where=str(path), hint=_HINT)
    problems.raise_if_any()
    return patterns


def template_from_pattern(pattern: str, prefix: str = "", *, space_before: bool = False) -> str:
    """Return the template that OpenPrompt reads as we read a task's prefix and pattern, part by
    part.

    Args:
        pattern: of one of our tasks.
        prefix: the task's.
        space_before: the tokenizer reads the start of a prompt as if a space stood there.

    >>> template_from_pattern("{title} It was {mask}")
    '{"meta": "title", "shortenable": True} It was {"mask"}'
    """
    template, space, after_text = "", " " if space_before else "", False
    for part in (Literal(prefix), *parse_pattern(pattern).parts):
        match part:
            case Literal(text=text):
                text = space + text
                # a space at the end belongs to what follows, as in `compile_pattern`
                shown = text.removesuffix(" ")
                if shown:
                    body = shown.removeprefix(" ") or shown
                    template += " " * (len(shown) - len(body)) + (
                        _quoted(body) if after_text else _text(body)
                    )
                    after_text = True
                space = " " * (len(text) - len(shown))
            case Field(name=name):
                kind = "placeholder" if name in PLACEHOLDERS else "meta"
                shortenable = "" if kind == "placeholder" else ', "shortenable": True'
                template += f'{space}{{"{kind}": "{name}"{shortenable}}}'
                space, after_text = "", False
            case Mask():
                template += space + '{"mask"}'
                space, after_text = "", False
            case Said(task=task):
                raise PetMtlError(
                    f"OpenPrompt has nothing like `{{task:{task}}}`",
                    hint="leave the engine out, or write a pattern without that place",
                )
    return template


def _text(text: str) -> str:
    """Write text as it is where it comes back the same."""
    plain = text == text.strip(" ") and "{" not in text and text.isprintable()
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    literal = json.dumps(text, ensure_ascii=False).replace("}", "\\u007d")  # a `}` ends the part
    return f'{{"text": {literal}}}'


def _members(source: str, problems: ProblemList) -> dict[str, Any]:
    """Return the members of one part in braces, or add its problem and return none."""
    members: dict[str, Any] = {}
    position, body = 0, source[1:-1]
    while position < len(body):
        match = _MEMBER.match(body, position)
        key = _string(match[1]) if match else None
        value = {"True": True, "False": False}.get(match[2], _string(match[2])) if match else None
        refused = next(
            (why for name, why in _REFUSED.items() if key and key.startswith(name)), None
        )
        if refused:
            problems.add(f"`{key}` in the template part `{source}`", hint=refused)
            return {}
        if match is None or key is None or (value is None and match[2] not in (None, "None")):
            problems.add(f"the template part `{source}` cannot be read", hint=_HINT)
            return {}
        members[key] = value
        position = match.end()
    if fault := _fault(members):
        problems.add(f"{fault} in the template part `{source}`", hint=_HINT)
        return {}
    return members


def _fault(members: dict[str, Any]) -> str | None:
    """Return what is wrong with the members of a part, if anything."""
    kinds = [kind for kind in _KINDS if kind in members]
    if len(kinds) != 1:
        return f"{len(kinds) or 'none'} of `{'`, `'.join(_KINDS)}`"
    (kind,) = kinds
    value = members[kind]
    if unknown := next(
        (key for key in members if key not in (kind, "shortenable", "add_prefix_space")), None
    ):
        return f"unknown key `{unknown}`"
    if kind == "placeholder" and value not in PLACEHOLDERS:
        return f"no placeholder `{value}`"
    if kind == "meta" and not (
        isinstance(value, str) and value.isidentifier() and value != MASK_NAME
    ):
        return f"`{value}` cannot be a field"
    if kind == "text" and not isinstance(value, str):
        return "no text"
    if not isinstance(members.get("shortenable", True), bool) or members.get(
        "add_prefix_space", ""
    ) not in ("", " "):
        return "a wrong value"
    return None


def _string(literal: str | None) -> str | None:
    """Return the text of a string in quotes; None where it has an escape that we do not know."""
    if literal is None or literal[0] not in "\"'":
        return None
    body = literal[1:-1]
    for code, character in _ESCAPE.findall(body):
        if (character and character not in _ESCAPES) or (
            code and 0xD800 <= int(code, 16) <= 0xDFFF
        ):
            return None
    return _ESCAPE.sub(
        lambda match: chr(int(match[1], 16)) if match[1] else _ESCAPES[match[2]], body
    )
