"""A fitted calibration: one number a label, added to the label log-probabilities of a task.

It is added where the patterns of a task have been averaged already, so one bias serves any number
of patterns, and training, `score`, `predict` and `pet_mtl.load` all apply it at the same place.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pet_mtl.kinds.kind import normalized

FloatArray = npt.NDArray[np.float32]

CalibrationMethod = Literal["contextual", "pmi", "prior"]
Bias = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class Calibration(BaseModel):
    """The calibration of one task.

    Attributes:
        kind: the method.
        bias: `K` numbers in verbalizer order.
        rows: rows it was fitted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: CalibrationMethod
    bias: tuple[Bias, ...] = Field(min_length=2)
    rows: int

    def apply(self, log_probs: FloatArray) -> FloatArray:
        """Return calibrated label log-probabilities `[rows, K]`."""
        return normalized(log_probs + np.array(self.bias, dtype=np.float32))


def calibration_from(kind: CalibrationMethod, log_probs: FloatArray) -> Calibration:
    """Fit a calibration on label log-probabilities `[rows, K]` of rows that tell nothing about the
    label.

    >>> half = np.log(np.array([[0.75, 0.25]]))
    >>> np.exp(calibration_from("pmi", half).apply(half)).round(3).tolist()
    [[0.5, 0.5]]
    """
    mean = np.logaddexp.reduce(log_probs.astype(np.float64), axis=0) - np.log(len(log_probs))
    return Calibration(kind=kind, bias=tuple((-mean).round(6).tolist()), rows=len(log_probs))


def apply_calibrations(
    log_probs: Mapping[str, FloatArray], calibrations: Mapping[str, Calibration]
) -> dict[str, FloatArray]:
    """Return the log-probabilities of each task, calibrated where the task has a calibration."""
    return {
        name: calibrations[name].apply(of_task) if name in calibrations else of_task
        for name, of_task in log_probs.items()
    }
