"""Whether the trials of a journal are those that a sweep wrote; anyone may have changed a line."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from pet_mtl.storage.checked_json import Count, Number, Numbers
from pet_mtl.sweep.space import Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

WHY = "why"  # the attribute of a failed trial that says it
TASKS = "tasks"  # its scores by task


class _Told(BaseModel):
    """What a trial's training told of it."""

    model_config = ConfigDict(strict=True)

    scores: list[Number]
    curve: dict[Count, Number]
    tasks: Numbers = {}
    why: str | None = None


def fits(trial: "FrozenTrial", space: Space) -> bool:
    """Tell whether a trial may be one of a space: its settings are all that are searched, each with
    a value that may be chosen, and what it told has the types that it has."""
    told = {"scores": trial.values or [], "curve": trial.intermediate_values}
    try:
        read = _Told.model_validate({**trial.user_attrs, **told})
    except ValidationError:
        return False
    # one that was stopped while it chose goes on there
    whole = trial.params.keys() == space.searched.keys() or not trial.state.is_finished()
    return (
        whole
        and (len(read.scores) == 1 or trial.state.name != "COMPLETE")
        and trial.params.keys() <= space.searched.keys()
        and all(space.searched[name].holds(value) for name, value in trial.params.items())
    )
