"""`verbalizer_kind: knowledgeable`: words that a task's texts make unlikely are dropped before the
first step.

The contextualised prior of KPT (Hu et al. 2022): a label word's probability among all label words
of its task, averaged over rows whose labels are not looked at; of each label's words the likelier
share `keep` stays.
"""

import math

import numpy as np
import numpy.typing as npt

from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.kinds.kind import normalized
from pet_mtl.model.methods import capabilities
from pet_mtl.scoring.calibration.prior import fitting_rows
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.verbalizer_kind import VerbalizerKind
from pet_mtl.training.given import Given
from pet_mtl.words.candidate_scores import score_candidates
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model, plain_tasks


def filter_words(suite: Suite, given: Given) -> Suite:
    """Return the suite with fewer label words where a task is `knowledgeable`, which makes it
    `weighted`; a method that reads no words keeps them all."""
    if not capabilities(suite.method).reads_words:
        return suite
    tasks = dict(suite.tasks)
    for name, task in suite.tasks.items():
        if task.verbalizer_kind.name != "knowledgeable":
            continue
        of_task = given.data[name]
        rows = fitting_rows(of_task.unlabelled or of_task.train, suite.train.seed)
        model = Model.of(given.mlm, given.tokenizer, given.machine, plain_tasks(tasks))
        priors = word_priors(task, rows, model, suite.train.max_length)
        words = kept_words(task.verbalizer.words, priors, task.verbalizer_kind.keep)
        before, after = (sum(map(len, of_label)) for of_label in (task.verbalizer.words, words))
        say(f"{name}: {after} of {before} label words stay, by their prior on {len(rows)} rows")
        verbalizer = task.verbalizer.model_copy(update={"words": words})
        weighted = VerbalizerKind(name="weighted")
        tasks[name] = task.model_copy(
            update={"verbalizer": verbalizer, "verbalizer_kind": weighted}
        )
    return suite.model_copy(update={"tasks": tasks})


def word_priors(
    task: TaskSpec,
    rows: Rows,
    model: Model,
    max_length: int,
) -> npt.NDArray[np.float64]:
    """Return the prior of each label word, `[W]`, label by label: its probability among all of
    them, averaged over rows and patterns."""
    plain = task.without_learned_parts()
    plain = plain.model_copy(update={"slots": "exact"})  # a word is read as long as it is
    words = [word for of_label in task.verbalizer.words for word in of_label]
    cache = StateCache(None, "")
    scores = score_candidates(model, plain, rows, words, max_length, cache).astype(np.float64)
    log_probs = normalized(scores, axis=1)  # [F, W, N]
    priors: npt.NDArray[np.float64] = np.exp(log_probs).mean((0, 2))
    return priors


def kept_words(
    words: tuple[tuple[str, ...], ...], priors: npt.NDArray[np.float64], keep: float
) -> tuple[tuple[str, ...], ...]:
    """Return each label's words in their order, without the less likely ones; one word always
    stays.

    >>> kept_words((("a", "b", "c"), ("d",)), np.array([0.1, 0.3, 0.2, 0.4]), keep=0.5)
    (('b', 'c'), ('d',))
    """
    kept, start = [], 0
    for of_label in words:
        own = priors[start : start + len(of_label)]
        start += len(of_label)
        number = math.ceil(round(keep * len(of_label), 9))  # 0.07 of 100 is 7.000000000000001
        best = np.argsort(-own, kind="stable")[:number]
        kept.append(tuple(of_label[place] for place in np.sort(best)))
    return tuple(kept)
