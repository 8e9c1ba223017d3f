"""What label words of several lengths cost: a prompt of the whole text for each number of masks."""

from collections.abc import Sequence
from dataclasses import dataclass

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import Compiled, Form

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
    lengths = prompts.lengths
    of_form = [lengths[prompts.form == number] for number in range(len(prompts.forms))]
    costs: dict[str, SlotCost] = {}
    for form, rows in zip(prompts.forms, of_form, strict=True):
        costs[form.task] = _added(costs.get(form.task), form, int(rows.sum()), len(rows))
    return costs


def highest_slot_cost(forms: Sequence[Form], max_length: int) -> SlotCost:
    """Return the cost of a task's row whose text fills `max_length`: shorter ones have a smaller
    factor."""
    cost = None
    for form in forms:
        cost = _added(cost, form, max_length, 1)
    assert cost is not None
    return cost


def _added(cost: SlotCost | None, form: Form, tokens: int, rows: int) -> SlotCost:
    """Add rows of a form, which have so many tokens with the most masks."""
    before = cost or SlotCost((), 0, 0)
    fewer = sum(form.masks[-1] - masks for masks in form.masks)
    return SlotCost(
        tuple(sorted({*before.numbers, *form.masks})),
        before.tokens + len(form.masks) * tokens - rows * fewer,
        before.shared + tokens,
    )


def tasks_of_one_length(compiled: Compiled, blank: int) -> set[str]:
    """Return the tasks whose label words have one number of pieces at the slot of each form.

    Args:
        blank: the piece that closes shorter words.
    """
    found = {form.task for form in compiled.forms} if compiled.words else set()
    for form, words in zip(compiled.forms, compiled.words, strict=False):  # no words of `heads`
        if len(words.lengths) > 1 or blank in words.used:
            found.discard(form.task)
    return found


def slot_cost_note(task: str, cost: SlotCost, most: str = "") -> str | None:
    """Return a line for a task whose rows cost more than twice the tokens of `slots: shared`.

    Args:
        most: stands before the factor, such as `up to `.
    """
    if cost.factor <= NOTED:
        return None
    return (
        f"{task}: its label words need {len(cost.numbers)} prompts a row, one for each number of "
        f"pieces: {most}{cost.factor:.1f} × the tokens of `slots: shared` "
        f"(-s tasks.{task}.slots=shared, or =2 for at most two prompts)"
    )


def slot_cost_notes(prompts: Prompts) -> list[str]:
    """Return `slot_cost_note` of each task's rows, where there is one."""
    notes = [slot_cost_note(task, cost) for task, cost in slot_costs(prompts).items()]
    return [note for note in notes if note is not None]
