"""Whether a new model has room in the memory of the machine: else it is built for minutes, and then
the system ends the process without a word."""

import os
from pathlib import Path

from pet_mtl.errors import PetMtlError

_WEIGHT, _TRAINED = 4, 16  # bytes of a parameter: alone; with its gradient and two moments
_CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def check_room(parameters: int, *, trained_here: bool) -> None:
    """Refuse a model that is larger than the memory.

    Args:
        parameters: how many it has.
        trained_here: in this memory, not in that of a GPU, where it only begins.

    Raises:
        PetMtlError: there is no room for it.
    """
    memory, needed = _memory(), parameters * (_TRAINED if trained_here else _WEIGHT)
    if memory is not None and needed > memory:
        with_what = " with gradients and the optimizer's moments" if trained_here else ""
        raise PetMtlError(
            f"this model has {parameters:,} parameters, which take {needed / 1e9:,.0f} GB"
            f"{with_what}, and the machine has {memory / 1e9:,.0f} GB",
            where="model",
            hint="give it fewer or narrower layers, or a smaller vocabulary",
        )


def _memory() -> int | None:
    """Return the bytes of the machine's memory, or of those that a container may take; None where
    that is not known."""
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, OSError, ValueError):  # Windows has no `sysconf`
        return None
    for file in _CGROUPS:
        try:
            found.append(int(file.read_text(encoding="ascii")))
        except (OSError, ValueError):  # `max` is no limit
            continue
    return min(found)
