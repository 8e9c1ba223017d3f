"""What keys of a task may hold that are a word or a number: each says so in one message."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from pet_mtl.suite.validation import found

FITTED = "dev"
NONE_FITTED = 0.5  # what a file's `threshold` becomes beside `thresholds` that it gives


def _threshold(value: Any) -> Any:
    if value in ("auto", FITTED) or (type(value) in (int, float) and 0 < value < 1):
        return value
    raise ValueError(
        f"must be `auto`, `dev` or a probability between 0 and 1, found {found(value)}"
    )


def _range(value: Any) -> Any:
    if value is None:
        return None
    ends = isinstance(value, list | tuple) and [type(n) in (int, float) for n in value]
    if ends == [True, True] and -1e9 < value[0] < value[1] < 1e9:
        return tuple(map(float, value))
    shown = found(value)
    if ends == [True, True]:
        shown = f"`[{', '.join(found(end).strip('`') for end in value)}]`"
    raise ValueError(f"must be the lowest and the highest target, such as [0, 5], found {shown}")


def _slots(value: Any) -> Any:
    if value in ("exact", "shared") or (type(value) is int and 1 <= value <= 1000):
        return value
    raise ValueError(
        "must be `exact`, `shared` or the most prompts that a row is read in, such as 2, "
        f"found {found(value)}"
    )


def _weights(value: Any) -> Any:
    if value in ("equal", "accuracy", "learned"):
        return value
    numbers = isinstance(value, list | tuple) and all(
        type(n) in (int, float) and 0 <= n < 1e9 for n in value
    )
    if numbers and sum(value):
        return tuple(map(float, value))
    raise ValueError(
        f"must be `equal`, `accuracy`, `learned` or a list of weights, found {found(value)}"
    )


Slots = Literal["exact", "shared"] | int
SlotsValue = Annotated[Slots, BeforeValidator(_slots)]
Threshold = Annotated[Literal["auto", "dev"] | float, BeforeValidator(_threshold)]
Range = Annotated[tuple[float, float] | None, BeforeValidator(_range)]
PatternWeights = Annotated[
    Literal["equal", "accuracy", "learned"] | tuple[float, ...], BeforeValidator(_weights)
]
