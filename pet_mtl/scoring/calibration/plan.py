"""Which calibration each task gets, and the rows to fit it on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_train, load_unlabelled
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.model.calibration import Calibration, CalibrationMethod, calibration_from
from pet_mtl.scoring.calibration import contextual, pmi, prior
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import CalibrationChoice, TaskSpec
from pet_mtl.text import counted


@dataclass(frozen=True)
class Plan:
    """The calibrations of some tasks: those that are fitted already, and those to be fitted on some
    rows."""

    ready: dict[str, Calibration] = field(default_factory=dict)
    fits: dict[str, tuple[CalibrationMethod, Rows]] = field(default_factory=dict)

    def carry_out(
        self, score: Callable[[Mapping[str, Rows]], Mapping[str, FloatArray]]
    ) -> dict[str, Calibration]:
        """Fit what is to be fitted; `score` returns label log-probabilities `[rows, K]` without
        calibration."""
        if not self.fits:
            return self.ready
        log_probs = score({name: rows for name, (_, rows) in self.fits.items()})
        fitted = {
            name: calibration_from(method, log_probs[name])
            for name, (method, _) in self.fits.items()
        }
        return {**self.ready, **fitted}


def plan_calibrations(
    suite: Suite,
    choices: Mapping[str, CalibrationChoice],
    automatic: Mapping[str, CalibrationMethod],
    ready: Mapping[str, Calibration] = {},
    *,
    in_memory: Mapping[str, Callable[[TaskSpec], Rows]] = {},
    skip_bad_rows: int = 0,
) -> Plan:
    """Plan the calibrations of a model's tasks.

    Args:
        choices: what is wanted, by task.
        automatic: what `auto` means; none for a task that is left out.
        ready: calibrations that fit the model and its label words.
        in_memory: gives the rows of tasks that have them in no file.
        skip_bad_rows: bad rows that each source may have.

    Raises:
        PetMtlError: the rows for a method that was asked for by name cannot be read. Where `auto`
            asks for it, the task goes without, and a warning says so.
    """
    plan, problems = Plan(), ProblemList()

    def pool(task: TaskSpec) -> Rows:
        if task.name in in_memory:
            return in_memory[task.name](task)
        base, seed = Path(suite.base), suite.train.seed
        unlabelled = load_unlabelled(task, base, seed, skip_bad_rows=skip_bad_rows)
        return unlabelled or load_train(task, base, seed, skip_bad_rows=skip_bad_rows)

    for name, choice in choices.items():
        method: CalibrationMethod | Literal["none"] = (
            automatic.get(name, "none") if choice == "auto" else choice
        )
        if method == "none":
            continue
        kind = suite.tasks[name].kind_spec
        if not kind.facts.calibrates:
            if choice != "auto":
                say(f"note: {name}: no calibration, the kind `{kind.name}` has none")
            continue
        if name in ready and ready[name].kind == method:
            plan.ready[name] = ready[name]
            continue
        try:
            rows = fitting_rows(method, suite.tasks[name], pool, suite.train.seed)
        except PetMtlError as error:
            if choice == "auto":
                say(
                    f"warning: {name}: no calibration, the rows to fit it on cannot be read: "
                    f"{error.problems[0]}"
                )
            else:
                problems.extend(error)
            continue
        plan.fits[name] = (method, rows)
        say(f"{name}: `{method}` calibration, fitted on {counted(len(rows), 'row')}")
    problems.raise_if_any()
    return plan


def fitting_rows(
    method: CalibrationMethod, task: TaskSpec, pool: Callable[[TaskSpec], Rows], seed: int
) -> Rows:
    """Return the rows that a method is fitted on; `pool` gives unlabelled or training rows where
    needed."""
    if method == "contextual":
        return contextual.fitting_rows(task.fields)
    if method == "pmi":
        return pmi.fitting_rows(task.fields)
    return prior.fitting_rows(pool(task), seed)
