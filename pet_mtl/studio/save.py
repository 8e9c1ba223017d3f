"""Words and patterns back into their files; never over a change that nobody has seen."""

import difflib
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pet_mtl.atomic import link_target, write_bytes
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.lock import held
from pet_mtl.studio.yaml_edit import edit_yaml, value_at
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.suggest.write import check_writable, edit

_MOST_LINES = 400  # of a difference
# Nothing may change between a file's comparison and its writing: by this process, which is all that
# can be held where there are no lock files, or by another.
_SAVING = threading.Lock()


@dataclass(frozen=True)
class Source:
    """The file that a task's words or patterns stand in.

    Attributes:
        path: None where there is none.
        reason: why it is not written; empty where it may be.
    """

    path: Path | None
    reason: str = ""

    def digest(self) -> str:
        """Return a digest of what the file holds now; empty where there is none."""
        return _digest(_read(self.path)) if self.path is not None and self.path.is_file() else ""


class ChangedError(PetMtlError):
    """The file was changed since the page read it.

    Attributes:
        difference: lines, from the file as it is now to what would be written.
        digest: of the file as it is now.
    """

    def __init__(self, path: Path, difference: list[str], digest: str) -> None:
        super().__init__("the file was changed meanwhile", where=str(path))
        self.difference, self.digest = difference, digest


def words_source(suite: Suite, task: TaskSpec, stored: bool) -> Source:
    """Return the file of a task's label words.

    Args:
        stored: the suite is a checkpoint's: its words belong to its weights.
    """
    if stored:
        return Source(None, "the words are part of a checkpoint: name a pattern file to edit them")
    path = Path(task.verbalizer.source)
    if not path.is_file():
        return Source(None, "the words come from no file")
    if path == Path(suite.source):
        return Source(path)
    try:
        check_writable(path)
    except PetMtlError as error:
        return Source(path, error.problems[0].message)
    return Source(path)


def patterns_source(suite: Suite, stored: bool, soft: bool) -> Source:
    """Return the file of a suite's patterns.

    Args:
        soft: those of the file hold learned pieces, which the page leaves out.
    """
    if stored:
        return Source(None, "the patterns are part of a checkpoint: name a pattern file")
    path = Path(suite.source)
    if not path.is_file():
        return Source(None, "the patterns come from no file")
    return Source(path, "the file's patterns hold `{soft:…}`: change them there" if soft else "")


def save_words(
    source: Source, suite: Suite, name: str, words: Mapping[str, Sequence[str]], seen: str
) -> str:
    """Write the label words of a task; return the digest of the file.

    Raises:
        ChangedError: the file is another one than the page has seen.
        PetMtlError, RunError: it cannot be written.
    """
    path = _path(source)

    def change(text: str) -> str:
        if path == Path(suite.source):
            values: dict[tuple[str, ...], str | Sequence[str]] = {
                ("tasks", name, "verbalizer", label): of_label for label, of_label in words.items()
            }
            return edit_yaml(text, values, str(path))
        return edit(text, words)

    return _write(path, change, seen)


def save_patterns(
    source: Source, name: str, prefix: str, patterns: Sequence[str], seen: str
) -> str:
    """Write the prefix and the patterns of a task; return the digest of the file.

    Raises:
        ChangedError, PetMtlError, RunError: as `save_words`.
    """
    path = _path(source)

    def change(text: str) -> str:
        of_task = ("tasks", name)
        one = len(patterns) == 1 and not isinstance(value_at(text, (*of_task, "patterns")), list)
        values: dict[tuple[str, ...], str | Sequence[str]] = {}
        if prefix or value_at(text, (*of_task, "prefix")) is not None:
            values[*of_task, "prefix"] = prefix
        values[*of_task, "patterns"] = patterns[0] if one else list(patterns)
        return edit_yaml(text, values, str(path))

    return _write(path, change, seen)


def _path(source: Source) -> Path:
    if source.path is None or source.reason:
        raise PetMtlError(source.reason)
    return source.path


def _write(path: Path, change: Callable[[str], str], seen: str) -> str:
    target = link_target(path)
    with _SAVING, held(target.with_name(f".{target.name}.lock"), wait=True):
        old = _read(path)
        try:
            text = old.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PetMtlError(
                f"not UTF-8: {error.reason}", where=str(path), hint="save the file as UTF-8"
            ) from error
        new = change(text)
        if _digest(old) != seen:
            lines = difflib.unified_diff(
                text.splitlines(), new.splitlines(), "file now", "page", lineterm="", n=1
            )
            raise ChangedError(path, list(lines)[:_MOST_LINES], _digest(old))
        content = new.encode("utf-8")
        if content != old:
            write_bytes(path, content)
        return _digest(content)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PetMtlError(f"cannot be read: {error.strerror or error}", where=str(path)) from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
