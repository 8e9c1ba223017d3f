"""Settings of a run: what the `train:` and `sampling:` sections of a pattern file may say."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from pet_mtl.suite.losses import LossSettings
from pet_mtl.suite.validation import found

WeightingName = Literal["none", "uncertainty", "dwa", "dtp", "gradnorm"]
MEAN_OF_ONE = ("dwa", "gradnorm")  # over the tasks: with one task they do nothing
SurgeryName = Literal["none", "pcgrad", "mgda", "cagrad", "upgrad"]
Tracker = Literal["tensorboard", "trackio", "wandb", "mlflow"]


def _as_tuple(value: Any) -> Any:
    """Turn a list into a tuple, and one name into a tuple of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


MOST_EPOCHS = 10_000  # all are planned before the first step
MOST_STEPS = 1_000_000_000
MOST_WEIGHT = 1e6


class _Settings(BaseModel):
    # `default=` by name: type checkers do not see a positional one.
    # strict: `"3"` and `true` are no numbers; a whole number still passes for a float
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TrainSettings(_Settings):
    """How the model is trained. In a pattern file `epochs`, `learning_rate` and `batch_tokens` may
    be `auto`, as a `learning_rate` is that is not given: numbers by the time they are here
    (`suite/auto.py`).

    >>> TrainSettings(epochs=2).learning_rate
    3e-05
    """

    epochs: float = Field(
        default=3.0, gt=0, le=MOST_EPOCHS, description="passes over the training rows"
    )
    max_steps: int | None = Field(
        default=None,
        ge=1,
        le=MOST_STEPS,
        description="stop after this many steps, whatever `epochs` says",
    )
    learning_rate: float = Field(default=3e-5, gt=0, le=1, description="peak learning rate")
    batch_tokens: int = Field(
        default=4096,
        ge=1,
        le=1 << 30,
        description="tokens of one optimizer step, all processes together",
    )
    max_length: int = Field(
        default=128, ge=8, le=1 << 16, description="longest prompt in tokens; longer texts are cut"
    )
    warmup: float = Field(
        default=0.1,
        ge=0,
        le=MOST_STEPS,
        description="below 1: share of the steps; from 1: number of steps",
    )
    weight_decay: float = Field(
        default=0.01, ge=0, le=1000, description="decoupled weight decay of the matrices"
    )
    layer_decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="each layer below the top learns at this factor of the one above",
    )
    accumulate: int = Field(
        default=1,
        ge=1,
        le=1 << 16,
        description="compute a step in at least so many pieces: same result, less memory",
    )
    evaluate_every: int | None = Field(
        default=None,
        ge=1,
        le=MOST_STEPS,
        description="steps between two evaluations; null: once an epoch",
    )
    early_stop: Annotated[int, Field(ge=1, le=MOST_STEPS)] | Literal["auto"] | None = Field(
        default=None,
        description=(
            "stop after this many evaluations without a better dev score; auto: when dev scores "
            "stay far below the best; off: never"
        ),
    )
    seed: int = Field(default=42, ge=0, lt=2**32, description="seed of everything random")
    report_to: Annotated[tuple[Tracker, ...], BeforeValidator(_as_tuple)] = Field(
        default=(), description="experiment trackers that get the run's log too"
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="number format of the matrix products"
    )
    attention: Literal["auto", "eager", "sdpa"] = Field(
        default="auto", description="attention implementation"
    )
    compile: bool = Field(
        default=False, description="compile the layers (a GPU): a minute first, then faster steps"
    )
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="dropout of the backbone; null: its own"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="share of the target given to all labels alike"
    )
    logit_adjustment: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="τ: while training, τ log(share of the label's rows) is added to its score",
    )
    adversarial: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="how far each row's words are moved against the model in a second pass (FGM)",
    )
    ema: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="decay of a running mean of the weights, evaluated and saved in their place",
        examples=[0.999],
    )
    losses: LossSettings = Field(
        default=LossSettings(),
        description="terms that change the rows' losses or add to them, each with its settings",
    )
    label_share: float | Literal["annealed"] = Field(
        default="annealed",
        description="with teachers, share of the labels in the target; annealed: from 0 up to 1",
    )
    clip_norm: float | None = Field(
        default=1.0, gt=0, le=1e12, description="largest norm of a step's gradient; null: no limit"
    )
    weighting: WeightingName | dict[str, float] = Field(
        default="none",
        description="how much each task's loss counts; numbers by task, those without one have 1",
    )
    surgery: SurgeryName = Field(
        default="none", description="what is done where the tasks' gradients conflict"
    )

    @field_validator("early_stop", mode="before")
    @classmethod
    def _check_early_stop(cls, value: Any) -> Any:
        if value in ("off", "none"):
            return None
        if value is None or value == "auto" or (type(value) is int and 1 <= value <= MOST_STEPS):
            return value
        raise ValueError(f"must be auto, off, or a whole number from 1, found {found(value)}")

    @field_validator("weighting", mode="before")
    @classmethod
    def _check_weighting(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for task, weight in value.items():
                if type(weight) not in (int, float) or not 0 <= weight <= MOST_WEIGHT:
                    raise ValueError(
                        f"the weight of `{task}` must be a number from 0 to {MOST_WEIGHT:,.0f}, "
                        f"found {found(weight)}"
                    )
            return {str(task): float(weight) for task, weight in value.items()}
        if value in get_args(WeightingName):
            return value
        names = ", ".join(get_args(WeightingName))
        raise ValueError(
            f"must be {names}, or a number for each task such as {{tnews: 2}}, found {found(value)}"
        )

    @field_validator("label_share", mode="before")
    @classmethod
    def _check_share(cls, value: Any) -> Any:
        if value == "annealed" or (type(value) in (int, float) and 0 <= value <= 1):
            return value
        raise ValueError(f"must be `annealed` or a number from 0 to 1, found {found(value)}")


class SamplingSettings(_Settings):
    """How often each task is drawn."""

    temperature: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="p ∝ n^temperature; 1: proportional to the task's size, 0: uniform",
    )
