"""What `pet-mtl words suggest` does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.split import split_by_text
from pet_mtl.data.suite_data import load_train
from pet_mtl.errors import PetMtlError, placed
from pet_mtl.scoring.loaded import require_task
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.loaded import Loaded
from pet_mtl.words.state_cache import StateCache, default_place, model_digest
from pet_mtl.words.suggest.judge import Words, members
from pet_mtl.words.suggest.propose import propose
from pet_mtl.words.suggest.rank import MOST, Suggestion, rank
from pet_mtl.words.suggest.search import ROWS, search, some_rows

HELD_OUT = 0.5  # share of the rows that gains are measured on


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
        """Return the proposal as label words by label; a label that it leaves alone keeps its words
        as they are written."""
        verbalizer, found = self.task.verbalizer, {}
        for number, label in enumerate(verbalizer.labels):
            new, own = self.proposal[number], self.own[number]
            found[label] = list(verbalizer.words[number]) if new == own else self.words(new)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what `words suggest --json` prints."""
        labels = {}
        for label, own, suggestions in zip(
            self.task.verbalizer.labels, self.own, self.ranked, strict=True
        ):
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
            "proposal": {
                "words": self.proposed(),
                "gain": self.gain,
                "gain_ci95": list(self.interval),
            },
        }


def suggest(
    loaded: Loaded,
    name: str,
    *,
    limit: int = ROWS,
    most: int = MOST,
    seed: int | None = None,
    place: Path | None = None,
    rows: Rows | None = None,
    min_prior: float = 0.0,
    on_step: Callable[[], None] = lambda: None,
) -> Suggestions:
    """Suggest label words for a task.

    Args:
        limit: training rows that are used at the most, drawn at random.
        most: suggestions for each label.
        seed: of the draw and the division; None for the suite's.
        place: where slot states are kept; None for the user's cache folder.
        rows: training rows, instead of those that the task names.
        min_prior: smallest prior of a suggested word, see `word_priors`.
        on_step: called now and then; what it raises ends the search.

    Raises:
        PetMtlError: an unknown task, rows that cannot be read, or too few of them.
    """
    task = require_task(loaded.suite, name, f"words suggest {name}")
    if not (task.kind_spec.facts.plain or task.kind == "multi_label"):
        raise PetMtlError(
            "words are suggested for `classification` and `ordered` without `levels` and for "
            f"`multi_label`, not for `{task.told_kind}`",
            where=f"words suggest {name}",
            hint="try words by hand: `pet-mtl words try`",
        )
    if not loaded.zero_shot:
        say("the checkpoint may have been trained on these rows: gains for new rows can be smaller")
    seed = loaded.suite.train.seed if seed is None else seed
    if rows is None:
        rows = load_train(task, Path(loaded.suite.base), loaded.suite.train.seed)
    rows, fitting = _divided(some_rows(rows, limit, seed), task, seed)
    cache = StateCache(place or default_place(), model_digest(loaded.model))
    calibrated = name in loaded.calibration and task.kind_spec.facts.calibrates
    max_length = loaded.suite.train.max_length
    with placed(loaded.suite.source):
        found = search(
            loaded.model,
            task,
            rows,
            fitting,
            max_length=max_length,
            calibrated=calibrated,
            cache=cache,
            min_prior=min_prior,
            on_step=on_step,
        )
    judge, own = found.judge, found.own
    ranked = rank(judge, own, found.methods, found.groups, most)
    proposal = propose(judge.fitting_part(), own, ranked)
    before, after = (judge.predict(judge.all_scores(words))[fitting:] for words in (own, proposal))
    gain, interval = judge.held_out_gain(before, after, len(own))
    return Suggestions(
        model=loaded.name,
        zero_shot=loaded.zero_shot,
        task=task,
        calibrated=calibrated,
        candidates=found.candidates,
        own=own,
        ranked=ranked,
        proposal=proposal,
        rows=(fitting, len(rows) - fitting),
        before=judge.f1_of(judge.gold[fitting:], before, len(own)),
        gain=gain,
        interval=interval,
    )


def _divided(rows: Rows, task: TaskSpec, seed: int) -> tuple[Rows, int]:
    """Return rows, those of the fitting part first, and how many these are; no text is in both
    parts."""
    parts = split_by_text(rows, HELD_OUT, seed)
    has = members(rows.gold, len(task.verbalizer.labels))
    # a label that some rows have and some have not: there is something to tell apart
    if not all((has[part].any(0) & ~has[part].all(0)).any() for part in parts):
        raise PetMtlError(
            f"task `{task.name}` has too few training rows to suggest words from",
            where=rows.where(0),
            hint="some label must be in two rows or more, and missing in two or more"
            if rows.gold.ndim == 2
            else "two labels need two rows or more each",
        )
    return rows.take(np.concatenate(parts)), len(parts[0])
