"""What a loss term is given, and what it gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.objectives.altered import Altered
from pet_mtl.suite.kind import KindSpec

Want = Literal["second_pass", "unlabelled", "slots", "vocabulary", "altered", "step"]
Text = Literal["labelled", "unlabelled"]
Counts = Sequence[npt.NDArray[np.int64 | np.float64]]
Disagreement = Callable[[Tensor, Tensor], Tensor]  # of two passes' scores `[b, C]`: `[b]`


@dataclass(frozen=True)
class Facts:
    """What terms are built from, beside their settings.

    Attributes:
        counts: for each form `[K]` training rows of its labels.
        tasks: for each form its task.
        words: for each form its label words.
        size: `H`, of the states at the slots.
        mask_id: of the vocabulary's mask.
        disagreements: for each form how far two passes are apart, as its kind has it.
        pieces: ids of the ordinary pieces, neither special nor unused.
    """

    counts: Counts = ()
    tasks: Sequence[str] = ()
    words: Sequence[LabelWords] = ()
    size: int = 0
    mask_id: int = 0
    disagreements: Sequence[Disagreement] = ()
    pieces: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True)
class TaskScores:
    """The rows of one form in a piece of a step.

    Attributes:
        form: its number.
        labels: `[b]` label indices, -1 without one.
        scores: `[b, K]` label scores, with their logit adjustment; for terms that read pieces `[b,
            C]` as the model gives them.
        second: `[b, K]` those of the second pass, for terms that want it.
        hidden: `[b, M, H]` the encoder's states at the slots of the prompts with the fewest masks,
            for terms that want `slots`.
        log_words: `[b, K]` label scores that are log-probabilities over the whole vocabulary, for
            terms that want it.
    """

    form: int
    labels: Tensor
    scores: Tensor
    second: Tensor | None = None
    hidden: Tensor | None = None
    log_words: Tensor | None = None

    @property
    def labelled(self) -> Tensor:
        """Return `[b]` which rows have a label."""
        return self.labels >= 0

    @property
    def state(self) -> Tensor:
        """Return one fp32 state a row, `[b, H]`: the mean over its slots."""
        assert self.hidden is not None
        return self.hidden.float().mean(1)


class Reader(Protocol):
    """What terms may ask of the model; each call of the first two is a pass through the encoder."""

    def hidden(self, batch: Batch) -> Tensor:
        """Return the encoder's states at the slots, `[N, M, H]`."""

    def states(self, batch: Batch) -> Tensor:
        """Return what the MLM head's decoder reads at the slots, `[N, M, E]`."""

    def head(self, batch: Batch, states: Tensor) -> Tensor:
        """Turn one state for each of the batch's items, `[B, H]`, into what the decoder reads, `[B,
        E]`."""

    def logits(self, states: Tensor) -> Tensor:
        """Return the fp32 logits of the whole vocabulary, `[..., V]`."""


@dataclass(frozen=True)
class Piece:
    """A piece of a step, with all tasks' rows in it.

    Attributes:
        batch: its prompts.
        rows: of each of the batch's groups; nothing where the piece is not scored.
        read: the model.
        altered: what the term's `prepare` gave.
        progress: share of the run's steps that are done.
        whole: for terms that want the whole `step`: `[B]` losses of the batch's items and `[B, H]`
            their gradients with regard to the items' states; None where the piece is all there is.
    """

    batch: Batch
    rows: Sequence[TaskScores]
    read: Reader
    altered: Altered | None = None
    progress: float = 0.0
    whole: tuple[Tensor, Tensor] | None = None

    def by_item(self, values: Sequence[Tensor]) -> Tensor:
        """Put what was computed group by group, `[b, ...]` each, into the order of the items, `[B,
        ...]`."""
        places = torch.cat([group.items for group in self.batch.groups])
        joined = torch.cat(list(values))
        return torch.zeros_like(joined).index_put((places,), joined)


class _Term(Protocol):
    @property
    def wants(self) -> frozenset[Want]:
        """Return what is given to it.

        - `second_pass`: each piece is computed twice, the label losses are the means of both
        - `unlabelled`: rows without a label have this loss too
        - `slots`: the encoder's states at the slots
        - `vocabulary`: label log-probabilities over the whole vocabulary
        - `altered`: a pass of its own over what `prepare` made of the prompts
        - `step`: all rows of a step at once, however it is cut
        """


class Factor(_Term, Protocol):
    """A term that says how much each row's label loss counts."""

    def factors(self, rows: TaskScores) -> Tensor:
        """Return `[b]` factors; those of rows without a label do not count."""


class Addend(_Term, Protocol):
    """A term that adds a loss of its own to each row's."""

    def losses(self, rows: TaskScores) -> Tensor:
        """Return `[b]` losses."""


class PieceTerm(_Term, Protocol):
    """A term that adds losses which need more than label scores; one with parameters of its own is
    a module.

    Attributes:
        label_share: what the rows' label losses are multiplied by beside it.
        learning_rate: of its parameters.
        texts: which rows it acts on: those of the step, the tasks' unlabelled ones, or both.
        apart: whether it has an optimizer step of its own after each on the labels.
    """

    label_share: float = 1.0
    learning_rate: float = 0.0
    texts: frozenset[Text] = frozenset({"labelled"})
    apart: bool = False

    def acts_on(self, kind: KindSpec) -> bool:
        """Return whether rows of such a task have its loss, in the place of a share of their label
        loss."""
        return "unlabelled" in self.wants or kind.facts.target == "label"

    def prepare(self, prompts: Prompts, batch: Batch, draws: Draws) -> Altered | None:
        """Return what it reads beside the batch, which is on the CPU; `draws` are those of the
        batch's items at this step."""
        return None

    def piece_losses(self, piece: Piece) -> Tensor:
        """Return `[B]` losses of the batch's items."""


class StepTerm(PieceTerm, Protocol):
    """A piece term whose losses depend on all rows of a step: it wants `step`."""

    def members(self, piece: Piece) -> tuple[Tensor, Tensor]:
        """Return the states `[B, H]` of a piece's items and the class of each, `[B]`, -1 for those
        that do not count."""

    def step_losses(self, states: Tensor, classes: Tensor) -> Tensor:
        """Return the losses `[R]` of all rows of a step from their states `[R, H]` and classes
        `[R]`."""

    def piece_losses(self, piece: Piece) -> Tensor:
        states, classes = self.members(piece)
        if piece.whole is None:
            return self.step_losses(states, classes)
        losses, gradients = piece.whole
        pull = (states * gradients).sum(1)
        return losses + pull - pull.detach()  # their value, and their gradient through the states


Term = Factor | Addend | PieceTerm


def log_wrong(scores: Tensor, labels: Tensor) -> Tensor:
    """Return log(1 - p) `[b]` of the labels' probabilities p.

    Over the other labels, not by 1 - p: where p is near 1 that is 0 in fp32, and (1 - p)^γ would
    have no gradient or none that is a number.

    Args:
        scores: `[b, K]`.
        labels: `[b]`; negative ones count as 0.
    """
    own = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, labels.clamp(min=0)[:, None], True)
    others = scores.masked_fill(own, torch.finfo(scores.dtype).min)
    return others.logsumexp(1) - scores.logsumexp(1)


def is_piece_term(term: Term) -> TypeGuard[PieceTerm]:
    """Return whether a term reads pieces of a step."""
    return hasattr(term, "piece_losses")
