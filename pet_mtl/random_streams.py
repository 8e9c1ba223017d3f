"""Every stream of random numbers, what it decides, and the only place that makes generators.

Each depends on nothing but a seed and the numbers that its user gives (epoch, task, step, …): a
resumed run needs no random state, and one stream's draws never move another's. Streams of one
number belong to procedures that never draw for the same thing. Three kinds more are hashes, not
generators: the split of a task's rows by their texts (`data/split.py`), masks by epoch, row and
position (`cloze/draws.py`), and dropout by step, row and place (`model/row_dropout.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    import numpy as np
    import torch


@dataclass(frozen=True)
class NumpyStream:
    """A stream of numpy's generator.

    Attributes:
        decides: what.
        number: what keeps it apart from others of the same seed; None: the seed alone.
    """

    decides: str
    number: int | None = None

    def generator(self, seed: int, *places: int) -> "np.random.Generator":
        """Return a new generator at the stream's start.

        >>> bool(EPOCH_ORDER.generator(42, 0).random() == EPOCH_ORDER.generator(42, 0).random())
        True
        """
        import numpy as np

        if self.number is None:
            return np.random.default_rng([seed, *places] if places else seed)
        return np.random.default_rng([seed, self.number, *places])


@dataclass(frozen=True)
class TorchStream:
    """A stream of one of torch's generators; `decides` says what."""

    decides: str

    def generator(self, seed: int) -> "torch.Generator":
        """Return a new generator on the CPU."""
        import torch

        return torch.Generator().manual_seed(seed)

    def start(self, seed: int) -> None:
        """Let torch's own generators begin here, those of the whole process: for training only."""
        import torch

        torch.manual_seed(seed)


@dataclass(frozen=True)
class PythonStream:
    """A stream of Python's generator, by a text; `decides` says what."""

    decides: str

    def generator(self, text: str) -> "random.Random":
        """Return a new generator."""
        import random

        return random.Random(text)


EPOCH_ORDER = NumpyStream("the order of an epoch's prompts and of its steps", 1)
TASK_ROWS = NumpyStream("which rows of a task an epoch draws, and with which pattern", 2)
PRETRAINING_ORDER = NumpyStream("the order of an epoch of pre-training", 3)
FEW_SHOTS = NumpyStream("the rows of each label in a comparison with few rows", 3)
SURGERY = NumpyStream("the order in which PCGrad projects the tasks' gradients", 4)
ONE_TASK_ORDER = NumpyStream("the order of the steps of one task of the OpenPrompt neighbour", 4)
IMPORTANCE_ROWS = NumpyStream("the rows whose important pieces are marked for pre-training", 4)
HYPOTHESES = NumpyStream("the labels that rows are asked for beside their own", 5)
OTHER_TEACHERS = NumpyStream("the teachers that a student of a generation learns from", 6)
VARIED_TEXTS = NumpyStream("which pieces of texts are replaced, and by which", 7)
RESAMPLED_ROWS = NumpyStream("the resampled rows behind the intervals of scores and gains")
CALIBRATION_ROWS = NumpyStream("the rows that a calibration is fitted on")
TRIED_ROWS = NumpyStream("the rows that `words try --limit` scores")
SUGGESTION_ROWS = NumpyStream("the rows that `words suggest` reads")

NEW_PARTS = TorchStream("what learned parts start from")
NEW_MODEL = TorchStream("the weights that a new masked LM starts from")
NEW_MARKER = TorchStream("the weights that the marker starts from")
STEP = TorchStream("a step's dropout, by `step_seed`")
WHOLE_STEP = TorchStream("the dropout of both passes over a piece")
GATES = TorchStream("which gates of SNR are open in a step, by `step_seed`")
EXPORT_EXAMPLE = TorchStream("the pieces of the rows by which a graph is traced and checked")

SENTENCE_PAIRS = PythonStream("which sentences become pairs, and how, by the seed")
RECOMBINED_TEXTS = PythonStream("which texts become rows of two texts, by the seed and the task")
TRIAL = PythonStream("a trial's settings, by the sweep's seed and the trial's number")


def step_seed(seed: int, step: int, rank: int | None = None) -> int:
    """Return the seed of a step, so that dropout is a function of it and a resumed run needs no
    random state.

    Args:
        seed: of the run.
        step: number of the step.
        rank: of the process; None for procedures that know of one only.

    >>> step_seed(42, 3, rank=1), step_seed(42, 3)
    (42000129001, 42000129)
    """
    of_step = seed * 1_000_003 + step
    return of_step if rank is None else of_step * 1_000 + rank
