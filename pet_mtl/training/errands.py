"""Which loss terms act on which rows of a step, and what they are given beside the prompts."""

from dataclasses import dataclass
from typing import Literal

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.model.hardware import Machine
from pet_mtl.training.step_model import Errand, StepModel, Whole

RowKind = Literal["labelled", "unlabelled"]
_STREAMS = 1_000  # of a run's seed: one for each term and kind of rows


@dataclass(frozen=True)
class Part:
    """Rows of a step, for one pass over them.

    Attributes:
        rows: which they are.
        apart: they have an optimizer step of their own.
    """

    prompts: Prompts
    rows: RowKind = "labelled"
    apart: bool = False

    @property
    def scored(self) -> bool:
        """Return whether their labels are learned from; otherwise only loss terms act on them."""
        return self.rows == "labelled" and not self.apart


class Errands:
    """What each piece of a step has to do for the run's piece terms.

    Args:
        model: with the terms.
        seed: of the run.
        total: steps of the run.
    """

    def __init__(self, model: StepModel, machine: Machine, seed: int, total: int) -> None:
        self._terms, self._machine = model.row_loss.piece_terms, machine
        self._seed, self._total = seed, total

    def names(self, rows: RowKind, *, apart: bool = False) -> tuple[str, ...]:
        """Return the terms that act on such rows; `apart`: in an optimizer step of their own."""
        return tuple(
            name for name, term in self._terms.items() if rows in term.texts and term.apart == apart
        )

    def of_piece(self, part: Part, batch: Batch, step: int, whole: Whole) -> Errand:
        """Return the errand of a batch, which is on the CPU; `whole` is that of `WholeStep`."""
        names = self.names(part.rows, apart=part.apart)
        first = 0 if part.rows == "labelled" else _STREAMS // 2
        altered = {}
        for name in names:
            stream = first + list(self._terms).index(name)
            draws = Draws(self._seed * _STREAMS + stream, step, batch.items)
            made = self._terms[name].prepare(part.prompts, batch, draws)
            if made is not None:
                altered[name] = made.to(self._machine.device)
        return Errand(step, self._total, names, part.scored, altered, whole)


def other_schedule(others: Prompts, schedule: Schedule) -> Schedule:
    """Return the schedule of unlabelled rows: a step has as many tokens as a labelled one."""
    return Schedule(
        others, temperature=1.0, batch_tokens=schedule.batch_tokens, seed=schedule.seed + 1
    )
