"""The tokenised corpus on disk: written once, memory-mapped by every run that has the same corpus
and tokenizer.

A cache is a folder named after the digests of corpus and tokenizer:

    pieces.bin      token ids of all paragraphs, each closed by the separator (uint16, or int32
                    for large vocabularies)
    words.bin       for each piece whether a word begins with it (uint8); only where a strategy
                    asked for words
    paragraphs.bin  where each paragraph ends in `pieces` (int64)
    documents.bin   how many paragraphs there are up to each document's end (int64)
    hashes.bin      a hash of each document's text (uint32): which documents are held out must not
                    depend on pieces
    cache.json      what it was made of
    sha256.json     the sums of all files; written last
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.atomic import new_folder
from pet_mtl.cloze.chinese_words import WordCutter, words_version
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.leftovers import sweep
from pet_mtl.pretraining.corpus import Corpus, Document, unchanged_documents
from pet_mtl.pretraining.pieces import PieceEncoder, tokenizer_digest
from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.digests import is_whole, write_digests
from pet_mtl.storage.lock import held
from pet_mtl.text import counted

# 2: with checksums; 3: line ends are read by other rules and long documents are cut, so what was
# made of the same bytes before may hold other documents
FORMAT_VERSION = 3
_CHUNK = 1 << 20  # characters tokenised at a time: enough for all cores, little memory
_PARAGRAPH = 64  # characters that a paragraph counts beside its own: each becomes an object
_SAY_EVERY = 15.0  # seconds
_DTYPES = {"uint16": np.uint16, "int32": np.int32}
_FILES = ("pieces", "words", "paragraphs", "documents", "hashes")


@dataclass(frozen=True)
class Cache:
    """A tokenised corpus, memory-mapped.

    Attributes:
        folder: where it is.
        pieces: token ids.
        words: 1 where a word begins; None where the cache has no words.
        paragraphs: where each paragraph ends in `pieces`, its separator counted.
        documents: how many paragraphs there are up to each document's end.
        hashes: of each document's text.
        key: what it was made of.
    """

    folder: Path
    pieces: npt.NDArray[np.integer]
    words: npt.NDArray[np.uint8] | None
    paragraphs: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint32]
    key: dict[str, Any]


def open_or_build(corpus: Corpus, tokenizer: PieceTokenizer, place: Path, *, words: bool) -> Cache:
    """Return the cache of a corpus, building it where there is none that fits; of several
    processes, one does.

    Args:
        place: the folder that caches are kept in.
        words: whether word beginnings are needed.

    Raises:
        PetMtlError: the corpus cannot be read or holds no usable text.
        RunError: the disk is full, or the corpus changed meanwhile; nothing of it is left.
    """
    key = {
        "format_version": FORMAT_VERSION,
        "corpus": corpus.digest,
        "tokenizer": tokenizer_digest(tokenizer),
        "words": words_version() if words else None,
    }
    corpus_name = str(key["corpus"])[:16]
    folder = place / f"{corpus_name}-{str(key['tokenizer'])[:16]}"
    lock = place / f".{folder.name}.lock"
    cache = _fitting(folder, key, tokenizer.vocab_size)
    if cache is None:
        with ExitStack() as alone:
            if not alone.enter_context(held(lock)):
                say(f"another process is tokenising the corpus into {folder}: waiting for it")
                alone.enter_context(held(lock, wait=True))
            cache = _fitting(folder, key, tokenizer.vocab_size)  # the other process may have built
            if cache is None:
                if folder.exists():
                    why = _difference(_read_key(folder), key)
                    say(f"the cache in {folder} {why}: building it anew")
                elif any(place.glob(f"{corpus_name}-*")):
                    say("the corpus' cache is of another tokenizer: building one beside it")
                sweep(folder)
                _build(corpus, tokenizer, folder, key)
                cache = _fitting(folder, key, tokenizer.vocab_size)
    elif lock.exists():  # of a process that was killed: holding it once removes it
        with held(lock):
            pass
    assert cache is not None
    say(f"cache: {folder}, {_size(cache)}")
    return cache


def _fitting(folder: Path, key: dict[str, Any], vocab_size: int) -> Cache | None:
    """Return the cache where it is there, whole, and was made of what `key` says."""
    found = _read_key(folder)
    if not _serves(found, key) or not is_whole(folder):
        return None
    cache = _open(folder, found)
    return cache if cache is not None and _is_sound(cache, vocab_size) else None


def _is_sound(cache: Cache, vocab_size: int) -> bool:
    """Say whether the numbers of a cache fit each other: ends grow up to what they are ends of."""
    for ends, count in (
        (cache.paragraphs, len(cache.pieces)),
        (cache.documents, len(cache.paragraphs)),
    ):
        if not len(ends) or ends[0] < 1 or ends[-1] != count or (np.diff(ends) < 1).any():
            return False
    return bool(cache.pieces.min() >= 0 and cache.pieces.max() < vocab_size)


def _size(cache: Cache) -> str:
    return f"{counted(len(cache.documents), 'document')}, {counted(len(cache.pieces), 'piece')}"


def _read_key(folder: Path) -> dict[str, Any]:
    """Return what a cache was made of; nothing where that cannot be read."""
    try:
        key = json.loads(read_bounded(folder / "cache.json"))
    except (OSError, ValueError, RecursionError):
        return {}
    return key if isinstance(key, dict) else {}


def _serves(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(
        found.get(name) == value
        for name, value in wanted.items()
        if name != "words" or value is not None
    )


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    if not found:
        return "is damaged"
    if found.get("format_version") != wanted["format_version"]:
        return "is of another version of pet-mtl"
    if found.get("tokenizer") != wanted["tokenizer"]:
        return "is of another tokenizer"
    return "has no words" if not _serves(found, wanted) else "is damaged"


def _build(corpus: Corpus, tokenizer: PieceTokenizer, folder: Path, key: dict[str, Any]) -> None:
    """Write the cache's folder, at once when all is there.

    Raises:
        PetMtlError: the tokenizer has no separator; see `_check_known`.
        RunError: the corpus changed meanwhile.
    """
    say(f"tokenising the corpus into {folder}")
    encoder = PieceEncoder(tokenizer, WordCutter() if key["words"] else None)
    if not tokenizer.end_ids:
        raise PetMtlError(
            "the tokenizer has no separator token",
            hint="choose a masked language model such as BERT",
        )
    separator, started, said = tokenizer.end_ids[-1], time.monotonic(), time.monotonic()
    pieces = paragraphs = documents = unknown = 0
    with new_folder(folder) as temporary:
        handles = {name: (temporary / f"{name}.bin").open("wb") for name in _FILES}
        try:
            for chunk in _chunks(unchanged_documents(corpus, key["corpus"])):
                part = _Part.of(chunk, encoder, separator)
                if tokenizer.unk_id is not None:
                    unknown += int((part.pieces == tokenizer.unk_id).sum())
                handles["pieces"].write(part.pieces.tobytes())
                if part.words is not None:
                    handles["words"].write(part.words.tobytes())
                handles["paragraphs"].write((part.paragraphs + pieces).tobytes())
                handles["documents"].write((part.documents + paragraphs).tobytes())
                handles["hashes"].write(part.hashes.tobytes())
                pieces += len(part.pieces)
                paragraphs += len(part.paragraphs)
                documents += len(part.documents)
                if time.monotonic() - said > _SAY_EVERY:
                    said = time.monotonic()
                    rate = pieces / (said - started) / 1e6
                    say(
                        f"tokenising: {documents:,} documents, {pieces:,} pieces ({rate:.2f} M a "
                        "second)"
                    )
        finally:
            for handle in handles.values():
                handle.close()
        _check_known(pieces - paragraphs, unknown)
        if not key["words"]:
            (temporary / "words.bin").unlink()
        counts = {
            "pieces": pieces,
            "paragraphs": paragraphs,
            "documents": documents,
            "unknown": unknown,
        }
        text = json.dumps(key | {"dtype": np.dtype(encoder.dtype).name, "counts": counts}, indent=1)
        (temporary / "cache.json").write_text(text + "\n", encoding="utf-8")
        write_digests(temporary)


def _check_known(pieces: int, unknown: int) -> None:
    """Warn of many unknown pieces among those of a corpus, its separators left out.

    Raises:
        PetMtlError: all are unknown, or there are none.
    """
    if pieces <= unknown:
        raise PetMtlError(
            "the vocabulary has no piece of the corpus"
            if pieces
            else "the corpus has no usable text",
            hint="is it the right file? txt holds a paragraph a line, json lines and parquet a "
            "`text`",
        )
    if unknown > 0.02 * pieces:
        say(f"warning: {unknown / pieces:.1%} of the pieces are unknown to the vocabulary")


def _chunks(documents: Iterator[Document]) -> Iterator[list[Document]]:
    chunk: list[Document] = []
    size = 0
    for document in documents:
        chunk.append(document)
        size += sum(map(len, document)) + _PARAGRAPH * len(document)
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@dataclass(frozen=True)
class _Part:
    pieces: npt.NDArray[np.integer]
    words: npt.NDArray[np.uint8] | None
    paragraphs: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, chunk: list[Document], encoder: PieceEncoder, separator: int) -> "_Part":
        """Tokenise documents; paragraphs and documents without a piece are dropped."""
        texts = [paragraph for document in chunk for paragraph in document]
        lengths, ids, words = encoder(texts)
        of_document = np.repeat(np.arange(len(chunk)), [len(document) for document in chunk])
        kept = lengths > 0
        ends = np.cumsum(lengths[kept] + 1)
        out = np.full(int(ends[-1]) if len(ends) else 0, separator).astype(encoder.dtype)
        inside = np.ones(len(out), bool)
        inside[ends - 1] = False
        out[inside] = ids
        begins = None
        if encoder.cutter is not None:
            begins = np.ones(len(out), np.uint8)
            begins[inside] = words if words is not None else 1
        whole, per_document = np.unique(of_document[kept], return_counts=True)
        hashes = [
            blake2b("\n".join(chunk[i]).encode("utf-8", "replace"), digest_size=4).digest()
            for i in whole
        ]
        return cls(
            out, begins, ends, np.cumsum(per_document), np.frombuffer(b"".join(hashes), dtype="<u4")
        )


def _open(folder: Path, key: dict[str, Any]) -> Cache | None:
    """Map a cache's files, or return None where one is missing or not as long as it should be."""
    try:
        counts, dtype = key["counts"], np.dtype(_DTYPES[key["dtype"]])
        kinds = {"pieces": dtype, "paragraphs": np.dtype("<i8"), "documents": np.dtype("<i8")}
        kinds["hashes"] = np.dtype("<u4")
        if key["words"]:
            kinds["words"] = np.dtype(np.uint8)
        arrays: dict[str, Any] = {}
        for name, kind in kinds.items():
            file = folder / f"{name}.bin"
            count = counts[{"words": "pieces", "hashes": "documents"}.get(name, name)]
            if file.stat().st_size != count * kind.itemsize:
                return None
            arrays[name] = np.memmap(file, kind, mode="r")
    except (KeyError, TypeError, OSError, ValueError):
        return None
    return Cache(folder=folder, key=key, **{"words": None, **arrays})
