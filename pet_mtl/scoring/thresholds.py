"""Thresholds of the labels of sets, fitted on dev rows and kept in the suite that is stored."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.kinds import build_kind, fitted_thresholds, kind_of
from pet_mtl.kinds.kind import Decided
from pet_mtl.kinds.multi_label import MultiLabel
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec

FITTED_HERE = "its thresholds are fitted on the scored rows themselves"
_FOLDS = 5


def with_fitted_thresholds(
    suite: Suite, rows: Mapping[str, Rows], log_probs: Mapping[str, FloatArray]
) -> Suite:
    """Return the suite with the thresholds that have the best F1 on some rows, for the tasks that
    fit theirs and have rows.

    Args:
        log_probs: `[rows, K]` of the rows.
    """
    tasks = dict(suite.tasks)
    for name, of_task in rows.items():
        task = suite.tasks[name]
        if task.fits_thresholds and name in log_probs:
            kind = kind_of(task.without_fitted_thresholds())
            fitted = fitted_thresholds(kind, of_task.gold, log_probs[name])
            tasks[name] = task.model_copy(update={"thresholds": fitted})
    return suite.model_copy(update={"tasks": tasks})


def cross_fitted(task: TaskSpec, rows: Rows, log_probs: FloatArray) -> Decided:
    """Return what is decided of rows by thresholds that were fitted on others: of each fifth, on
    the other four; a text that stands in several rows is in one fifth.

    Args:
        log_probs: `[rows, K]`.
    """
    plain = kind_of(task.without_fitted_thresholds())
    fold, gold = row_keys(rows) % _FOLDS, rows.gold
    decided = np.zeros(log_probs.shape, bool)
    for number in np.unique(fold):
        own = fold == number
        fitted = fitted_thresholds(plain, gold[~own], log_probs[~own])
        kind = build_kind(replace(plain.spec, thresholds=fitted))
        decided[own] = kind.decide(log_probs[own])
    return decided


def without_thresholds(suite: Suite) -> Suite:
    """Return the suite of a run that has not been evaluated: thresholds are still to be fitted."""
    tasks = {name: task.without_fitted_thresholds() for name, task in suite.tasks.items()}
    return suite.model_copy(update={"tasks": tasks})


def tell_missing(suite: Suite, names: Iterable[str]) -> None:
    """Say of which tasks the thresholds would be fitted on dev rows, and are not."""
    for name in names:
        task = suite.tasks[name]
        if task.fits_thresholds and task.thresholds is None:
            kind = kind_of(task)
            assert isinstance(kind, MultiLabel)
            start = kind.thresholds[0]
            say(
                f"warning: {name}: no thresholds were fitted for its label words; a label is "
                f"chosen from a probability of {start:.3g} on"
            )


def fitted_where_missing(
    suite: Suite, rows: Mapping[str, Rows], log_probs: Mapping[str, FloatArray]
) -> Suite:
    """Return the suite with thresholds for the tasks that lack theirs, fitted on the scored rows
    themselves, which is said: their scores flatter."""
    missing = {
        name: of_task
        for name, of_task in rows.items()
        if suite.tasks[name].fits_thresholds and suite.tasks[name].thresholds is None
    }
    for name in missing:
        say(f"warning: {name}: {FITTED_HERE}")
    return with_fitted_thresholds(suite, missing, log_probs) if missing else suite
