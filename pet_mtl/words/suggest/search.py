"""The search for label words that `words suggest` and `verbalizer_kind: automatic` have in
common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pet_mtl.cloze.form import compile_forms, compile_pattern
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.kinds.multi_label import MultiLabel
from pet_mtl.model.causal import refuse_causal
from pet_mtl.random_streams import SUGGESTION_ROWS
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.candidate_scores import score_candidates, word_priors
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model
from pet_mtl.words.suggest.automatic import automatic_scores
from pet_mtl.words.suggest.candidates import LONGEST, find_candidates
from pet_mtl.words.suggest.judge import Judge, Words, members
from pet_mtl.words.suggest.neighbours import neighbour_scores
from pet_mtl.words.suggest.petal import most_likely, petal_scores
from pet_mtl.words.suggest.set_judge import SetJudge

_LIKELY, _NEAR = 100, 50  # LM-BFF's numbers of words to choose from, here in each group

ROWS = 2000  # training rows that are read at the most


@dataclass(frozen=True)
class Found:
    """Words that could be a task's label words.

    Attributes:
        judge: of all rows, the fitting part first.
        candidates: all words; the others are indices into them.
        own: the label words as they are, those that are one to the tokenizer once.
        groups: candidates that may be suggested, in groups of which each has its share.
        methods: `[K, C]` scores of each method, on the fitting rows.
    """

    judge: Judge
    candidates: tuple[str, ...]
    own: Words
    groups: list[list[int]]
    methods: Mapping[str, FloatArray]


def some_rows(rows: Rows, limit: int, seed: int) -> Rows:
    """Return at most so many rows, drawn at random, in their order."""
    return rows.sample(limit, SUGGESTION_ROWS.generator(seed))


def search(
    model: Model,
    task: TaskSpec,
    rows: Rows,
    fitting: int,
    *,
    max_length: int,
    calibrated: bool,
    cache: StateCache,
    min_prior: float = 0.0,
    on_step: Callable[[], None] = lambda: None,
) -> Found:
    """Find words for each label on the fitting rows, which are the first `fitting`; the others are
    held out.

    Args:
        max_length: of prompts, in tokens.
        calibrated: whether label scores are judged with calibration.
        min_prior: words with a smaller prior on the fitting rows are not suggested.
        on_step: called now and then, by what is found too; what it raises ends the search.

    Raises:
        PetMtlError: no word has the smallest prior.
    """
    refuse_causal(
        model.backbone.mlm, "the search for label words", "choose the words by hand: `words try`"
    )
    tokenizer = model.tokenizer
    spaces = [compile_pattern(task, pattern, tokenizer)[1] for pattern in range(len(task.patterns))]
    compiled = compile_forms(task, tokenizer, max_length)
    own_longest = max(form.masks[-1] for form in compiled.forms)
    # more masks would be another prompt for all words
    longest = LONGEST if task.slots == "exact" else own_longest
    candidates = find_candidates(
        rows.take(np.arange(fitting)), task.readings.words, tokenizer, spaces, longest
    )
    say(
        f"{task.name}: {len(candidates):,} candidates, {fitting} rows to fit on, "
        f"{len(rows) - fitting} held out"
    )
    scores = score_candidates(model, task, rows, candidates, max_length, cache, on_step)
    weights = tuple(map(task.weight_of, range(len(task.patterns))))
    # words that are one to the tokenizer, such as `Good` and `good`, count once
    first: dict[tuple[int, ...], int] = {}
    pieces = [tuple(ids) for ids in tokenizer.encode(candidates, space_before=spaces[0])]
    alike = [first.setdefault(ids, number) for number, ids in enumerate(pieces)]
    column = dict(zip(candidates, alike, strict=True))
    read: Words = tuple(
        tuple(dict.fromkeys(column[word] for word in words)) for words in task.readings.words
    )
    own, none = read[: len(task.verbalizer.labels)], read[len(task.verbalizer.labels) :]
    judge = Judge(scores, rows.gold, fitting, task.aggregation, calibrated, weights, on_step)
    kind = kind_of(task.without_fitted_thresholds())
    if isinstance(kind, MultiLabel):
        judge = SetJudge(**vars(judge), kind=kind, fits=task.fits_thresholds, none=none)
    # Means over several pieces vary less than single ones: each kind has its share, or no longer
    # word would be seen.
    sizes = np.array([len(ids) for ids in pieces])
    sizes[[word for words in read for word in words]] = 0
    sizes[alike != np.arange(len(alike))] = 0
    if min_prior > 0:
        sizes[word_priors(scores[..., :fitting]) < min_prior] = 0
        say(
            f"{task.name}: {np.count_nonzero(sizes):,} candidates have a prior of {min_prior:g} "
            "or more"
        )
        if not sizes.any():
            raise PetMtlError(
                "no candidate is left", where=f"--min-prior {min_prior:g}", hint="try a tenth of it"
            )
    groups = [
        group.tolist() for group in map(np.flatnonzero, (sizes == 1, sizes > 1)) if len(group)
    ]
    near = neighbour_scores(model.backbone.mlm, tokenizer, candidates, own, space_before=spaces[0])
    methods = _methods(judge.fitting_part(), near, own, groups)
    return Found(judge, candidates, own, groups, methods)


def _methods(
    judge: Judge, near: FloatArray, own: Words, groups: Sequence[Sequence[int]]
) -> dict[str, FloatArray]:
    """Return each method's scores `[K, C]`; `judge` knows the fitting rows only, `near` are those
    of `neighbours`. For sets `automatic` would try hundreds of words a label, with all thresholds
    fitted anew for each."""
    log_p, has = judge.scores.mean(0), members(judge.gold, len(own))
    petal = petal_scores(log_p, has, groups)
    if isinstance(judge, SetJudge):
        return {"petal": petal, "neighbours": near}
    pools = []
    for label, words in enumerate(own):
        of_label = log_p[:, has[:, label]]
        pool = set(words)
        for group in map(np.array, groups):
            pool.update(group[most_likely(of_label[group], _LIKELY)].tolist())
            pool.update(group[np.argsort(-near[label, group], kind="stable")[:_NEAR]].tolist())
        pools.append(sorted(pool))
    automatic = automatic_scores(judge, [words[0] for words in own], pools)
    return {"petal": petal, "automatic": automatic, "neighbours": near}
