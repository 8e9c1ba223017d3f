"""How label words of several lengths are read: as `slots: exact` costs on the rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.slot_cost import NOTED, slot_costs
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.suite.task import Slots, TaskSpec

FEW: Slots = 2
LOOKED_AT = 2000  # rows


@dataclass(frozen=True)
class ProposedSlots:
    """What `slots:` is to be.

    Attributes:
        lengths: the numbers of pieces that label words have.
        factor: of the tokens of `exact` to those of `shared`, on the rows.
    """

    lengths: tuple[int, ...]
    factor: float

    @property
    def slots(self) -> Slots:
        """Few prompts a row where one for each length costs more than twice the tokens of one."""
        return FEW if self.factor > NOTED else "exact"

    def to_json(self) -> dict[str, Any]:
        return {
            "slots": self.slots,
            "lengths": list(self.lengths),
            "exact_factor": round(self.factor, 3),
        }

    def line(self) -> str:
        """Return the reason in one line."""
        return (
            f"label words of {len(self.lengths)} lengths; `exact`, a prompt for each, costs "
            f"{self.factor:.1f} × the tokens of one prompt a row"
        )


def propose_slots(
    task: TaskSpec, rows: Rows, tokenizer: PieceTokenizer, max_length: int
) -> ProposedSlots:
    """Measure what the lengths of a task's label words cost on its first rows."""
    exact = task.model_copy(update={"slots": "exact"})
    first = rows.take(np.arange(min(LOOKED_AT, len(rows))))
    prompts = encode_suite({task.name: exact}, {task.name: first}, tokenizer, max_length)
    cost = slot_costs(prompts)[task.name]
    return ProposedSlots(cost.numbers, cost.factor)
