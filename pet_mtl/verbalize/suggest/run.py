"""What `pet-mtl words suggest` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.cloze.form import compile_forms, compile_pattern
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.split import split_by_text
from pet_mtl.data.suite_data import load_train
from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.classification import confusion_matrix
from pet_mtl.metrics.gain import macro_f1, macro_f1_gain
from pet_mtl.scoring.loaded import require_task
from pet_mtl.scoring.scorer import FloatArray
from pet_mtl.spec.task import TaskSpec
from pet_mtl.verbalize.loaded import Loaded
from pet_mtl.verbalize.state_cache import StateCache, default_place, model_digest
from pet_mtl.verbalize.suggest.automatic import automatic_scores
from pet_mtl.verbalize.suggest.candidates import LONGEST, find_candidates
from pet_mtl.verbalize.suggest.judge import Judge, Words
from pet_mtl.verbalize.suggest.neighbours import neighbour_scores
from pet_mtl.verbalize.suggest.petal import most_likely, petal_scores
from pet_mtl.verbalize.suggest.propose import propose
from pet_mtl.verbalize.suggest.rank import Suggestion, rank
from pet_mtl.verbalize.suggest.word_scores import score_candidates

HELD_OUT = 0.5  # share of the rows that gains are measured on
ROWS = 2000  # training rows that are used at the most, both parts together
_LIKELY, _NEAR = 100, 50  # LM-BFF's numbers of words to choose from, here in each group


@dataclass(frozen=True)
class Suggestions:
    """What was found for one task.

    Attributes:
        candidates: all words; the others are indices into them.
        own: the label words as they are.
        ranked: suggestions for each label, the best first.
        proposal: all label words after the best changes together.
        rows: of the fitting and of the held-out part.
        before: macro-F1 of the task's own words on the held-out rows.
        gain: of the proposal, on the held-out rows.
        interval: 95 %, of `gain`.
    """

    model: str
    zero_shot: bool
    task: TaskSpec
    calibrated: bool
    candidates: tuple[str, ...]
    own: Words
    ranked: list[list[Suggestion]]
    proposal: Words
    rows: tuple[int, int]
    before: float
    gain: float
    interval: tuple[float, float]

    def words(self, columns: Sequence[int]) -> list[str]:
        return [self.candidates[column] for column in columns]

    def proposed(self) -> dict[str, list[str]]:
        """Return the proposal as label words by label."""
        return {label: self.words(w) for label, w in zip(self.task.verbalizer.labels, self.proposal, strict=True)}

    def to_json(self) -> dict[str, Any]:
        """Return what `words suggest --json` prints."""
        labels = {}
        for label, own, suggestions in zip(self.task.verbalizer.labels, self.own, self.ranked, strict=True):
            found = [
                {
                    "word": self.candidates[each.word],
                    "change": each.change,
                    "gain": each.gain,
                    "gain_ci95": list(each.interval),
                    "fitting_gain": each.fitting_gain,
                    "methods": each.methods,
                }
                for each in suggestions
            ]
            labels[label] = {"words": self.words(own), "suggestions": found}
        return {
            "task": self.task.name,
            "model": self.model,
            "zero_shot": self.zero_shot,
            "calibration": "prior" if self.calibrated else "none",
            "rows": {"fitting": self.rows[0], "held_out": self.rows[1]},
            "candidates": len(self.candidates),
            "macro_f1": self.before,
            "labels": labels,
            "proposal": {"words": self.proposed(), "gain": self.gain, "gain_ci95": list(self.interval)},
        }


def suggest(
    loaded: Loaded, name: str, *, limit: int = ROWS, most: int = 8, seed: int | None = None, place: Path | None = None
) -> Suggestions:
    """Suggest label words for a task.

    Args:
        limit: training rows that are used at the most, drawn at random.
        most: suggestions for each label.
        seed: of the draw and the division; None for the suite's.
        place: where slot states are kept; None for the user's cache folder.

    Raises:
        PetMtlError: an unknown task, rows that cannot be read, or too few of them.
    """
    task = require_task(loaded.suite, name, f"words suggest {name}")
    if not loaded.zero_shot:
        say("the checkpoint may have been trained on these rows: gains for new rows can be smaller")
    rows, fitting = _divided(task, loaded, limit, loaded.suite.train.seed if seed is None else seed)
    tokenizer = loaded.model.tokenizer
    spaces = [compile_pattern(task, pattern, tokenizer)[1] for pattern in range(len(task.patterns))]
    own_longest = max(form.words.lengths[-1] for form in compile_forms(task, tokenizer, loaded.suite.train.max_length))
    longest = own_longest if task.slots == "shared" else LONGEST  # more masks would be another prompt for all words
    candidates = find_candidates(rows.take(np.arange(fitting)), task.verbalizer.words, tokenizer, spaces, longest)
    say(f"{name}: {len(candidates):,} candidates, {fitting} rows to fit on, {len(rows) - fitting} held out")
    cache = StateCache(place or default_place(), model_digest(loaded.model))
    scores = score_candidates(loaded.model, task, rows, candidates, loaded.suite.train.max_length, cache)
    calibrated = name in loaded.calibration
    judge = Judge(scores, rows.labels, fitting, task.aggregation, calibrated)
    column = {word: number for number, word in enumerate(candidates)}
    own: Words = tuple(tuple(column[word] for word in words) for words in task.verbalizer.words)
    # Means over several pieces vary less than single ones: each kind has its share, or no longer word would be seen.
    sizes = np.array([len(ids) for ids in tokenizer.encode(candidates, space_before=spaces[0])])
    sizes[[word for words in own for word in words]] = 0
    groups = [np.flatnonzero(sizes == 1).tolist(), np.flatnonzero(sizes > 1).tolist()]
    methods = _methods(loaded, judge.fitting_part(), candidates, own, groups)
    ranked = rank(judge, own, methods, groups, most)
    proposal = propose(judge.fitting_part(), own, ranked)
    before, after = (judge.predict(judge.all_scores(words))[fitting:] for words in (own, proposal))
    gold = rows.labels[fitting:]
    gain, interval = macro_f1_gain(gold, before, after, len(own))
    return Suggestions(
        model=loaded.name,
        zero_shot=loaded.zero_shot,
        task=task,
        calibrated=calibrated,
        candidates=candidates,
        own=own,
        ranked=ranked,
        proposal=proposal,
        rows=(fitting, len(rows) - fitting),
        before=macro_f1(confusion_matrix(gold, before, len(own))),
        gain=gain,
        interval=interval,
    )


def _divided(task: TaskSpec, loaded: Loaded, limit: int, seed: int) -> tuple[Rows, int]:
    """Return training rows, those of the fitting part first, and how many these are; no text is in both parts."""
    rows = load_train(task, Path(loaded.suite.base), loaded.suite.train.seed)
    if len(rows) > limit:
        rows = rows.take(np.sort(np.random.default_rng(seed).choice(len(rows), limit, replace=False)))
    fitting, held_out = split_by_text(rows, HELD_OUT, seed)
    if len(np.unique(rows.labels[fitting])) < 2 or len(np.unique(rows.labels[held_out])) < 2:
        raise PetMtlError(
            f"task `{task.name}` has too few training rows to suggest words from",
            where=rows.where(0),
            hint="two labels need two rows or more each",
        )
    return rows.take(np.concatenate([fitting, held_out])), len(fitting)


def _methods(
    loaded: Loaded, judge: Judge, candidates: Sequence[str], own: Words, groups: Sequence[Sequence[int]]
) -> dict[str, FloatArray]:
    """Return each method's scores `[K, C]`; `judge` knows the fitting rows only."""
    log_p = judge.scores.mean(0)
    near = neighbour_scores(loaded.model.backbone.mlm, loaded.model.tokenizer, candidates, own)
    pools = []
    for label, words in enumerate(own):
        of_label = log_p[:, judge.gold == label]
        pool = set(words)
        for group in map(np.array, groups):
            pool.update(group[most_likely(of_label[group], _LIKELY)].tolist())
            pool.update(group[np.argsort(-near[label, group], kind="stable")[:_NEAR]].tolist())
        pools.append(sorted(pool))
    return {
        "petal": petal_scores(log_p, judge.gold, len(own), groups),
        "automatic": automatic_scores(judge, [words[0] for words in own], pools),
        "neighbours": near,
    }
