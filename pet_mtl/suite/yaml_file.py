"""Read YAML 1.2 as plain data in which every key and item knows its line.

The tree is built here from ruamel.yaml's nodes, not by its constructors: no tag is ever executed,
all duplicate keys are found at once, and keys keep the text that the user wrote (`100:` is the
label `100`, not a number).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from pet_mtl.errors import PetMtlError, Problem, ProblemList
from pet_mtl.suite.text_file import read_text_file
from pet_mtl.suite.yaml_nodes import (
    MAX_DEPTH,
    MAX_NODES,
    NO_CHARACTER,
    TooDeepError,
    TooManyError,
    compose,
)

Key = tuple[str | int, ...]

TAG_PREFIX = "tag:yaml.org,2002:"
LONGEST_NUMBER = 1000  # characters; one of some thousand digits cannot be shown in a message
# slips of those who write Chinese: `key：…`, and where a syntax error is near, any full-width colon
_WIDE_COLON = re.compile(r"\s*[a-z_]+：|[^：:\"'#-]*：[^:\"'#-]*$")
_WIDE_INDENT = re.compile(r" *[^\S \t]\s*[\w-]+:")
_UNSEEN_BREAK = re.compile("[\x85\u2028\u2029]")  # of the line, for YAML
_WIDE_BRACKET = re.compile(r"(^|[:,\[{-])\s*[｛［]")


@dataclass
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and where each part of it was
    written."""

    path: str
    tree: Any
    lines: dict[Key, int] = field(default_factory=dict)
    # parts that do not come from the file, such as `-s a.b=1`
    places: dict[Key, str] = field(default_factory=dict)

    def where(self, key: Key) -> str:
        """Return the place of `key`, or of the closest thing around it that was written."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.places:
                return self.places[key[:length]]
            if key[:length] in self.lines:
                return f"{self.path}:{self.lines[key[:length]]}"
        return self.path

    def order(self, problem: Problem) -> tuple[bool, int]:
        """Return a sort key: the problems of this file in its order, then all others."""
        path, _, line = (problem.where or "").rpartition(":")
        return (False, int(line)) if path == self.path and line.isdecimal() else (True, 0)

    def line(self, key: Key) -> int:
        """Return the line of `key`, or 0 where it does not come from the file."""
        return self.lines.get(key, 0)


def read_yaml(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        PetMtlError: the file cannot be read, is empty, is not YAML, has a key twice or a tag.
    """
    text = read_text_file(path)
    document = Document(str(path), None)
    try:
        root = compose(text)
    except TooDeepError as error:
        raise _too_deep(f"{path}:{error.line}") from None
    except TooManyError as error:
        hint = "is this the right file?"
        raise PetMtlError("too large", where=f"{path}:{error.line}", hint=hint) from None
    except YAMLError as error:
        raise _syntax_error(error, text, str(path)) from None
    if root is None or (isinstance(root, ScalarNode) and root.value == ""):
        raise PetMtlError("the file is empty", where=str(path))
    builder = _Builder(document)
    document.tree = builder.build(root, ())
    document.lines.setdefault((), 1)
    builder.problems.raise_if_any()
    return document


def parse_value(text: str, *, strict: bool = False) -> Any:
    """Read a value given on the command line: a YAML scalar or flow collection, else the text as it
    stands.

    Args:
        strict: raise the problems of a mapping, such as a key that it has twice.

    >>> parse_value("3e-5"), parse_value("yes"), parse_value("[a, 2]"), parse_value("{}")
    (3e-05, 'yes', ['a', 2], {})
    >>> parse_value("{mask}新闻：{title}")
    '{mask}新闻：{title}'
    """
    try:
        node = compose(text)
    except YAMLError:
        return text
    if isinstance(node, ScalarNode):
        plain = node.style is None
        if plain and (_short_tag(node) == "str" or node.value != text.strip() or not text.strip()):
            # as typed: YAML would strip spaces, take ` #` for a comment and `---` for nothing
            return text
    elif not isinstance(node, CollectionNode) or not node.flow_style:
        return text
    elif (
        isinstance(node, MappingNode)
        and node.value
        and all(_short_tag(v) == "null" for _, v in node.value)
    ):
        return text  # `{mask}` is a pattern, not a mapping without values
    builder = _Builder(Document("", None))
    try:
        value = builder.build(node, ())
    except PetMtlError:
        return text
    if strict and isinstance(node, MappingNode):
        builder.problems.raise_if_any()
    return text if builder.problems.problems else value


class _Builder:
    """Turn ruamel's nodes into plain data, noting lines and collecting problems."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems = ProblemList()
        self.open: set[int] = set()
        self.count = 0

    def build(self, node: Node, key: Key) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            raise PetMtlError(
                "too large",
                where=self._place_of(key),
                hint="write the values without aliases (`*name`)",
            )
        if len(key) > MAX_DEPTH:
            raise _too_deep(self._place_of(key))
        where = f"{self.document.path}:{node.start_mark.line + 1}"
        if id(node) in self.open:
            self.problems.add("an alias refers to itself", where=where)
            return None
        self.open.add(id(node))
        try:
            if isinstance(node, ScalarNode):
                return self._scalar(node, where)
            if isinstance(node, MappingNode) and _short_tag(node) == "map":
                return dict(self._members(node, key))
            if isinstance(node, SequenceNode) and _short_tag(node) == "seq":
                return [self._item(item, (*key, index)) for index, item in enumerate(node.value)]
            self._refuse_tag(node, where)
            return None
        finally:
            self.open.remove(id(node))

    def _place_of(self, key: Key) -> str:
        """Return the place of a key; of what an alias stands for, that of the alias."""
        # aliases stand below what they repeat: the outermost one has the last line on the way
        line = max(self.document.line(key[: depth + 1]) for depth in range(len(key)))
        return f"{self.document.path}:{line}"

    def _item(self, node: Node, key: Key) -> Any:
        self.document.lines[key] = node.start_mark.line + 1
        return self.build(node, key)

    def _members(self, node: MappingNode, key: Key) -> Iterator[tuple[str, Any]]:
        first_line: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            where = f"{self.document.path}:{line}"
            if not isinstance(key_node, ScalarNode):
                self.problems.add(
                    "a key must be text",
                    where=where,
                    hint="put a text that starts with `{` or `[` in quotes",
                )
            elif _short_tag(key_node) == "merge":
                self.problems.add(
                    "merge keys (`<<`) are not part of YAML 1.2",
                    where=where,
                    hint="write the keys out",
                )
            elif key_node.value in first_line:
                self.problems.add(
                    f"duplicate key `{key_node.value}`, first on line {first_line[key_node.value]}",
                    where=where,
                    hint="keep one of the two",
                )
            else:
                name = key_node.value
                first_line[name] = line
                self.document.lines[(*key, name)] = line
                yield name, self.build(value_node, (*key, name))

    def _scalar(self, node: ScalarNode, where: str) -> Any:
        text: str = node.value
        match _short_tag(node):
            case "str" | "timestamp":  # YAML 1.2 knows no dates
                return text
            case "null":
                return None
            case "bool":
                return text.lower() in ("true", "yes", "on")  # these below `%YAML 1.1` alone
            case "int":
                return _number(text, int)
            case "float":
                return _number(text, float)
        self._refuse_tag(node, where)
        return None

    def _refuse_tag(self, node: Node, where: str) -> None:
        tag = str(node.tag).replace(TAG_PREFIX, "!!")
        self.problems.add(
            f"tag `{tag}` is not allowed", where=where, hint="delete it: the file is plain data"
        )


def _short_tag(node: Node) -> str:
    return str(node.tag).removeprefix(TAG_PREFIX)


def _number(text: str, kind: type[int] | type[float]) -> int | float | str:
    """Return the number, or the text where YAML's resolver was more generous than Python."""
    try:
        if kind is float:
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if len(text) > LONGEST_NUMBER:
            return text
        return int(text, 0) if text.lstrip("+-").startswith(("0x", "0o", "0b")) else int(text)
    except ValueError:
        return text


def _too_deep(where: str) -> PetMtlError:
    hint = "put a text that starts with `[` or `{` in quotes"
    return PetMtlError("nested too deeply", where=where, hint=hint)


def _syntax_error(error: YAMLError, text: str, path: str) -> PetMtlError:
    """Say a syntax error of ruamel.yaml in our words, with what to do for the usual slips."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if not isinstance(error, MarkedYAMLError) or mark is None:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        character = getattr(error, "character", None)
        found = f"U+{character:04X}" if isinstance(character, int) else "a character"
        return PetMtlError(
            f"the character {found} is not allowed in YAML",
            where=f"{path}:{line}",
            hint="delete it",
        )
    lines = text.split("\n")
    index = min(mark.line, len(lines) - 1)
    # a key with a full-width colon is only missed where the next line goes on
    for near in range(index, max(index - 2, -1), -1):
        if _WIDE_COLON.match(lines[near]):
            colon = "use the ASCII colon `: `, not the full-width `：`"
            return PetMtlError("no `:` behind the key", where=f"{path}:{near + 1}", hint=colon)
        if _WIDE_INDENT.match(lines[near]):
            message = "white space other than spaces is used as indentation"
            return PetMtlError(message, where=f"{path}:{near + 1}", hint="indent with spaces")
        if unseen := _UNSEEN_BREAK.search(lines[near]):
            message = f"the invisible character U+{ord(unseen[0]):04X} breaks the line"
            return PetMtlError(message, where=f"{path}:{near + 1}", hint="delete it")
    content = lines[index]
    where = f"{path}:{index + 1}"
    problem = str(error.problem)
    indentation = content[: len(content) - len(content.lstrip())]
    if "\t" in indentation:
        return PetMtlError("a tab is used as indentation", where=where, hint="indent with spaces")
    if "'\\t'" in problem:
        return PetMtlError("a tab is used as white space", where=where, hint="use spaces")
    hint = None
    if problem.endswith(NO_CHARACTER):
        hint = "write the character itself; in single quotes a `\\` is plain text"
    elif "%YAML" in problem:
        hint = "delete the line"
    elif "document" in problem:
        hint = "write one document, without a second `---`"
    elif _WIDE_BRACKET.search(content) or ("expected ','" in problem and "，" in content):
        hint = "outside texts use the ASCII `{`, `}`, `[`, `]` and `, `, not the full-width ones"
    elif (
        "undefined alias" in problem
        or "start any token" in problem
        or content.lstrip(" -").startswith("{")
    ):
        hint = "put the text in double quotes"
    elif "mapping values are not allowed" in problem or "expected <block end>" in problem:
        hint = "check the indentation; a text that holds `: ` or starts with `{` must be in quotes"
    elif "end of stream" in problem or "<stream end>" in problem:
        hint = "a quote or bracket is never closed"
    return PetMtlError(f"not valid YAML: {problem}", where=where, hint=hint)
