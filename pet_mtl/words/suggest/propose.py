"""A whole set of label words: one change after the other, as long as the fitting rows gain."""

from collections.abc import Sequence

from pet_mtl.console import bar
from pet_mtl.words.suggest.judge import Judge, Words
from pet_mtl.words.suggest.rank import Change, Suggestion, changed

LEAST_GAIN = 0.002  # of macro-F1 on the fitting rows; less is chance


def propose(
    judge: Judge, own: Words, ranked: Sequence[Sequence[Suggestion]], most: int | None = None
) -> Words:
    """Return the label words after all changes.

    Args:
        judge: of the fitting rows.
        own: the label words as they are.
        ranked: for each label, the words that may be added to its words or replace them.
        most: words of a label up to which some are added; None for any number.
    """
    words, reached = own, judge.macro_f1(judge.all_scores(own))
    with bar("changing label words", len(ranked)) as shown:
        while True:
            scores, best, best_words = judge.all_scores(words), reached + LEAST_GAIN, words
            taken = {word for of_label in words for word in of_label}
            for label, suggestions in enumerate(ranked):
                full = most is not None and len(words[label]) >= most
                changes: tuple[Change, ...] = ("replace",) if full else ("add", "replace")
                tried = [
                    changed(words, label, each.word, change)
                    for each in suggestions
                    for change in changes
                    if each.word not in taken
                ]
                gains = judge.macro_f1_with(scores, label, [one[label] for one in tried])
                for one, value in zip(tried, gains.tolist(), strict=True):
                    if value >= best:
                        best, best_words = value, one
                shown.advance(1)
            if best_words == words:
                return words
            words, reached = best_words, best
            shown.total += len(ranked)  # one more pass over all labels
