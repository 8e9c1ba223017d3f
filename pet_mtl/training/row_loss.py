"""What the rows of a step cost: their labels, what teachers say of them, and the run's loss
terms."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.cloze.collate import Batch, FormGroup
from pet_mtl.cloze.encode import Prompts
from pet_mtl.kinds import kind_of_form
from pet_mtl.objectives.distillation import label_share
from pet_mtl.objectives.logit_adjustment import adjustments
from pet_mtl.objectives.terms import Facts, PieceTerm, TaskScores, Term, build_terms
from pet_mtl.objectives.terms.term import is_piece_term
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.settings import TrainSettings


@dataclass(frozen=True)
class GroupLoss:
    """The loss of a group of rows.

    Attributes:
        total: summed over the rows, with their gradient.
        terms: for each term its sum over the rows that it acts on, and their number, `[2]`: the
            losses of what adds one, the factors of what multiplies.
        right: `[2]` rows that are decided rightly, and rows with a label; None where not asked for.
    """

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)
    right: Tensor | None = None

    def with_term(self, name: str, losses: Tensor, counts: Tensor) -> "GroupLoss":
        """Return it with what a term adds.

        Args:
            losses: `[b]`.
            counts: `[b]` which rows have this loss.
        """
        added = (losses * counts).sum()
        noted = torch.stack([added.detach(), counts.sum().to(added.dtype)])
        return replace(self, total=self.total + added, terms={**self.terms, name: noted})


class RowLoss:
    """The loss of a run's rows.

    Args:
        prompts: training prompts.
        settings: the `train:` section.
        device: where it is computed.
        taught: teachers' probabilities `[rows, K]`, for the tasks that have a teacher.
        facts: what terms are built from.
        sharing: terms that the model itself asks for.
        judges: rows that are decided rightly are counted, see `GroupLoss.right`.

    Attributes:
        names: of the run's terms.
        of_settings: of those that the settings ask for.
        second_pass: whether each row is to be scored twice.
        piece_terms: the terms that read more than label scores.
        passes: how often a row is read.
    """

    def __init__(
        self,
        prompts: Prompts,
        settings: TrainSettings,
        device: torch.device,
        taught: Mapping[str, FloatArray],
        facts: Facts,
        sharing: Mapping[str, PieceTerm] = {},
        *,
        judges: bool = False,
    ) -> None:
        self._prompts, self._settings = prompts, settings
        self._device, self._taught, self._judges = device, taught, judges
        self._adjustments = adjustments(prompts, settings.logit_adjustment, device)
        self._kinds = [kind_of_form(form) for form in prompts.forms]
        terms = build_terms(settings.losses, facts)
        self.of_settings = list(terms)
        terms |= sharing
        self.names = list(terms)
        self.second_pass = any("second_pass" in term.wants for term in terms.values())
        self.piece_terms: dict[str, PieceTerm] = {
            name: term for name, term in terms.items() if is_piece_term(term)
        }
        own_passes = sum("altered" in term.wants for term in self.piece_terms.values())
        self.passes = 1 + self.second_pass + own_passes
        of_pieces = self.piece_terms.values()
        self._label_weights = [  # by form, beside its terms
            math.prod(term.label_share for term in of_pieces if term.acts_on(kind.spec))
            for kind in self._kinds
        ]
        self._factors = {name: term for name, term in terms.items() if hasattr(term, "factors")}
        self._addends = {name: term for name, term in terms.items() if hasattr(term, "losses")}

    def __call__(
        self,
        batch: Batch,
        group: FormGroup,
        scores: Tensor,
        second: Tensor | None,
        step: int,
        total: int,
    ) -> GroupLoss:
        """Return the loss of a batch's group.

        Args:
            scores: `[b, C]`, as the model gives them.
            second: those of another pass, where there is a `second_pass`.
            step: of so many in `total`.
        """
        adjustment, labels = self._adjustments[group.form], self.single_labels(group)
        read = self._kinds[group.form].label_scores
        rows = TaskScores(
            group.form,
            labels,
            read(scores) + adjustment,
            None if second is None else read(second) + adjustment,
        )
        terms: dict[str, Tensor] = {}
        loss = self._base(batch, group, rows, terms, step, total)
        if rows.second is not None:
            again = TaskScores(group.form, labels, rows.second, rows.scores)
            loss = (loss + self._base(batch, group, again, {}, step, total)) / 2
        found = GroupLoss(loss, terms, self._right(batch, group, scores) if self._judges else None)
        for name, term in self._addends.items():
            found = found.with_term(name, term.losses(rows), _acted_on(term, rows.labels))
        return found

    def single_labels(self, group: FormGroup) -> Tensor:
        """Return `[b]` what terms know of a group's labels: -1 where rows have more, or a number,
        and there is nothing to weigh or to contrast."""
        one = self._kinds[group.form].one_label
        return group.labels if one else torch.full_like(group.labels, -1)

    def acted_on(self, term: PieceTerm, group: FormGroup) -> Tensor:
        """Return `[b]` which of a group's rows have a piece term's loss."""
        acts = term.acts_on(self._kinds[group.form].spec)
        return _acted_on(term, self.single_labels(group)) & acts

    def outcomes(self, group: FormGroup) -> int:
        """Return how many of a group's columns of scores can be a row's label."""
        return self._prompts.forms[group.form].outcomes

    def _right(self, batch: Batch, group: FormGroup, scores: Tensor) -> Tensor:
        """Return how many rows are decided rightly, and how many have a label."""
        kind, labelled = self._kinds[group.form], (group.labels >= 0).cpu().numpy()
        decided = kind.decide(kind.log_probs(scores.detach().float()).cpu().numpy())
        gold = group.labels if kind.one_label else self._targets(batch, group)
        right = kind.right(gold.cpu().numpy(), decided) & labelled
        counts = [float(right.sum()), float(labelled.sum())]
        return torch.tensor(counts, device=self._device)

    def _base(
        self,
        batch: Batch,
        group: FormGroup,
        rows: TaskScores,
        terms: dict[str, Tensor],
        step: int,
        total: int,
    ) -> Tensor:
        """Return what one pass costs without what is added; note the factors in `terms`."""
        form, kind = self._prompts.forms[group.form], self._kinds[group.form]
        loss = self._label_loss(batch, group, rows, terms) * self._label_weights[group.form]
        if form.task not in self._taught:
            return loss
        probs = torch.from_numpy(self._taught[form.task][self._places(batch, group)])
        probs = kind.taught(probs.to(self._device, non_blocking=True), form.hypothesis)
        share = label_share(self._settings.label_share, step, total)
        of_teacher = torch.where(group.labels < 0, 1.0, 1.0 - share)  # all of a row without label
        of_teacher = of_teacher * ~probs.isnan().any(-1)  # nothing is known of such a row
        return share * loss + kind.teacher_loss(rows.scores, probs.nan_to_num(), of_teacher)

    def _label_loss(
        self, batch: Batch, group: FormGroup, rows: TaskScores, terms: dict[str, Tensor]
    ) -> Tensor:
        """Return the label loss, summed; note the factors in `terms`."""
        smoothing, kind = self._settings.label_smoothing, self._kinds[group.form]
        if not kind.one_label:
            losses = kind.losses(rows.scores, self._targets(batch, group), smoothing)
            return (losses * (group.labels >= 0)).sum()
        if not self._factors:
            return kind.loss(rows.scores, rows.labels, smoothing)
        losses = kind.losses(rows.scores, rows.labels, smoothing)
        for name, term in self._factors.items():
            factors = term.factors(rows)
            noted = (factors.detach() * rows.labelled).sum()
            terms[name] = torch.stack([noted, rows.labelled.sum().to(noted.dtype)])
            losses = losses * factors
        return losses.sum()

    def _targets(self, batch: Batch, group: FormGroup) -> Tensor:
        """Return the targets `[b, …]` of a group's rows, for a kind whose targets are more than
        labels."""
        targets = self._prompts.targets[self._prompts.forms[group.form].task]
        chosen = torch.from_numpy(targets[self._places(batch, group)])
        return chosen.to(self._device, non_blocking=True)

    def _places(self, batch: Batch, group: FormGroup) -> npt.NDArray[np.int32]:
        """Return `[b]` the places of a group's rows in their task, without asking a GPU."""
        own = self._prompts.form[batch.items] == group.form
        places: npt.NDArray[np.int32] = self._prompts.row[batch.items[own]]
        return places


def _acted_on(term: Term, labels: Tensor) -> Tensor:
    """Return `[b]` which rows have the loss of a term that acts on their task."""
    return torch.ones_like(labels, dtype=torch.bool) if "unlabelled" in term.wants else labels >= 0
