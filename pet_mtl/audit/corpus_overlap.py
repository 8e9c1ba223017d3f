"""Texts of rows that stand inside pre-training text.

A text is looked for by the hashes of its first and last 16 characters, and compared as a whole
where both fit: one pass over the corpus, whatever the number of rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pet_mtl.audit.finding import Finding, Level
from pet_mtl.audit.parts import Part
from pet_mtl.data.rows import Rows
from pet_mtl.pretraining.corpus import Document
from pet_mtl.text import normalize_text

SEEN = "a model that is pre-trained on it has read rows that it is scored on, without labels"
WINDOW = 16  # characters
SHORTEST = 8  # shorter texts stand anywhere by chance
CHUNK = 4_000_000  # characters hashed at a time
_BASE = np.uint64(0x9E3779B97F4A7C15)
_TABLE_BITS = np.uint64(24)


def check_corpus_overlap(
    parts: Sequence[Part], name: str, documents: Iterable[Document]
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Count the rows of each part whose longest text stands in a corpus, wherever in a
    paragraph."""
    texts = [_longest_texts(part.rows) for part in parts]
    index = _Index({text for of_part in texts for text in of_part if len(text) >= SHORTEST})
    for chunk in _chunks(documents):
        index.look_into(chunk)
    figures, findings = [], []
    for part, of_part in zip(parts, texts, strict=True):
        rows = np.flatnonzero(
            np.fromiter((text in index.found for text in of_part), bool, len(of_part))
        )
        if not len(rows):
            continue
        figures.append({"rows_of": part.title, "in": name, "rows": len(rows), "of": len(part.rows)})
        level: Level = "warning" if part.measured or part.split else "note"
        hint = SEEN if level == "warning" else None
        what = f"stand in the corpus {name}"
        findings.append(part.finding(level, "corpus_overlap", rows, what, hint))
    return figures, findings


def _longest_texts(rows: Rows) -> list[str]:
    columns = [column.to_pylist() for column in rows.fields.values()]
    return [max(map(normalize_text, texts), key=len) for texts in zip(*columns, strict=True)]


def _chunks(documents: Iterable[Document]) -> Iterator[str]:
    """Yield the normalised paragraphs, a line each, some millions of characters at a time."""
    lines: list[str] = []
    size = 0
    for document in documents:
        for paragraph in document:
            lines.append(normalize_text(paragraph))
            size += len(lines[-1])
        if size > CHUNK:
            yield "\n".join(lines)
            lines, size = [], 0
    if lines:
        yield "\n".join(lines)


class _Index:
    """Texts to look for, and those found; texts shorter than the window count only as whole
    paragraphs."""

    def __init__(self, texts: set[str]) -> None:
        self.short = {text for text in texts if len(text) < WINDOW}
        self.long = sorted(text for text in texts if len(text) >= WINDOW)
        self.found: set[str] = set()
        hashes = _hashes("".join(text[:WINDOW] + text[-WINDOW:] for text in self.long))
        first = hashes[:: 2 * WINDOW]
        order = np.argsort(first, kind="stable")
        self.long = [self.long[place] for place in order]
        self.first, self.last = first[order], hashes[WINDOW :: 2 * WINDOW][order]
        self.sizes = np.array([len(text) for text in self.long], np.int64)
        self.table = np.zeros(1 << int(_TABLE_BITS), bool)
        self.table[self._slots(self.first)] = True

    def _slots(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return hashes >> (np.uint64(64) - _TABLE_BITS)

    def look_into(self, chunk: str) -> None:
        """Note the texts that a chunk holds."""
        self.found.update(self.short.intersection(chunk.split("\n")))
        hashes = _hashes(chunk)
        if not len(self.long) or not len(hashes):
            return
        starts = np.flatnonzero(self.table[self._slots(hashes)])
        left = np.searchsorted(self.first, hashes[starts], "left")
        counts = np.searchsorted(self.first, hashes[starts], "right") - left
        # every text that begins like this place
        starts, left = np.repeat(starts, counts), np.repeat(left, counts)
        texts = left + np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        ends = starts + self.sizes[texts] - WINDOW
        fits = ends < len(hashes)
        starts, texts, ends = starts[fits], texts[fits], ends[fits]
        fits = hashes[ends] == self.last[texts]
        for start, number in zip(starts[fits].tolist(), texts[fits].tolist(), strict=True):
            if chunk.startswith(self.long[number], start):
                self.found.add(self.long[number])


def _hashes(text: str) -> NDArray[np.uint64]:
    """Return the hash of each window of `WINDOW` characters: a polynomial, then its bits mixed
    upwards."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    if len(codes) < WINDOW:
        return np.empty(0, np.uint64)
    length = len(codes) - WINDOW + 1
    total = codes[:length].copy()
    for shift in range(1, WINDOW):
        total *= _BASE
        total += codes[shift : shift + length]
    total ^= total >> np.uint64(29)
    total *= np.uint64(0xBF58476D1CE4E5B9)
    return total
