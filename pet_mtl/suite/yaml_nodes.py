"""The nodes of a YAML text, before any of them becomes a value."""

import re
from contextlib import suppress
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import Node
from ruamel.yaml.scanner import Scanner, ScannerError

MAX_DEPTH = 50  # levels that no file needs; Python could follow some hundreds
MAX_NODES = 100_000  # values; aliases of aliases can grow a short file without end
NO_CHARACTER = "is no character"
_HALF = re.compile("[\ud800-\udfff]")


class TooDeepError(YAMLError):
    """A text nests more levels than a file may have.

    Attributes:
        line: where it does, from 1.
    """

    def __init__(self, line: int) -> None:
        super().__init__("nested too deeply")
        self.line = line


class TooManyError(YAMLError):
    """A text has more values than a file may have.

    Attributes:
        line: where it does, from 1.
    """

    def __init__(self, line: int) -> None:
        super().__init__("too large")
        self.line = line


def compose(text: str) -> Node | None:
    """Return the root of a text's nodes; None where it says nothing.

    Raises:
        TooDeepError: it nests too many levels.
        TooManyError: it has too many values, those of aliases not counted.
        YAMLError: it is not YAML, or an escape in it is no character.
    """
    try:
        node: Node | None = _parser().compose(text)
    except RecursionError:
        raise TooDeepError(_deep_line(text)) from None
    return node


def _parser() -> YAML:
    parser = YAML(typ="safe", pure=True)
    parser.Scanner, parser.Composer = _Scanner, _Composer
    return parser


class _Composer(Composer):
    """ruamel's, without two faults of it: it holds any number of values (of a data file that was
    named by mistake), and warns where an anchor stands twice, as YAML allows."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self._values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._values += index is not None  # which it is of keys
        if self._values > MAX_NODES:
            raise TooManyError(self.parser.peek_event().start_mark.line + 1)
        return super().compose_node(parent, index)


class _Scanner(Scanner):
    """ruamel's, without three faults of it: it looks at all open brackets again at each token,
    which takes seconds for some thousands, and fails at escapes beyond Unicode and at versions that
    are none."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:  # noqa: N803
        if self.flow_level > MAX_DEPTH:
            raise TooDeepError(self.reader.line + 1)
        super().fetch_flow_collection_start(TokenClass, to_push)

    def scan_flow_scalar_non_spaces(self, double: Any, start_mark: Any) -> Any:
        try:
            chunks = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):  # of `chr`
            raise self._no_character(f"\\U{self.reader.prefix(8)}", start_mark) from None
        text = "".join(chunks)
        try:  # JSON writes a character beyond U+FFFF as two halves
            return [text.encode("utf-16", "surrogatepass").decode("utf-16")]
        except UnicodeDecodeError:
            half = _HALF.findall(text)[0]
            raise self._no_character(f"\\u{ord(half):04x}", start_mark) from None

    def scan_yaml_directive_value(self, start_mark: Any) -> Any:
        found: Any = None
        with suppress(ValueError):  # thousands of digits
            found = super().scan_yaml_directive_value(start_mark)
        if found not in ((1, 1), (1, 2)):
            raise ScannerError(
                "while scanning a directive",
                start_mark,
                "`%YAML` names another version than 1.2",
                self.reader.get_mark(),
            )
        return found

    def _no_character(self, escape: str, start_mark: Any) -> ScannerError:
        return ScannerError(
            "while scanning a double-quoted scalar",
            start_mark,
            f"the escape `{escape}` {NO_CHARACTER}",
            self.reader.get_mark(),
        )


def _deep_line(text: str) -> int:
    """Return the line where a text has nested more levels than a file may have."""
    depth = line = 0
    for event in _parser().parse(text):
        line = event.start_mark.line + 1
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            break
    return line
