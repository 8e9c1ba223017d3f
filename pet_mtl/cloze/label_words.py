"""The pieces of a task's label words."""

from dataclasses import dataclass
from typing import Literal

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import ProblemList
from pet_mtl.suite.verbalizer import Verbalizer


@dataclass(frozen=True)
class LabelWords:
    """Every label word of a task as pieces.

    Attributes:
        pieces: `W` words, each a tuple of token ids.
        labels: `W` label indices, which label a word stands for.
        num_labels: `K`.
    """

    pieces: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    num_labels: int

    @property
    def lengths(self) -> tuple[int, ...]:
        """The distinct numbers of pieces, ascending: a prompt is needed for each."""
        return tuple(sorted({len(word) for word in self.pieces}))


def tokenize_label_words(
    verbalizer: Verbalizer,
    tokenizer: PieceTokenizer,
    *,
    space_before: bool,
    slots: Literal["exact", "shared"],
) -> LabelWords:
    """Tokenise the label words of a task.

    Args:
        space_before: a space stands before the slot in the pattern; byte-level pieces differ by it.
        slots: with `shared`, shorter words are closed by the blank piece (the padding token) up to
            the longest word's length, so that one prompt serves all words.

    Raises:
        PetMtlError: a word that the tokenizer cannot write, or two labels that become the same
            pieces; every problem at once.
    """
    problems = ProblemList()
    pieces: list[tuple[int, ...]] = []
    labels: list[int] = []
    for index, words in enumerate(verbalizer.words):
        where = verbalizer.where(index)
        for word, ids in zip(
            words, tokenizer.encode(words, space_before=space_before), strict=True
        ):
            if not ids or tokenizer.unk_id in ids:
                problems.add(
                    f'the tokenizer of the model cannot write the label word "{word}" '
                    f'of label "{verbalizer.labels[index]}"',
                    where=where,
                    hint="choose a word of characters that the model's vocabulary holds",
                )
            if (tuple(ids), index) not in zip(
                pieces, labels, strict=True
            ):  # "Sport sport": one word to the tokenizer
                pieces.append(tuple(ids))
                labels.append(index)
    problems.raise_if_any()
    _refuse_equal_labels(verbalizer, pieces, labels)
    if slots == "shared":
        longest = max(map(len, pieces))
        pieces = [word + (tokenizer.pad_id,) * (longest - len(word)) for word in pieces]
    return LabelWords(tuple(pieces), tuple(labels), len(verbalizer.labels))


def _refuse_equal_labels(
    verbalizer: Verbalizer, pieces: list[tuple[int, ...]], labels: list[int]
) -> None:
    problems = ProblemList()
    seen: dict[frozenset[tuple[int, ...]], int] = {}
    for index, label in enumerate(verbalizer.labels):
        key = frozenset(word for word, owner in zip(pieces, labels, strict=True) if owner == index)
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
