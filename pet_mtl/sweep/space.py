"""What a sweep searches: a YAML file of settings with ranges and choices.

trials: 20
train.learning_rate: [1e-4, 1e-3]             # two numbers are a range
train.dropout: {low: 0.0, high: 0.2, step: 0.05}
tasks.tnews.verbalizer: [a.txt, b.txt]        # other lists are choices
tasks.tnews.patterns: {choices: ["{mask}：{title}", "{title}。{mask}"]}
train.epochs: 2                               # one value holds for all trials
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.validation import found, name_hint
from pet_mtl.suite.yaml_file import Document, Key, parse_value, read_yaml
from pet_mtl.sweep.axes import Choices, Range, read_axis

if TYPE_CHECKING:
    from optuna.trial import Trial

OPTIONS = ("trials", "seed", "pruning")
MOST_TRIALS = 100_000
# what a task's score is, and of which rows: trials that differ in it cannot be compared
JUDGED = re.compile(r"tasks\.[^.]+\.(kind|metric|data\.dev(\..+)?)")

LoadSuite = Callable[[list[str]], Suite]  # from `key=value` texts


@dataclass(frozen=True)
class Space:
    """A sweep file.

    Attributes:
        searched: what is searched, by setting.
        fixed: settings that all trials have.
        trials: how many trials a sweep has.
        seed: of the sampler.
        pruning: stop trials early whose dev scores are below the median of the others'.
        places: where the file says a setting.
    """

    searched: Mapping[str, Range | Choices]
    fixed: Mapping[str, Any]
    trials: int = 20
    seed: int = 42
    pruning: bool = True
    places: Mapping[str, str] = field(default_factory=dict)

    def told(self, error: PetMtlError) -> PetMtlError:
        """Return a trial's error that points at the file, not at `-s`, for settings that the file
        has."""
        problems = []
        for problem in error.problems:
            for name, place in self.places.items():
                given = f"-s {name}="
                if (problem.where or "").startswith(given):
                    problem = replace(problem, where=place)
                if problem.hint and given in problem.hint:
                    hint = problem.hint.replace(given, f"{name}=")
                    problem = replace(problem, hint=f"{hint} in the sweep file, {place}")
            problems.append(problem)
        return type(error)(problems)

    def require_free(self, name: str, given: str) -> None:
        """Refuse a setting of the command line that the file has too, or has as a whole
        (`tasks.a.patterns` for `tasks.a.patterns.0`): its value would not be heard.

        Args:
            given: the setting as the command line has it.

        Raises:
            PetMtlError: the file has it.
        """
        for other, place in self.places.items():
            if f"{name}.".startswith(f"{other}."):
                what = "is searched" if other in self.searched else "has a value in the sweep file"
                raise PetMtlError(f"`{other}` {what}", where=given, hint=f"take it out of {place}")

    def ask(self, trial: "Trial") -> dict[str, Any]:
        """Return the settings that a trial chooses."""
        return {name: axis.ask(trial, name) for name, axis in self.searched.items()}

    def overrides(self, chosen: Mapping[str, Any]) -> list[str]:
        """Return `key=value` texts for `load_suite`."""
        return [override(name, value) for name, value in {**self.fixed, **chosen}.items()]

    def to_json(self) -> dict[str, Any]:
        """Return what must be the same for trials to be compared."""
        axes = {
            name: {"choices": list(axis.values)} if isinstance(axis, Choices) else vars(axis)
            for name, axis in self.searched.items()
        }
        return {"searched": axes, "fixed": dict(self.fixed)}


def override(name: str, value: Any) -> str:
    """Return `key=value` as `-s` takes it; JSON is YAML.

    >>> override("train.epochs", 2), override("tasks.a.patterns", ["{mask}：{text}"])
    ('train.epochs=2', 'tasks.a.patterns=["{mask}：{text}"]')
    """
    plain = isinstance(value, str) and parse_value(value) == value  # "2024" is no number here
    return f"{name}={value if plain else json.dumps(value, ensure_ascii=False)}"


def read_space(file: Path, load: LoadSuite) -> Space:
    """Read a sweep file and try the ends of its ranges and all of its choices on the suite, beside
    the settings that it gives to all trials.

    Args:
        load: reads the suite with some settings.

    Raises:
        PetMtlError: with all problems: a key that does not exist, a range that is empty, a value
            that the suite does not allow.
    """
    document = read_yaml(file)
    if not isinstance(document.tree, dict):
        raise PetMtlError(
            f"must have settings as keys, found {found(document.tree)}",
            where=document.where(()),
            hint="for example: train.learning_rate: [1e-4, 1e-3]",
        )
    problems = ProblemList()
    load([])  # what is wrong with the pattern file itself is told as such
    options: dict[str, Any] = {}
    searched: dict[str, Range | Choices] = {}
    fixed: dict[str, Any] = {}
    places: dict[str, str] = {}
    for key, value in _flat(document.tree, ()):
        name = ".".join(map(str, key))
        if name in OPTIONS:
            options[name] = _option(name, value, document, problems)
            continue
        if len(key) == 1 and "." not in name and name not in ("model", "method", "data_root"):
            problems.add(
                f"unknown key `{name}`",
                where=document.where(key),
                hint=name_hint(name, OPTIONS)
                or "settings are written as `-s` takes them: train.learning_rate: [1e-4, 1e-3]",
            )
            continue
        twice = [
            other
            for other in places
            if f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")
        ]
        if twice:
            too = "" if name in twice else f", by `{twice[0]}` too"
            problems.add(f"`{name}` is set twice{too}", where=document.where(key))
            continue
        try:
            axis = read_axis(name, value)
        except PetMtlError as error:
            problems.extend(error, where=document.where(key))
            continue
        places[name] = document.where(key)
        if axis is None:
            fixed[name] = value
        else:
            searched[name] = axis
            if JUDGED.fullmatch(name):
                problems.add(
                    f"`{name}` cannot be searched: scores of trials could not be compared",
                    where=places[name],
                    hint="say it in the pattern file, once for all trials",
                )
    beside = [override(*each) for each in fixed.items()]
    try:
        load(beside)
    except PetMtlError:
        beside = []
        for name, value in fixed.items():  # which of them it is
            if _try_values(name, (value,), places[name], load, problems, beside):
                beside.append(override(name, value))
    for name, axis in searched.items():
        _try_values(name, axis.ends, places[name], load, problems, beside)
    if not searched and not problems.problems:
        problems.add(
            "nothing to search: no setting has a range or choices",
            where=document.where(()),
            hint="for example: train.learning_rate: [1e-4, 1e-3]",
        )
    problems.raise_if_any()
    return Space(searched, fixed, **options, places=places)


def _flat(tree: dict[Any, Any], above: Key) -> list[tuple[Key, Any]]:
    """Return settings and their values, sections opened: `train: {epochs: [1, 3]}` is
    `train.epochs`."""
    found_values: list[tuple[Key, Any]] = []
    for key, value in tree.items():
        # an empty section is a value: `train.losses: {}`
        inner = isinstance(value, dict) and value and not {"choices", "low", "high"} & value.keys()
        found_values += _flat(value, (*above, key)) if inner else [((*above, key), value)]
    return found_values


def _option(name: str, value: Any, document: Document, problems: ProblemList) -> Any:
    where = document.where((name,))
    if name == "pruning":
        if not isinstance(value, bool):
            problems.add(f"`pruning` must be true or false, found {found(value)}", where=where)
        return value
    low, high = (1, MOST_TRIALS) if name == "trials" else (0, 2**32 - 1)
    if type(value) is not int or not low <= value <= high:
        problems.add(
            f"`{name}` must be a whole number from {low} to {high}, found {found(value)}",
            where=where,
        )
    return value


def _try_values(
    name: str,
    values: tuple[Any, ...],
    where: str,
    load: LoadSuite,
    problems: ProblemList,
    beside: list[str],
) -> bool:
    """Find the first value that the suite does not allow with the settings `beside` it, and return
    whether there is none; what a `-s` is told is told of the sweep file."""
    for value in values:
        try:
            load([*beside, override(name, value)])
        except PetMtlError as error:
            for problem in error.problems:
                ours = problem.where is None or problem.where.startswith("-s ")
                place = where if ours else f"{where} ({problem.where})"
                problems.add(problem.message, where=place, hint=problem.hint)
            return False
    return True
