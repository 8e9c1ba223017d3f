"""What a comparison consists of: its cells, each one training run (or one zero-shot scoring) with
its own folder."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pet_mtl.comparison.engine import OPENPROMPT, EngineName
from pet_mtl.comparison.shots import ALL, Shots
from pet_mtl.data.digest import short_digest
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.model.methods import capabilities
from pet_mtl.suite.method import METHODS
from pet_mtl.suite.settings import MOST_EPOCHS
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.validation import found, name_hint

RATE = "train.learning_rate"
# what a method may have of its own beside `method.` keys: nothing that changes rows, budget or what
# is chosen
OWN = {
    RATE,
    "train.layer_decay",
    "train.dropout",
    "train.label_smoothing",
    "train.label_share",  # beside soft labels
    "train.logit_adjustment",
    "train.adversarial",
    "train.losses",
    "train.weighting",
    "train.surgery",
    "train.ema",
}
# OpenPrompt trains what `pet` trains, in full precision; its steps have one task each, so there is
# nothing to weigh
_OF_OPENPROMPT = (
    "train.precision=fp32",
    "train.weighting=none",
    "train.surgery=none",
    "train.adversarial=0",
    "train.losses={}",
    "train.ema=null",
)
LONGEST_NAME = 100  # bytes of a method's name in that of a folder
LONGEST_FOLDER = 255  # bytes, on most file systems
MOST_SEED = 2**32 - 1  # of `train.seed`
EVALUATIONS = 4  # of a few-shot run: an epoch is a step or two


@dataclass(frozen=True)
class Variant:
    """A method with its options, as in `heads:features=mean`, the suite that trains it, and what
    else may run it."""

    name: str
    suite: Suite
    engine: EngineName | None = None


@dataclass(frozen=True)
class Cell:
    """One run: `task` is None for all tasks together."""

    variant: str
    shots: Shots
    seed: int
    task: str | None = None

    @property
    def folder(self) -> str:
        """Return a folder name that says what the cell is.

        >>> Cell("heads:features=mean", 8, 42).folder, Cell("pet", "all", 42, "tnews").folder
        ('heads-features=mean.8.seed-42.joint', 'pet.all.seed-42.alone-tnews')
        """
        parted = self.variant.replace(":", "-")
        method = re.sub(r"[^\w=.-]", "-", parted)
        if method != parted or len(method.encode()) > LONGEST_NAME:
            # methods that differ in what was replaced or cut have folders of their own
            begin = method.encode()[:LONGEST_NAME].decode(errors="ignore")
            method = f"{begin}-{short_digest(self.variant.encode())}"
        tasks = f"alone-{self.task}" if self.task else "joint"
        return fitting_name(f"{method}.{self.shots}.seed-{self.seed}.{tasks}", LONGEST_FOLDER)

    def __str__(self) -> str:
        shots = f"{self.shots} rows" + ("" if self.shots == ALL else " a label")
        return (
            f"{self.variant}, {shots}, seed {self.seed}, "
            f"{f'{self.task} alone' if self.task else 'all tasks'}"
        )


def fitting_name(name: str, most: int) -> str:
    """Return the name of a file or folder, cut to `most` bytes with a digest where it is longer.

    >>> fitting_name("pet.all", 255), fitting_name("x" * 99, 20)
    ('pet.all', 'xxx-de35ad6f4cf55fe5')
    """
    whole = name.encode()
    if len(whole) <= most:
        return name
    return f"{whole[: most - 17].decode(errors='ignore')}-{short_digest(whole)}"


def read_variants(text: str, load: Callable[[str, Sequence[str]], Suite]) -> list[Variant]:
    """Read the value of `--methods`: names, each with options as in
    `heads:features=mean:sharing=ple`.

    Args:
        load: returns the suite for a method and overrides (`key=value`).

    Raises:
        PetMtlError: an unknown method, or one named twice; an option that a method has not.
    """
    problems, variants = ProblemList(), {}
    for part in (part.strip() for part in text.split(",")):
        name, *options = part.split(":")
        where = f"--methods {text}"
        if part in variants:
            problems.add(f"method `{part}` is named twice", where=where)
            continue
        if name not in METHODS and name != OPENPROMPT:
            hint = name_hint(name, [*METHODS, OPENPROMPT])
            problems.add(f"there is no method {found(name)}", where=where, hint=hint)
            continue
        engine: EngineName | None = OPENPROMPT if name == OPENPROMPT else None
        own = {RATE} if engine else OWN
        given, before = [], len(problems.problems)
        for option in options:
            key = ".".join(option.split("=")[0].split(".")[:2]) if "=" in option else ""
            if key in own:
                given.append(option)
            elif engine or key in ("", "name") or "." in key:
                problems.add(
                    f"`{option}` is no option of a method",
                    where=where,
                    hint=f"for example heads:features=mean:{RATE}=1e-4",
                )
            else:
                given.append(f"method.{option}")
        if len(problems.problems) > before:
            continue
        try:
            suite = load("pet", [*_OF_OPENPROMPT, *given]) if engine else load(name, given)
            variants[part] = Variant(part, suite, engine)
        except PetMtlError as error:
            own_places = {f"--method {name}", *(f"-s {option}" for option in given)}
            for problem in error.problems:
                if problem.where in own_places:
                    problem = replace(problem, where=where)
                if problem not in problems.problems:
                    problems.problems.append(problem)
    problems.raise_if_any()
    return list(variants.values())


def seeds_of(suite: Suite, count: int) -> list[int]:
    """Return the suite's seed and the next ones.

    Raises:
        PetMtlError: there are not so many.
    """
    first = suite.train.seed
    if first + count > MOST_SEED + 1:
        raise PetMtlError(
            f"the seeds from {first} on would pass {MOST_SEED}, the largest there is",
            where=f"--seeds {count}",
            hint=f"for example: -s train.seed={MOST_SEED + 1 - count}",
        )
    return [first + number for number in range(count)]


def plan_cells(
    variants: Sequence[Variant], shots: Sequence[Shots], seeds: Sequence[int], alone: Sequence[str]
) -> list[Cell]:
    """Return all cells, the first seed's of every method before the second's: early tables are fair
    ones.

    Zero shots train nothing, so one seed is enough; `alone` are the tasks that are trained alone
    too.
    """
    zero_shot = [
        Cell(variant.name, 0, seed)
        for seed in seeds[:1]
        for variant in variants
        if capabilities(variant.suite.method).zero_shot
    ]
    cells = []
    for number in shots:
        if number == 0:
            cells += zero_shot
            continue
        cells += [
            Cell(variant.name, number, seed, task)
            for seed in seeds
            for variant in variants
            for task in (None, *alone)
        ]
    return sorted(cells, key=lambda cell: cell.seed)


def cell_suite(
    suite: Suite,
    cell: Cell,
    rows: Mapping[str, int],
    few_shot_steps: int,
    alone: Callable[[Suite], int],
) -> Suite:
    """Return the suite that a cell trains.

    A task alone sees as many of its rows as in joint training, where it is drawn with p ∝
    n^temperature.

    Args:
        rows: training rows of each task of the suite.
        few_shot_steps: steps of a run on some rows of each label, where epochs would be a handful
            of steps.
        alone: from the suite of the run of all tasks to the steps of the task alone; asked where
            steps are limited.
    """
    settings = suite.train
    limits = [settings.max_steps, None if cell.shots == ALL else few_shot_steps]
    steps = min((limit for limit in limits if limit is not None), default=None)
    joint = _limited(suite, cell, steps, settings.epochs)
    if cell.task is None:
        return joint
    weights = {name: count**suite.sampling.temperature for name, count in rows.items()}
    share = weights[cell.task] / sum(weights.values()) * sum(rows.values()) / rows[cell.task]
    steps = steps and alone(joint)
    one = _limited(suite, cell, steps, min(settings.epochs * share, MOST_EPOCHS))
    return one.model_copy(update={"tasks": {cell.task: suite.tasks[cell.task]}})


def _limited(suite: Suite, cell: Cell, steps: int | None, epochs: float) -> Suite:
    every = suite.train.evaluate_every
    if cell.shots != ALL and steps is not None:
        # an epoch has a step at least: `steps` decides
        epochs, every = float(steps), every or -(-steps // EVALUATIONS)
    update = {"epochs": epochs, "max_steps": steps, "evaluate_every": every, "seed": cell.seed}
    return suite.model_copy(update={"train": suite.train.model_copy(update=update)})


def cell_path(out: Path, cell: Cell) -> Path:
    """Return the folder of a cell."""
    return out / "cells" / cell.folder
