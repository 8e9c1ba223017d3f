"""What a sweep searches of one setting: a range or choices."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.validation import found, name_hint

if TYPE_CHECKING:
    from optuna.trial import Trial

# a range of positive numbers whose ends are so many times apart is searched by ratio
LOG_FROM = 4.0
MOST_CHOICES = 1_000  # each is tried on the suite before the first trial
MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; whole where both are, by ratio where `log`, in steps of
    `step`."""

    low: float
    high: float
    log: bool
    step: float | None = None

    @property
    def ends(self) -> tuple[Any, ...]:
        return (self.low, self.high)

    def ask(self, trial: "Trial", name: str) -> Any:
        """Have a trial choose a value."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(name, self.low, self.high, step=step, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def holds(self, chosen: Any) -> bool:
        """Tell whether a trial may have chosen a number; the ends are rounded where they are
        searched by ratio."""
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return type(chosen) in (int, float) and self.low - slack <= chosen <= self.high + slack


@dataclass(frozen=True)
class Choices:
    """One of some values of any kind."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.values

    def ask(self, trial: "Trial", name: str) -> Any:
        # Optuna compares plain values only, so a choice is known by its number
        return self.values[trial.suggest_categorical(name, list(range(len(self.values))))]

    def holds(self, chosen: Any) -> bool:
        """Tell whether a trial may have chosen the value of a number."""
        return type(chosen) is int and 0 <= chosen < len(self.values)


def read_axis(name: str, value: Any) -> Range | Choices | None:
    """Return what is searched by a value of the file, None where it is one value.

    Raises:
        PetMtlError: it cannot be searched.
    """
    if isinstance(value, dict) and value:
        return _written_out(name, value)
    if not isinstance(value, list):
        return None
    if len(value) == 2 and all(type(end) in (int, float) for end in value):
        low, high = value
        return _range(name, low, high, log=None, step=None)
    return _choices(name, value)


def _choices(name: str, values: Any) -> Choices:
    if not isinstance(values, list) or len(values) < 2:
        raise PetMtlError(
            f"`{name}` has {found(values)} to choose from",
            hint="give two values or more, or a single value without brackets for all trials",
        )
    if len(values) > MOST_CHOICES:
        raise PetMtlError(f"`{name}` has {len(values):,} choices, {MOST_CHOICES:,} are allowed")
    if any(values[:place].count(value) for place, value in enumerate(values)):
        raise PetMtlError(f"`{name}` has a choice twice")
    return Choices(tuple(values))


def _written_out(name: str, value: dict[str, Any]) -> Range | Choices:
    allowed = ("choices",) if "choices" in value else ("low", "high", "log", "step")
    for key in value:
        if key not in allowed:
            raise PetMtlError(f"`{name}` has an unknown key `{key}`", hint=name_hint(key, allowed))
    if "choices" in value:
        return _choices(name, value["choices"])
    if "low" not in value or "high" not in value:
        raise PetMtlError(f"`{name}` needs `low` and `high`")
    log, step = value.get("log", False), value.get("step")
    if not isinstance(log, bool):
        raise PetMtlError(f"`{name}.log` must be true or false, found {found(log)}")
    if step is not None and (type(step) not in (int, float) or not step > 0):
        raise PetMtlError(f"`{name}.step` must be a number above 0, found {found(step)}")
    return _range(name, value["low"], value["high"], log=log, step=step)


def _range(name: str, low: Any, high: Any, *, log: bool | None, step: float | None) -> Range:
    """Return a range; without `log` it is searched by ratio where its ends are far apart."""
    for end in (low, high):
        if type(end) not in (int, float) or not abs(end) <= 2**53:  # NaN is not either
            raise PetMtlError(f"the ends of `{name}` must be numbers, found {found(end)}")
    if not low < high:
        raise PetMtlError(
            f"the range of `{name}` is empty: {low} to {high}", hint="write the smaller end first"
        )
    if log is None:
        log = low > 0 and high / low >= LOG_FROM
    if log and low <= 0:
        raise PetMtlError(f"`{name}` is searched by ratio (`log`), so `low` must be above 0")
    if log and step is not None:
        raise PetMtlError(f"`{name}` has `log` and `step`: Optuna takes one of them")
    if step is not None and not (high - low) / MOST_STEPS <= step <= high - low:
        raise PetMtlError(
            f"`{name}.step` must be at most the range, and not below a {MOST_STEPS:,}th of it, "
            f"found {found(step)}"
        )
    if isinstance(low, int) and isinstance(high, int):
        if step is not None and step != int(step):
            raise PetMtlError(f"`{name}.step` must be whole, as its ends are")
        return Range(low, high, log, step)
    return Range(float(low), float(high), log, step)
