"""Settings of the loss terms, by their names: what `train: {losses: …}` may say.

The terms themselves are in `pet_mtl/objectives/terms/`, one file each; a new one is a class and a
field here, a file there and its line in the registry.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from pet_mtl.suite.kind import KindSpec

_MOST = 1e6  # a larger weight leaves nothing of the labels, and overflows in the end
MlmBalance = Literal["alpha", "positions", "alternating"]


class _Settings(BaseModel):
    """What all have.

    Attributes:
        reads_slots: the term needs a method that reads masks.
        one_label: it acts on rows with one label alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    reads_slots: ClassVar[bool] = False
    one_label: ClassVar[bool] = False

    @property
    def reads_unlabelled(self) -> bool:
        """Return whether the term needs unlabelled rows."""
        return False

    @property
    def label_share(self) -> float:
        """Return what the label losses of the rows that it acts on are multiplied by."""
        return 1.0

    def acts_on(self, kind: KindSpec) -> bool:
        """Return whether it changes the losses of such a task's rows."""
        return not self.one_label or kind.facts.target == "label"

    @property
    def idle(self) -> dict[str, str]:
        """Return the settings that are given and change nothing, with what makes them idle."""
        return {}

    def _given(self, *names: str) -> list[str]:
        """Return those that are not at their default."""
        return [name for name in names if getattr(self, name) != getattr(type(self)(), name)]


class FactorSettings(_Settings):
    """A factor of the label loss."""

    one_label: ClassVar[bool] = True


class FocalSettings(FactorSettings):
    """Rows that are right already count less, with the gradient of that (Lin et al. 2017).

    >>> FocalSettings().gamma
    2.0
    """

    gamma: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description="γ of the factor (1 - p)^γ; 0 is plain cross-entropy",
    )


class ClassWeightsSettings(FactorSettings):
    """Rows of rare labels count more."""

    beta: float = Field(
        default=0.5,
        ge=0,
        le=2,
        description="β of the weights ∝ n^-β of labels with n rows; 0: all 1",
    )


class HardNegativesSettings(FactorSettings):
    """Rows that are right already count less; the factor is a number that nothing is learned
    from."""

    gamma: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="γ of the factor (1 - p)^γ; 0 is plain cross-entropy",
    )


class RDropSettings(_Settings):
    """Two passes with other dropout must say the same (Liang et al. 2021)."""

    alpha: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="how much the divergence of the two passes counts; 0: one pass as ever",
    )


class AdapetSettings(_Settings):
    """Labels told from the whole vocabulary, text told by its label (ADAPET, Tam et al. 2021)."""

    reads_slots: ClassVar[bool] = True
    one_label: ClassVar[bool] = True
    decoupled: float = Field(
        default=1.0, ge=0, le=_MOST, description="how much the decoupled label loss counts"
    )
    conditioned: float = Field(
        default=1.0, ge=0, le=_MOST, description="how much the label-conditioned masked text counts"
    )
    rate: float = Field(
        default=0.105, gt=0, le=1, description="share of a text's pieces that are masked"
    )
    own: float = Field(
        default=0.5, ge=0, le=1, description="share of the rows that are shown their own label"
    )
    labels: float = Field(
        default=0.0, ge=0, le=1, description="how much the usual label loss counts beside it"
    )

    @property
    def label_share(self) -> float:
        return self.labels if self.decoupled or self.conditioned else 1.0  # it changes nothing

    def acts_on(self, kind: KindSpec) -> bool:
        """Sets, numbers and paths down a tree, whose words tell siblings only, are no one label to
        be told."""
        return super().acts_on(kind) and not kind.above

    @property
    def idle(self) -> dict[str, str]:
        return {} if self.conditioned else dict.fromkeys(self._given("rate", "own"), "conditioned")


class ContrastiveSettings(_Settings):
    """Rows of one label are to have like states (Khosla et al. 2020; Gunel et al. 2021)."""

    reads_slots: ClassVar[bool] = True
    one_label: ClassVar[bool] = True
    weight: float = Field(
        default=0.1, ge=0, le=1, description="λ in (1 - λ) · label loss + λ · contrastive loss"
    )
    temperature: float = Field(
        default=0.3, ge=1e-3, le=1e3, description="τ that likenesses are divided by"
    )

    @property
    def label_share(self) -> float:
        return 1 - self.weight


class MlmSettings(_Settings):
    """Masked language modelling beside the labels (PET, Schick and Schütze 2021)."""

    reads_slots: ClassVar[bool] = True
    balance: MlmBalance = Field(
        default="alpha",
        description=(
            "alpha: (1 - α) · label loss + α · its own; positions: a masked piece counts as a "
            "label; alternating: an optimizer step of its own after each on the labels"
        ),
    )
    alpha: float = Field(default=1e-4, ge=0, le=1, description="α of the balance `alpha`")
    rate: float = Field(
        default=0.15, gt=0, le=1, description="share of a text's pieces to be predicted"
    )
    text: Literal["labelled", "unlabelled", "both"] = Field(
        default="labelled", description="the step's own rows, the tasks' unlabelled rows, or both"
    )

    @property
    def reads_unlabelled(self) -> bool:
        return self.text != "labelled"

    @property
    def label_share(self) -> float:
        return 1 - self.alpha if self.balance == "alpha" else 1.0

    @property
    def idle(self) -> dict[str, str]:
        return {} if self.balance == "alpha" else dict.fromkeys(self._given("alpha"), "balance")


class TaskDiscriminatorSettings(_Settings):
    """The model learns states that do not tell the task (Ganin et al. 2016)."""

    reads_slots: ClassVar[bool] = True
    weight: float = Field(
        default=0.05, ge=0, le=_MOST, description="λ that the turned gradient is multiplied by"
    )
    rises: bool = Field(default=True, description="λ grows from 0 over the run")
    width: int = Field(default=128, ge=1, le=8192, description="hidden units of the discriminator")
    learning_rate: float = Field(
        default=1e-3, gt=0, le=1, description="peak learning rate of the discriminator"
    )


class WordFrequencySettings(_Settings):
    """The state at the slots is to know the pieces of the text."""

    reads_slots: ClassVar[bool] = True
    weight: float = Field(default=0.1, ge=0, le=_MOST, description="how much the divergence counts")
    learning_rate: float = Field(
        default=1e-3, gt=0, le=1, description="peak learning rate of its dense layer"
    )


class ShuffleSettings(_Settings):
    """The state at the slots is to know whether the text's order was changed."""

    reads_slots: ClassVar[bool] = True
    weight: float = Field(
        default=0.1, ge=0, le=_MOST, description="how much the binary loss counts"
    )
    share: float = Field(
        default=0.5, gt=0, lt=1, description="share of the rows whose order is changed"
    )
    learning_rate: float = Field(
        default=1e-3, gt=0, le=1, description="peak learning rate of its layer"
    )


class LossSettings(BaseModel):
    """The terms of a run; those that are null are not there.

    >>> LossSettings.model_validate({"focal": {"gamma": 1}}).focal
    FocalSettings(gamma=1.0)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @property
    def given(self) -> dict[str, _Settings]:
        """Return the settings of the terms that are there, by name."""
        each = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: settings for name, settings in each.items() if settings is not None}

    @property
    def reads_unlabelled(self) -> str | None:
        """Return a term that needs unlabelled rows."""
        return next((name for name, own in self.given.items() if own.reads_unlabelled), None)

    def without_labels(self, kind: KindSpec) -> str | None:
        """Return a term beside which the label loss of a task's rows counts nothing."""
        acting = (name for name, own in self.given.items() if own.acts_on(kind))
        return next((name for name in acting if not self.given[name].label_share), None)

    @property
    def reads_slots(self) -> str | None:
        """Return a term that needs a method which reads masks."""
        return next((name for name, own in self.given.items() if own.reads_slots), None)

    focal: FocalSettings | None = Field(
        default=None, description="(1 - p)^γ as a factor of each row's loss"
    )
    class_weights: ClassWeightsSettings | None = Field(
        default=None, description="weights of labels by their rows"
    )
    hard_negatives: HardNegativesSettings | None = Field(
        default=None, description="(1 - p)^γ as a fixed factor"
    )
    r_drop: RDropSettings | None = Field(
        default=None, description="two passes with dropout that must agree"
    )
    adapet: AdapetSettings | None = Field(
        default=None, description="decoupled label loss and label-conditioned masked text"
    )
    contrastive: ContrastiveSettings | None = Field(
        default=None, description="like states for rows of one label"
    )
    mlm: MlmSettings | None = Field(default=None, description="masked language modelling")
    task_discriminator: TaskDiscriminatorSettings | None = Field(
        default=None, description="states that do not tell the task"
    )
    word_frequency: WordFrequencySettings | None = Field(
        default=None, description="states that know the pieces of the text"
    )
    shuffle: ShuffleSettings | None = Field(
        default=None, description="states that know whether the text's order was changed"
    )
