"""LM-BFF's automatic label words, with a search over one label at a time (Gao et al. 2021).

The paper tries all combinations of each label's likeliest words, 100^K of them. Here the search
starts with the labels' own words, and label after label gets the word with the best macro-F1 on the
fitting rows, the others staying as they are, until no label changes.
"""

from collections.abc import Sequence

import numpy as np

from pet_mtl.console import bar
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.words.suggest.judge import Judge

SWEEPS = 4


def automatic_scores(
    judge: Judge, start: Sequence[int], pools: Sequence[Sequence[int]]
) -> FloatArray:
    """Score each word for each label: macro-F1 with the found words of all other labels.

    Args:
        judge: of the fitting rows.
        start: a word for each label.
        pools: for each label, the words to choose from.

    Returns:
        `[K, C]`; minus infinity for words that are not in a label's pool.
    """
    chosen = list(start)
    scores = judge.all_scores(tuple((word,) for word in chosen))
    found = np.full((len(chosen), judge.scores.shape[1]), -np.inf, dtype=np.float32)
    with bar("searching label words", SWEEPS * len(pools)) as shown:
        for _ in range(SWEEPS):
            before = list(chosen)
            for label, pool in enumerate(pools):
                taken = set(chosen) - {chosen[label]}
                free = [word for word in pool if word not in taken]
                found[label] = -np.inf
                found[label, free] = judge.macro_f1_with(scores, label, [(word,) for word in free])
                if found[label].max() > judge.macro_f1(scores):
                    chosen[label] = int(found[label].argmax())
                    scores[:, label] = judge.label_scores((chosen[label],))
                shown.advance(1)
            if chosen == before:
                break
    return found
