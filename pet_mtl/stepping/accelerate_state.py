"""What accelerate knows of the process, given back when a training ends."""

import threading
from contextlib import ContextDecorator
from typing import Any

from pet_mtl.console import started_together


class AccelerateAsBefore(ContextDecorator):
    """While entered, a training may make states of accelerate, which are then as they were.

    A process has one of each: after ours another number format is refused, and the steps of
    accumulation of an `Accelerator` that was there become ours. Several processes stay joined.
    """

    _turn = threading.Lock()
    _entered = 0  # by trainings in several threads: the last one gives back
    _before: list[dict[str, Any]] = []  # noqa: RUF012  # of all of them

    def __enter__(self) -> None:
        kind = AccelerateAsBefore
        with kind._turn:
            if not kind._entered:
                kind._before = [dict(state) for state in _states()]
            kind._entered += 1

    def __exit__(self, *_: object) -> None:
        kind = AccelerateAsBefore
        with kind._turn:
            kind._entered -= 1
            if kind._entered or started_together() > 1:
                return
            for state, before in zip(_states(), kind._before, strict=True):
                state.clear()
                state.update(before)


def _states() -> list[dict[str, Any]]:
    from accelerate.state import AcceleratorState, GradientState, PartialState

    kinds: tuple[Any, ...] = (PartialState, AcceleratorState, GradientState)
    return [kind._shared_state for kind in kinds]
