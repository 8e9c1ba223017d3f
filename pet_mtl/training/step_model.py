"""What an optimizer step computes of a piece of its rows, as one module: the model, the loss terms
and their parameters.

Several processes exchange the gradients of what is computed inside a module's `forward`, so terms
that ask the model anew, or have parameters of their own, are computed here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.cloze.collate import Batch
from pet_mtl.cloze.corrupt import replacement_ids
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.sampling import drawn_label_counts
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of_form
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.drawing import drawn_by
from pet_mtl.model.hardware import Machine
from pet_mtl.model.methods.heads import HeadsModel
from pet_mtl.model.row_dropout import second_pass
from pet_mtl.model.sharing.shared_private import SharedPrivate
from pet_mtl.model.task_model import Look, TaskModel
from pet_mtl.objectives.altered import Altered
from pet_mtl.objectives.terms import Facts, Piece, PieceTerm, TaskScores, Want, build_terms
from pet_mtl.objectives.terms.shared_private import build_sharing_terms
from pet_mtl.objectives.terms.term import is_piece_term
from pet_mtl.stepping.optim import require_layers
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.training.row_loss import GroupLoss, RowLoss

# by term the losses of a piece's items over the whole step, and the gradients of their states
Whole = Mapping[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Errand:
    """What is to be computed of a piece.

    Attributes:
        step: number of the step, of so many in `total`.
        terms: names of the piece terms that act.
        scored: whether the rows are scored and their labels learned from.
        altered: what terms read beside the prompts.
        whole: of terms that want the whole step.
    """

    step: int
    total: int
    terms: Sequence[str] = ()
    scored: bool = True
    altered: Mapping[str, Altered] = field(default_factory=dict)
    whole: Whole = field(default_factory=dict)


class StepModel(nn.Module):
    """A task model and the loss of its rows.

    Its parameters have the names that they have in the model; those of terms stand below `terms`.

    Attributes:
        terms: the terms that have parameters.

    Raises:
        PetMtlError: a term wants what the model has not.
    """

    def __init__(self, model: TaskModel, row_loss: RowLoss, machine: Machine) -> None:
        super().__init__()
        wants = {name: term.wants for name, term in row_loss.piece_terms.items()}
        _require_shown(model, {n: wants[n] for n in row_loss.of_settings if n in wants})
        self.model, self.row_loss, self._machine = model, row_loss, machine
        self._looks = any({"slots", "vocabulary"} & wanted for wanted in wants.values())
        self._over_vocabulary = any("vocabulary" in wanted for wanted in wants.values())
        modules = {n: t for n, t in row_loss.piece_terms.items() if isinstance(t, nn.Module)}
        self.terms = nn.ModuleDict(modules).to(machine.device)

    @property
    def own_rate(self) -> float | None:
        """The model's, see `TaskModel`."""
        return self.model.own_rate

    @property
    def rates(self) -> dict[str, float]:
        """Peak learning rates by how the names of parameters begin."""
        of_term = self.row_loss.piece_terms
        return {f"terms.{name}.": of_term[name].learning_rate for name in self.terms}

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self.model.named_parameters(prefix, recurse, remove_duplicate)
        start = f"{prefix}." if prefix else ""
        yield from self.terms.named_parameters(f"{start}terms", recurse, remove_duplicate)

    def forward(self, batch: Batch, errand: Errand) -> list[GroupLoss]:
        """Return the losses of each of the batch's groups."""
        if not errand.scored:
            zero = torch.zeros((), device=batch.input_ids.device)
            return self._with_terms(batch, [], [GroupLoss(zero)] * len(batch.groups), errand)
        again: list[Tensor | None] = [None] * len(batch.groups)
        with self._machine.autocast():
            look = self._look(batch)
            if self.row_loss.second_pass:
                with second_pass():
                    again = self.model(batch)
        losses = [
            self.row_loss(batch, group, of_group, second, errand.step, errand.total)
            for group, of_group, second in zip(batch.groups, look.scores, again, strict=True)
        ]
        return (
            self._with_terms(batch, self._rows(batch, look), losses, errand)
            if errand.terms
            else losses
        )

    def piece(self, batch: Batch) -> Piece:
        """Return what terms read of a batch that is scored."""
        with self._machine.autocast():
            look = self._look(batch)
        return Piece(batch, self._rows(batch, look), self)

    def _look(self, batch: Batch) -> Look:
        if not self._looks:
            return Look(self.model(batch), [], [])
        return self.model.look(batch, over_vocabulary=self._over_vocabulary)

    def _rows(self, batch: Batch, look: Look) -> list[TaskScores]:
        """Return what terms read of each group."""
        return [
            TaskScores(
                group.form,
                self.row_loss.single_labels(group),
                look.scores[number],
                hidden=look.hidden[number] if look.hidden else None,
                log_words=look.log_words[number][:, : self.row_loss.outcomes(group)]
                if look.log_words
                else None,
            )
            for number, group in enumerate(batch.groups)
        ]

    def _with_terms(
        self,
        batch: Batch,
        rows: Sequence[TaskScores],
        losses: list[GroupLoss],
        errand: Errand,
    ) -> list[GroupLoss]:
        """Add what the errand's terms add."""
        for name in errand.terms:
            term = self.row_loss.piece_terms[name]
            piece = Piece(
                batch,
                rows,
                self,
                errand.altered.get(name),
                errand.step / errand.total,
                errand.whole.get(name),
            )
            of_items = term.piece_losses(piece)
            losses = [
                loss.with_term(name, of_items[group.items], self.row_loss.acted_on(term, group))
                for group, loss in zip(batch.groups, losses, strict=True)
            ]
        return losses

    def hidden(self, batch: Batch) -> Tensor:
        """Return the encoder's states at the slots, `[N, M, H]`, for terms."""
        assert isinstance(self.model, ClozeModel)
        with self._machine.autocast():
            return self.model.hidden(batch)

    def states(self, batch: Batch) -> Tensor:
        """Return what the MLM head's decoder reads at the slots, `[N, M, E]`, for terms."""
        assert isinstance(self.model, ClozeModel)
        with self._machine.autocast():
            return self.model.states(batch)

    def head(self, batch: Batch, states: Tensor) -> Tensor:
        """Turn one state for each of the batch's items, `[B, H]`, into what the decoder reads, `[B,
        E]`, for terms."""
        assert isinstance(self.model, ClozeModel)
        with self._machine.autocast():
            return self.model.read_items(batch, states)

    def logits(self, states: Tensor) -> Tensor:
        """Return the fp32 logits of the whole vocabulary, `[..., V]`, for terms."""
        assert isinstance(self.model, ClozeModel)
        with self._machine.autocast():
            return self.model.backbone.head.logits(states).float()


def require_trainable(
    model: TaskModel, prompts: Prompts, settings: TrainSettings, tokenizer: PieceTokenizer
) -> None:
    """Refuse settings that ask of a model what it has not, before anything costs time.

    Raises:
        PetMtlError: a term wants what the model does not show; rates are to fall with layers of
            which none is known.
    """
    with drawn_by(settings.seed):
        terms = build_terms(settings.losses, term_facts(model, prompts, tokenizer))
    _require_shown(model, {name: term.wants for name, term in terms.items() if is_piece_term(term)})
    require_layers(settings, model)


def _require_shown(model: TaskModel, wants: Mapping[str, frozenset[Want]]) -> None:
    """Refuse terms of the settings that want what the model has not."""
    if not isinstance(model, ClozeModel):
        if wants:
            name = next(iter(wants))
            raise PetMtlError(
                f"`{name}` reads the slots of prompts, which this method has not",
                where=f"train.losses.{name}",
                hint="leave it out, or train with `--method pet` or `--method cln`",
            )
        return
    lacks = {*model.reader.lacks, *([] if model.backbone.shows_states else ["slots"])}
    if refused := [name for name in wants if wants[name] & lacks]:
        raise PetMtlError(
            f"`{refused[0]}` reads what a `{type(model.backbone.mlm).__name__}` does not show",
            where=f"train.losses.{refused[0]}",
            hint="leave it out, or train another masked language model, such as a BERT",
        )


def sharing_terms(model: TaskModel, prompts: Prompts) -> dict[str, PieceTerm]:
    """Return the loss terms that a model's kind of sharing asks for."""
    if not isinstance(model, HeadsModel) or not isinstance(model.own.sharing, SharedPrivate):
        return {}
    sharing: Any = model.own.sharing
    return build_sharing_terms(
        [form.task for form in prompts.forms],
        sharing.shared,
        list(sharing.private),
        sharing.size // 2,
        adversarial=model.adversarial,
        orthogonality=model.orthogonality,
        learning_rate=model.own_rate or 1e-3,
    )


def term_facts(model: TaskModel, prompts: Prompts, tokenizer: PieceTokenizer) -> Facts:
    """Return what a run's terms are built from."""
    counts = drawn_label_counts(prompts)
    disagreements = [kind_of_form(form).disagreement for form in prompts.forms]
    if not isinstance(model, ClozeModel):
        return Facts(counts, disagreements=disagreements)
    return Facts(
        counts,
        [form.task for form in prompts.forms],
        model.words,
        int(model.backbone.mlm.config.hidden_size),
        tokenizer.mask_id,
        disagreements,
        replacement_ids(tokenizer.tokenizer),
    )
