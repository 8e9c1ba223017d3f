"""Settings of the loss terms, by their names: what `train: {losses: …}` may say.

The terms themselves are in `pet_mtl/objectives/terms/`, one file each; a new one is a class and a
field here, a file there and its line in the registry.
"""

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FocalSettings(_Settings):
    """Rows that are right already count less, with the gradient of that (Lin et al. 2017).

    >>> FocalSettings().gamma
    2.0
    """

    gamma: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description=("γ of the factor (1 - p)^γ; 0 is plain cross-entropy"),
    )


class ClassWeightsSettings(_Settings):
    """Rows of rare labels count more."""

    beta: float = Field(
        default=0.5,
        ge=0,
        le=2,
        description="β of the weights ∝ n^-β of labels with n rows; 0: all 1",
    )


class HardNegativesSettings(_Settings):
    """Rows that are right already count less; the factor is a number that nothing is learned
    from."""

    gamma: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description=("γ of the factor (1 - p)^γ; 0 is plain cross-entropy"),
    )


class RDropSettings(_Settings):
    """Two passes with other dropout must say the same (Liang et al. 2021)."""

    alpha: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="how much the divergence of the two passes counts; 0: one pass as ever",
    )


class LossSettings(_Settings):
    """The terms of a run; those that are null are not there.

    >>> LossSettings.model_validate({"focal": {"gamma": 1}}).focal
    FocalSettings(gamma=1.0)
    """

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
