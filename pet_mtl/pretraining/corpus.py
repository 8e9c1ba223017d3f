"""Documents out of text files, streamed: a document is a list of paragraphs."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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

Document = list[str]
MOST_PARAGRAPHS = (
    512  # a longer document is cut: a file of lines without a blank one is no single text
)

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
            suffix = data_format(file)
            yield from (
                _text_documents(file) if suffix == ".txt" else self._table_documents(file, suffix)
            )

    def _table_documents(self, file: Path, suffix: str) -> Iterator[Document]:
        bad = BadRows(str(file), keep=SHOWN)
        problems = ProblemList()
        for chunk in _READERS[suffix](
            file, suffix, Request({"text": self.text_key}, labelled=False), bad
        ):
            if bad.count:
                break
            for text in chunk.columns["text"].to_pylist():
                yield from _cut([line for part in text.splitlines() if (line := part.strip())])
        problems.problems.extend(bad.shown())
        problems.raise_if_any()


def find_corpus(sources: Sequence[str], text_key: str = "text") -> FileCorpus:
    """Return the corpus of paths and globs.

    Raises:
        PetMtlError: a file is missing or of a format that holds no running text; every problem at
            once.
    """
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
    problems.raise_if_any()
    return FileCorpus(tuple(files), text_key)


def _text_documents(file: Path) -> Iterator[Document]:
    first_line(file)  # refuses UTF-16
    paragraphs: Document = []
    with open_bytes(file) as stream:
        text_stream = with_line_feeds(stream, quotes=False)
        for number, raw in enumerate(lines_of(text_stream, file), start=1):
            line = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
            try:
                text = line.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                message, hint = encoding_problem(line, str(file))
                raise PetMtlError(message, where=f"{file}:{number}", hint=hint) from error
            if text:
                paragraphs.append(text)
            if paragraphs and (not text or len(paragraphs) == MOST_PARAGRAPHS):
                yield paragraphs
                paragraphs = []
    if paragraphs:
        yield paragraphs


def _cut(paragraphs: Document) -> Iterator[Document]:
    for start in range(0, len(paragraphs), MOST_PARAGRAPHS):
        yield paragraphs[start : start + MOST_PARAGRAPHS]
