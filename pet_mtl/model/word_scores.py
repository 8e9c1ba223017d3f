"""The scoring rule: piece logits at the slots to word scores and label scores, the same for
training and scoring.

The score of a word is the mean over its pieces of log p(piece at its slot), read in a prompt with
as many masks as the word has pieces; the score of a label aggregates its words. Where all words of
a task are read at the same slots, the softmax denominator is the same for all of them and is left
out; otherwise it is computed, at the slots only. What a causal model has for slots is the end of
the prompt and the words' own pieces; see `cloze.word_tree`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import torch
from torch import Tensor

from pet_mtl.cloze.label_words import LabelWords, Words
from pet_mtl.cloze.word_tree import WordTree

Aggregation = Literal["mean", "max", "logsumexp"]


@dataclass(frozen=True)
class PieceTable:
    """Words as indices, lengths ascending.

    Attributes:
        pieces: for each length `P`, `[W_P, P]` columns of the piece logits.
        order: `W` words, by the position at which their scores stand.
        reads: for each length, `[W_P, P]` the slots at which the pieces are read; no lengths where
            these are simply the first `P`.
    """

    pieces: dict[int, Tensor]
    order: tuple[int, ...]
    reads: dict[int, Tensor] = field(default_factory=dict, kw_only=True)

    @property
    def at_one_place(self) -> bool:
        """Whether all words are read at the same slots."""
        return len(self.pieces) == 1 and not self.reads

    def to(self, device: torch.device) -> Self:
        """Return the table on another device."""
        pieces = {length: ids.to(device) for length, ids in self.pieces.items()}
        reads = {length: at.to(device) for length, at in self.reads.items()}
        return replace(self, pieces=pieces, reads=reads)


@dataclass(frozen=True)
class WordTable(PieceTable):
    """A form's label words as indices.

    Attributes:
        words_of_label: `[K, W]` positions among the words; short rows repeat the first word.
        is_word: `[K, W]` False where a row repeats.
    """

    words_of_label: Tensor
    is_word: Tensor

    def to(self, device: torch.device) -> Self:
        words_of_label, is_word = self.words_of_label.to(device), self.is_word.to(device)
        return replace(super().to(device), words_of_label=words_of_label, is_word=is_word)


def label_scores(
    table: WordTable,
    logits: Callable[[int], Tensor],
    normalizer: Callable[[int], Tensor],
    how: Aggregation,
) -> Tensor:
    """Apply the scoring rule: label scores `[b, K]`; see `word_scores` for the arguments."""
    scores = word_scores(table, logits, None if table.at_one_place else normalizer)
    return aggregate(scores, table.words_of_label, table.is_word, how)


def word_scores(
    table: PieceTable, logits: Callable[[int], Tensor], normalizer: Callable[[int], Tensor] | None
) -> Tensor:
    """Score words, `[b, words]`, in the order of the table.

    Args:
        logits: for a word length `P`, the logits `[b, P, U]` of the used pieces at the slots of
            prompts with `P` masks; where the table says what is `read`, `[b, S, U]` at all slots.
        normalizer: likewise the log of the softmax denominator `[b, P]`; None leaves it out.
    """
    scores = []
    for length, pieces in table.pieces.items():
        at = table.reads.get(length)
        if at is None and length == 1:
            of_length = logits(length)[:, 0, pieces[:, 0]]  # [b, W_1]
        else:
            places = torch.arange(length, device=pieces.device) if at is None else at
            of_length = logits(length)[:, places, pieces].mean(-1)  # [b, W_P]
        if normalizer is not None:
            of_slots = normalizer(length)
            of_words = of_slots if at is None else of_slots[:, at]
            of_length = of_length - of_words.mean(-1, keepdim=at is None)
        scores.append(of_length)
    return torch.cat(scores, -1)


def aggregate(scores: Tensor, words_of_label: Tensor, is_word: Tensor, how: Aggregation) -> Tensor:
    """Aggregate word scores `[b, words]` into label scores `[b, K]`; see `WordTable` for the
    indices `[K, W]`."""
    of_label = scores[:, words_of_label]  # [b, K, W]
    if how == "mean":
        return (of_label * is_word).sum(-1) / is_word.sum(-1)
    of_label = of_label.masked_fill(~is_word, float("-inf"))
    return of_label.amax(-1) if how == "max" else of_label.logsumexp(-1)


def piece_table(
    words: Words, columns: Mapping[int, int] | None = None, tree: WordTree | None = None
) -> PieceTable:
    """Index words.

    Args:
        tree: of the words, where they are read one piece behind the other.
        columns: each piece's place among the `U` pieces whose logits are there; None for the places
            in `words.used`.
    """
    if columns is None:
        columns = {piece: column for column, piece in enumerate(words.used)}
    pieces, reads, order = dict[int, Tensor](), dict[int, Tensor](), list[int]()
    for length in words.lengths:
        group = [w for w, word in enumerate(words.pieces) if len(word) == length]
        own = [[columns[piece] for piece in words.pieces[w]] for w in group]
        pieces[length] = torch.tensor(own)
        if tree is not None and tree.pieces:
            reads[length] = torch.tensor([tree.reads[w] for w in group])
        order += group
    return PieceTable(pieces, tuple(order), reads=reads)


def word_table(
    words: LabelWords, columns: Mapping[int, int] | None = None, tree: WordTree | None = None
) -> WordTable:
    """Index the label words of a form; see `piece_table`."""
    table = piece_table(words, columns, tree)
    position = {word: place for place, word in enumerate(table.order)}
    of_label = [[position[w] for w in words.of_label(k)] for k in range(words.num_labels)]
    most = max(map(len, of_label))
    return WordTable(
        table.pieces,
        table.order,
        words_of_label=torch.tensor([own + own[:1] * (most - len(own)) for own in of_label]),
        is_word=torch.tensor([[True] * len(own) + [False] * (most - len(own)) for own in of_label]),
        reads=table.reads,
    )
