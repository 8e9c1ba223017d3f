"""Where Chinese words begin: jieba's dictionary, cut along the likeliest path by tokenizers'
threads.

jieba's search without its guesser of unknown words (`HMM=False`) is a unigram model: the cut with
the largest product of word frequencies. Given jieba's dictionary, tokenizers' own unigram model
finds the same cut without holding Python's lock, on all cores.
"""

import math
import warnings
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

FIRST_HAN, LAST_HAN = 0x4E00, 0x9FD5  # what jieba takes for Chinese


def words_version() -> str:
    """Return what decides the cuts: the dictionary's version."""
    from importlib.metadata import version

    return f"jieba {version('jieba')}"


def dictionary() -> list[tuple[str, int, str]]:
    """Return jieba's words with their frequency and their part of speech."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba 0.42.1: invalid escapes, pkg_resources
        import jieba

        with jieba.get_dict_file() as file:
            rows = [line.split(" ") for line in file.read().decode("utf-8").splitlines()]
    return [(word, int(count), tag) for word, count, tag in rows]


class WordCutter:
    """Cut Chinese text into words."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer, models

        counts = {word: count for word, count, _ in dictionary()}
        total = math.log(sum(counts.values()))
        scores = {word: math.log(count or 1) - total for word, count in counts.items()}
        # as jieba: a character without an entry counts once
        for code in range(FIRST_HAN, LAST_HAN + 1):
            scores.setdefault(chr(code), -total)
        model = models.Unigram([("<unk>", 0.0), *scores.items()], unk_id=0)
        self._cutter: Any = Tokenizer(model)

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
