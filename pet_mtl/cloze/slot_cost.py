"""What label words of several lengths cost: a prompt of the whole text for each number of masks."""

from dataclasses import dataclass

import numpy as np

from pet_mtl.cloze.encode import Prompts

NOTED = 2.0  # from this factor on, people are told


@dataclass(frozen=True)
class SlotCost:
    """The tokens of a task's rows.

    Attributes:
        numbers: of masks that a row is read with, ascending: a prompt for each.
        tokens: of all prompts.
        shared: what they would be in one prompt a row, with the most masks.
    """

    numbers: tuple[int, ...]
    tokens: int
    shared: int

    @property
    def factor(self) -> float:
        """How many times the tokens of one prompt a row."""
        return self.tokens / self.shared if self.shared else 1.0


def slot_costs(prompts: Prompts) -> dict[str, SlotCost]:
    """Return the cost of each task's rows, all its patterns together."""
    costs: dict[str, SlotCost] = {}
    with_most = prompts.lengths
    for number, form in enumerate(prompts.forms):
        lengths = with_most[prompts.form == number]
        fewer = [form.masks[-1] - masks for masks in form.masks]
        before = costs.get(form.task, SlotCost((), 0, 0))
        costs[form.task] = SlotCost(
            tuple(sorted({*before.numbers, *form.masks})),
            before.tokens + len(fewer) * int(lengths.sum()) - len(lengths) * sum(fewer),
            before.shared + int(np.sum(lengths)),
        )
    return costs


def slot_cost_notes(prompts: Prompts) -> list[str]:
    """Return a line for each task whose rows cost more than twice the tokens of `slots: shared`."""
    return [
        f"{task}: its label words need {len(cost.numbers)} prompts a row, one for each number of "
        f"pieces: {cost.factor:.1f} × the tokens of `slots: shared` "
        f"(-s tasks.{task}.slots=shared, or =2 for at most two prompts)"
        for task, cost in slot_costs(prompts).items()
        if cost.factor > NOTED
    ]
