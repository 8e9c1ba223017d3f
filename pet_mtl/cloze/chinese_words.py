"""Where Chinese words begin: jieba's dictionary, cut along the likeliest path by tokenizers'
threads.

jieba's search without its guesser of unknown words (`HMM=False`) is a unigram model: the cut with
the largest product of word frequencies. Given jieba's dictionary, tokenizers' own unigram model
finds the same cut without holding Python's lock, on all cores.
"""

import math
import warnings
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

FIRST_HAN, LAST_HAN = 0x4E00, 0x9FD5  # what jieba takes for Chinese


def words_version() -> str:
    """Return what decides the cuts: the dictionary's version."""
    from importlib.metadata import version

    return f"jieba {version('jieba')}"


def dictionary() -> Iterable[tuple[str, int, str]]:
    """Return jieba's words with their frequency and their part of speech."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba 0.42.1: invalid escapes, pkg_resources
        import jieba

        with jieba.get_dict_file() as file:
            cells = file.read().decode("utf-8").split()
    return zip(cells[::3], map(int, cells[1::3]), cells[2::3], strict=True)


def _unigrams() -> Any:
    """Return a tokenizer that cuts as jieba does."""
    from tokenizers import Tokenizer, models

    counts = {word: count for word, count, _ in dictionary()}
    total = math.log(sum(counts.values()))
    logs = {count: math.log(count or 1) - total for count in set(counts.values())}
    scores = {word: logs[count] for word, count in counts.items()}
    # as jieba: a character without an entry counts once
    for code in range(FIRST_HAN, LAST_HAN + 1):
        scores.setdefault(chr(code), -total)
    return Tokenizer(models.Unigram([("<unk>", 0.0), *scores.items()], unk_id=0))


_held: WeakValueDictionary[str, Any] = WeakValueDictionary()


class WordCutter:
    """Cut Chinese text into words."""

    def __init__(self) -> None:
        # a second of work and 0.4 GB: those alive at a time share one
        self._cutter = _held.get("cutter") or _held.setdefault("cutter", _unigrams())

    def begins(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return, for each character of all texts one after the other, whether a word begins there.

        Only Chinese words are known; a run of other characters counts as one word.
        """
        marks = np.zeros(sum(map(len, texts)), bool)
        base = 0
        for text, cut in zip(
            texts, self._cutter.encode_batch(list(texts), add_special_tokens=False), strict=True
        ):
            offsets = cut.offsets
            starts = np.fromiter(chain.from_iterable(offsets), np.int64, 2 * len(offsets))[::2]
            marks[base + starts] = True
            base += len(text)
        return marks


def is_han(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return, for each character of all texts one after the other, whether it is Chinese."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return (codes >= FIRST_HAN) & (codes <= LAST_HAN)
