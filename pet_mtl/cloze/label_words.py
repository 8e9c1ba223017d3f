"""Words as pieces at the slot of a pattern: the tables that all scoring of label words starts from.

They are made from a verbalizer (or any list of words) and a tokenizer, once, and know nothing of
rows; prompts know of them only how many masks they need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pet_mtl.cloze.slot_numbers import Slots, slot_numbers, smallest_fit
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import ProblemList
from pet_mtl.suite.verbalizer import Verbalizer


@dataclass(frozen=True)
class Words:
    """Words as pieces.

    Attributes:
        pieces: `W` words, each a tuple of token ids.
    """

    pieces: tuple[tuple[int, ...], ...]

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The distinct numbers of pieces, ascending: a prompt is needed for each."""
        return tuple(sorted({len(word) for word in self.pieces}))

    @cached_property
    def used(self) -> tuple[int, ...]:
        """The distinct pieces, ascending."""
        return tuple(sorted({piece for word in self.pieces for piece in word}))


@dataclass(frozen=True)
class LabelWords(Words):
    """Every label word of a task as pieces.

    Attributes:
        labels: `W` label indices, which label a word stands for.
        num_labels: `K`.
    """

    labels: tuple[int, ...]
    num_labels: int

    def of_label(self, label: int) -> list[int]:
        """Return the words of a label, as indices."""
        return [*self._by_label.get(label, ())]

    @cached_property
    def _by_label(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for word, owner in enumerate(self.labels):
            found.setdefault(owner, []).append(word)
        return found


def tokenize_words(
    words: Sequence[str],
    tokenizer: PieceTokenizer,
    *,
    space_before: bool,
    numbers: Sequence[int] = (),
) -> Words:
    """Tokenise words that need not be label words, one by one; see `tokenize_label_words`.

    Args:
        numbers: of masks that words are read with, closed by blanks up to the smallest that holds
            them; a longer word, and without numbers every one, as long as it is.
    """
    pieces = [tuple(ids) for ids in tokenizer.encode(words, space_before=space_before)]
    longest = max(numbers, default=0)
    fits = {n: smallest_fit(n, numbers) for n in {*map(len, pieces)} if n <= longest}
    return Words(_closed(pieces, tokenizer, fits))


def _closed(
    pieces: Sequence[tuple[int, ...]], tokenizer: PieceTokenizer, fits: Mapping[int, int]
) -> tuple[tuple[int, ...], ...]:
    """Close words by blanks; `fits` has the masks of each length, where they are more."""
    if tokenizer.causal:  # which reads all words in one run anyway
        return tuple(pieces)
    blank = (tokenizer.pad_id,)
    return tuple(word + blank * (fits.get(len(word), 0) - len(word)) for word in pieces)


def tokenize_label_words(
    verbalizer: Verbalizer,
    tokenizer: PieceTokenizer,
    *,
    space_before: bool,
    slots: Slots,
    apart: Sequence[str] = (),
) -> LabelWords:
    """Tokenise the label words of a task.

    Args:
        space_before: a space stands before the slot in the pattern; byte-level pieces differ by it.
        slots: see `slot_numbers`; words with fewer pieces than masks are closed by the blank piece
            (the padding token), so that one prompt serves words of several lengths.
        apart: for each label a group within which it is told apart; none: all are in one.

    Raises:
        PetMtlError: a word that the tokenizer cannot write, or two labels that become the same
            pieces; every problem at once.
    """
    problems = ProblemList()
    pieces: list[tuple[int, ...]] = []
    labels: list[int] = []
    seen: set[tuple[tuple[int, ...], int]] = set()
    for index, words in enumerate(verbalizer.words):
        where = verbalizer.where(index)
        for word, ids in zip(
            words, tokenizer.encode(words, space_before=space_before), strict=True
        ):
            if not tokenizer.writes(word, ids):
                problems.add(
                    f'the tokenizer of the model cannot write the label word "{word}" '
                    f'of label "{verbalizer.labels[index]}"',
                    where=where,
                    hint="choose a word of characters that the model's vocabulary holds",
                )
            if (tuple(ids), index) not in seen:  # "Sport sport": one word to the tokenizer
                seen.add((tuple(ids), index))
                pieces.append(tuple(ids))
                labels.append(index)
    problems.raise_if_any()
    _refuse_equal_labels(verbalizer, pieces, labels, apart)
    lengths = [len(word) for word in pieces]
    numbers = slot_numbers(lengths, slots)
    fits = {length: smallest_fit(length, numbers) for length in set(lengths)}
    return LabelWords(_closed(pieces, tokenizer, fits), tuple(labels), len(verbalizer.labels))


def _refuse_equal_labels(
    verbalizer: Verbalizer,
    pieces: list[tuple[int, ...]],
    labels: list[int],
    apart: Sequence[str],
) -> None:
    problems = ProblemList()
    seen: dict[tuple[str, frozenset[tuple[int, ...]]], int] = {}
    of_label: list[list[tuple[int, ...]]] = [[] for _ in verbalizer.labels]
    for word, owner in zip(pieces, labels, strict=True):
        of_label[owner].append(word)
    for index, label in enumerate(verbalizer.labels):
        key = (apart[index] if apart else "", frozenset(of_label[index]))
        if key in seen:
            problems.add(
                (
                    f'labels "{verbalizer.labels[seen[key]]}" and "{label}" have the same '
                    "label words for this model"
                ),
                where=verbalizer.where(index),
                hint=(
                    "give one of them a word of its own (the tokenizer may drop case and accents)"
                ),
            )
        seen.setdefault(key, index)
    problems.raise_if_any()
