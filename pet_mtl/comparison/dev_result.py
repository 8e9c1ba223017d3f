"""What is kept of a finished run's dev rows."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from pet_mtl.kinds.kind import Decided
from pet_mtl.storage.checked_json import Count, Number
from pet_mtl.suite.kind import KindSpec

Measured = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Listed = list[Count] | list[list[Count]] | list[Number]


class DevResult(BaseModel):
    """Scores and decisions by task.

    Attributes:
        scores: the main figure of each task's kind; files of earlier versions, which knew tasks
            with one label a row, call it `macro_f1`.
        predicted: of the dev rows, in their order: label numbers, those of each row's set, or
            numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scores: dict[str, Annotated[float, Field(ge=-1, le=1)]] = Field(
        validation_alias=AliasChoices("scores", "macro_f1")
    )
    predicted: dict[str, Listed]

    def fits(self, kinds: Mapping[str, KindSpec], rows: Mapping[str, int]) -> bool:
        """Say whether these are results of tasks of these kinds with so many dev rows."""
        return self.scores.keys() == self.predicted.keys() == kinds.keys() and all(
            len(self.predicted[task]) == rows[task] and _possible(kind, self.predicted[task])
            for task, kind in kinds.items()
        )

    def decided(self, task: str, kind: KindSpec) -> Decided:
        """Return the decisions of a task as its kind makes them."""
        predicted: list[Any] = self.predicted[task]
        match kind.facts.target:
            case "labels":
                sets = np.zeros((len(predicted), len(kind.labels)), bool)
                for of_row, labels in zip(sets, predicted, strict=True):
                    of_row[labels] = True
                return sets
            case "number":
                return np.array(predicted, np.float64)
            case _:
                return np.array(predicted, np.int64)


def listed(decided: Decided) -> list[Any]:
    """Return decisions as `DevResult.predicted` has them.

    >>> listed(np.array([2, 0])), listed(np.array([[True, False, True]]))
    ([2, 0], [[0, 2]])
    """
    if decided.dtype == bool:
        return [np.flatnonzero(of_row).tolist() for of_row in decided]
    return list(decided.tolist())


def _possible(kind: KindSpec, predicted: list[Any]) -> bool:
    def label(one: object) -> bool:
        return type(one) is int and one < len(kind.labels)

    match kind.facts.target:
        case "labels":
            return all(type(one) is list and all(map(label, one)) for one in predicted)
        case "number":
            low, high = kind.range
            near = 1e-3 * (high - low)  # rounding may pass an end
            return all(
                type(one) in (int, float) and low - near <= one <= high + near for one in predicted
            )
        case _:
            return all(map(label, predicted))
