"""Documents out of text files, streamed: a document is a list of paragraphs."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pet_mtl.console import say
from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    data_format,
    first_line,
    lines_of,
    open_bytes,
    with_line_feeds,
)
from pet_mtl.data.jsonl import read_json
from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.sources import find_files
from pet_mtl.data.table import SHOWN, BadRows, Chunk, Request, encoding_problem
from pet_mtl.errors import PetMtlError, ProblemList, RunError
from pet_mtl.text import counted

Document = list[str]
# a longer document is cut: a file of lines without a blank one is no single text
MOST_PARAGRAPHS = 512
MOST_CHARACTERS = 1 << 21  # of a document, too: each costs some 200 bytes while it is tokenised

_MOST_NAMED = 5  # files in one warning

_READERS: dict[str, Callable[[Path, str, Request, BadRows], Iterator[Chunk]]] = {
    ".json": read_json,
    ".jsonl": read_json,
    ".parquet": read_parquet,
}


class Corpus(Protocol):
    """Something that gives documents, the same ones each time."""

    @property
    def digest(self) -> str:
        """A digest of all that `documents` reads."""

    def documents(self) -> Iterator[Document]:
        """Yield the documents, none of them empty."""


def unchanged_documents(corpus: Corpus, digest: str) -> Iterator[Document]:
    """Yield the documents of a corpus that had a digest before.

    What is kept under that digest must hold that text, so it is not kept when the last one raises.

    Raises:
        RunError: after the last document, the corpus has another digest.
    """
    yield from corpus.documents()
    if corpus.digest != digest:
        raise RunError(
            "the corpus changed while it was read",
            hint="start again when its files stay as they are; nothing of this reading was kept",
        )


@dataclass(frozen=True)
class FileCorpus:
    """Text files: txt (a paragraph a line, a blank line between documents), json lines, parquet;
    also compressed.

    Attributes:
        files: in the order they are read.
        text_key: the key or column that holds a document's text in json lines and parquet.
    """

    files: tuple[Path, ...]
    text_key: str = "text"

    @property
    def digest(self) -> str:
        digest = hashlib.sha256(self.text_key.encode())
        for file in self.files:
            with open_bytes(file), file.open("rb") as handle:
                digest.update(hashlib.file_digest(handle, "sha256").digest())
            digest.update(data_format(file).encode())
        return digest.hexdigest()

    def documents(self) -> Iterator[Document]:
        for file in self.files:
            yield from self.documents_of(file)

    def documents_of(self, file: Path) -> Iterator[Document]:
        """Yield the documents of one of the files."""
        suffix = data_format(file)
        return _text_documents(file) if suffix == ".txt" else self._table_documents(file, suffix)

    def _table_documents(self, file: Path, suffix: str) -> Iterator[Document]:
        bad = BadRows(str(file), keep=SHOWN)
        with _as_option():
            for chunk in _READERS[suffix](
                file, suffix, Request({"text": self.text_key}, labelled=False), bad
            ):
                if bad.count:
                    break
                for text in chunk.columns["text"].to_pylist():
                    yield from _cut([line for part in text.splitlines() if (line := part.strip())])
            if problems := bad.shown():
                raise PetMtlError(problems)


@contextmanager
def _as_option() -> Iterator[None]:
    """Name what a reader's errors know as a key of a pattern file as the user gave it."""
    try:
        yield
    except PetMtlError as error:
        raise PetMtlError(
            [
                replace(one, message=one.message.replace("`columns.text`", "`--text-key`"))
                for one in error.problems
            ]
        ) from error


def find_corpus(sources: Sequence[str], text_key: str = "text") -> FileCorpus:
    """Return the corpus of paths and globs, each file once; say which are named again and which
    hold no text.

    Raises:
        PetMtlError: the key is empty; a file is missing, of a format that holds no running text, or
            cannot be read up to its first document; every problem at once.
    """
    if not text_key:
        raise PetMtlError(
            "is empty",
            where="--text-key",
            hint="name the key or column that holds the text, or leave it out for `text`",
        )
    problems = ProblemList()
    files: list[Path] = []
    for source in sources:
        try:
            found = find_files(source, Path())
            for file in found:
                if data_format(file) not in (".txt", *_READERS):
                    raise PetMtlError(
                        f"`{data_format(file)}` holds a table, no running text",
                        where=str(file),
                        hint="give .txt (a paragraph a line), .jsonl or .parquet, "
                        "or take a suite's texts with `--patterns FILE --task-text`",
                    )
        except PetMtlError as error:
            problems.extend(error)
            continue
        files += found
    corpus = FileCorpus(_each_once(files), text_key)
    if text_key != "text" and files and all(data_format(file) == ".txt" for file in files):
        say(f"warning: `--text-key {text_key}` does nothing: .txt files have no keys")
    empty: list[Path] = []
    for file in corpus.files:
        try:
            if next(corpus.documents_of(file), None) is None:
                empty.append(file)
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    _warn("of the corpus holds no text", "of the corpus hold no text", empty)
    return corpus


def _each_once(files: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files without those that were named before, by whatever name: what is read twice
    weighs twice."""
    first: dict[tuple[int, int], Path] = {}
    again: list[Path] = []
    for file in files:
        stat = file.stat()
        content = stat.st_dev, stat.st_ino
        if content in first:
            again.append(file)
        else:
            first[content] = file
    named = "of the corpus is named more than once and read once"
    _warn(named, named.replace("is named", "are named"), again)
    return tuple(first.values())


def _warn(one: str, several: str, files: Sequence[Path]) -> None:
    if files:
        names = ", ".join(map(str, files[:_MOST_NAMED]))
        more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
        what = one if len(files) == 1 else several
        say(f"warning: {counted(len(files), 'file')} {what}: {names}{more}")


def _text_documents(file: Path) -> Iterator[Document]:
    first_line(file)  # refuses UTF-16
    paragraphs: Document = []
    characters = 0
    with open_bytes(file) as stream:
        text_stream = with_line_feeds(stream, quotes=False)
        for number, raw in enumerate(lines_of(text_stream, file), start=1):
            line = raw.removeprefix(BYTE_ORDER_MARK)  # each of joined files may have one
            try:
                text = line.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                message, hint = encoding_problem(line, str(file))
                raise PetMtlError(message, where=f"{file}:{number}", hint=hint) from error
            if text:
                paragraphs.append(text)
                characters += len(text)
            if not text or len(paragraphs) == MOST_PARAGRAPHS or characters >= MOST_CHARACTERS:
                yield from _cut(paragraphs)
                paragraphs, characters = [], 0
    yield from _cut(paragraphs)


def _cut(paragraphs: Document) -> Iterator[Document]:
    """Yield documents of at most `MOST_PARAGRAPHS` and `MOST_CHARACTERS`, nothing empty."""
    document: Document = []
    characters = 0
    for paragraph in paragraphs:
        for start in range(0, len(paragraph), MOST_CHARACTERS):
            part = paragraph[start : start + MOST_CHARACTERS]
            if len(document) == MOST_PARAGRAPHS or characters + len(part) > MOST_CHARACTERS:
                yield document
                document, characters = [], 0
            document.append(part)
            characters += len(part)
    if document:
        yield document
