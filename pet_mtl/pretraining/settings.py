"""Settings of a pre-training run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pet_mtl.errors import ProblemList
from pet_mtl.pretraining.teacher_settings import TeacherSettings
from pet_mtl.suite.overrides import apply_overrides
from pet_mtl.suite.settings import MOST_EPOCHS, MOST_STEPS
from pet_mtl.suite.validation import found, validate
from pet_mtl.suite.yaml_file import Document

Masking = Literal["random", "whole-word", "selective", "pattern"]


class PretrainSettings(BaseModel):
    """How the model is trained.

    >>> PretrainSettings(max_steps=10).masking_rate
    0.15
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    epochs: float = Field(
        default=1.0,
        gt=0,
        le=MOST_EPOCHS,
        description="passes over the rows; the masks differ each time",
    )
    max_steps: int | None = Field(
        default=None,
        ge=0,
        le=MOST_STEPS,
        description="stop after this many steps; 0 only measures the held-out text",
    )
    max_minutes: float | None = Field(
        default=None,
        gt=0,
        le=1e7,
        description="stop after this much time in steps, with the learning rate run down to 0",
    )
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="peak learning rate")
    batch_tokens: int = Field(
        default=4096,
        ge=1,
        le=1 << 30,
        description="tokens of one optimizer step, all processes together",
    )
    max_length: int = Field(default=128, ge=8, le=1 << 16, description="longest row in tokens")
    masking_rate: float = Field(
        default=0.15, ge=0, lt=1, description="share of the pieces that are masked"
    )
    warmup: float = Field(
        default=0.06,
        ge=0,
        le=MOST_STEPS,
        description="below 1: share of the steps; from 1: number of steps",
    )
    schedule: Literal["linear", "cosine"] = Field(
        default="linear", description="how the learning rate falls"
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
    clip_norm: float | None = Field(
        default=1.0, gt=0, le=1e12, description="largest norm of a step's gradient; null: no limit"
    )
    accumulate: int = Field(
        default=1,
        ge=1,
        le=1 << 16,
        description="compute a step in this many pieces: same result, less memory",
    )
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="dropout everywhere; null: the model's own"
    )
    held_out: float = Field(
        default=0.005, ge=0, lt=1, description="share of the documents that is only measured on"
    )
    evaluate_every: int | None = Field(
        default=None,
        ge=1,
        le=MOST_STEPS,
        description="steps between two measurements; null: once an epoch",
    )
    save_every: float = Field(
        default=300.0, gt=0, le=1e9, description="seconds between two saved states"
    )
    seed: int = Field(default=42, ge=0, lt=2**32, description="seed of everything random")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="number format of the matrix products"
    )
    attention: Literal["auto", "eager", "sdpa"] = Field(
        default="auto", description="attention implementation"
    )
    compile: bool = Field(
        default=False, description="compile the layers (a GPU): a minute first, then faster steps"
    )
    weights: Literal["fp32", "fp16"] = Field(
        default="fp32", description="number format of the model folder"
    )

    teacher: TeacherSettings = Field(
        default=TeacherSettings(), description="what is learned from a teacher, if there is one"
    )

    @model_validator(mode="after")
    def _warmup_fits_the_limit(self) -> "PretrainSettings":
        if self.max_minutes is not None and self.warmup >= 1:
            raise ValueError(
                "with `max_minutes` the steps are not known before: `warmup` must be a share "
                "below 1"
            )
        return self


class KeptLayers(BaseModel):
    """Which layers of a model are kept."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    from_layers: tuple[int, ...] = Field(description="layers counted from 0, rising")

    @field_validator("from_layers", mode="before")
    @classmethod
    def _rising(cls, layers: Any) -> Any:
        if not isinstance(layers, list | tuple) or not layers:
            raise ValueError(f"must be a list of layers such as [1, 3, 5], found {found(layers)}")
        if any(type(layer) is not int or layer < 0 for layer in layers) or any(
            layers[i] >= layers[i + 1] for i in range(len(layers) - 1)
        ):
            raise ValueError(
                "layers are whole numbers from 0 that rise, each named once, "
                f"found {', '.join(map(str, layers))}"
            )
        return tuple(layers)


def read_settings(
    document: Document, overrides: Sequence[str], problems: ProblemList
) -> PretrainSettings | None:
    """Return the `train:` section of a document with `-s` overrides; problems are added.

    A key without a section stands for one of `train:`, so `-s epochs=5` is `-s train.epochs=5`.
    """
    sections = set(document.tree) | {"model", "vocabulary", "train"}
    typed = {}  # by the override with its section
    for override in overrides:
        section = override.partition("=")[0].strip().split(".")[0]
        typed[override if section in sections else f"train.{override}"] = override
    mine = ProblemList()
    apply_overrides(document, list(typed), mine)
    places = {f"-s {full}": f"-s {text}" for full, text in typed.items()}
    document.places = {key: places.get(place, place) for key, place in document.places.items()}
    for problem in mine.problems:
        where = places.get(problem.where or "", problem.where)
        problems.problems.append(replace(problem, where=where))
    train: Any = document.tree.get("train")
    return validate(
        PretrainSettings, {} if train is None else train, document, ("train",), problems
    )


def start_from(overrides: Sequence[str]) -> tuple[PretrainSettings, tuple[int, ...] | None]:
    """Return the settings of `-s key=value` texts alone, and the layers that the model keeps; None:
    all.

    >>> settings, layers = start_from(["epochs=5", "schedule=cosine"])
    >>> settings.schedule, layers
    ('cosine', None)

    Raises:
        PetMtlError: with every problem.
    """
    problems = ProblemList()
    document = Document("settings", {})
    for override in overrides:
        key = override.partition("=")[0].strip()
        if key.split(".")[0] in ("model", "vocabulary") and key != "model.from_layers":
            problems.add(
                "there is no recipe to change",
                where=f"-s {override}",
                hint="give one with `--from-scratch`",
            )
    settings = read_settings(document, overrides, problems)
    layers: tuple[int, ...] | None = None
    section = document.tree.get("model")
    if isinstance(section, dict) and "from_layers" in section:
        kept = validate(KeptLayers, section, document, ("model",), problems)
        layers = None if kept is None else kept.from_layers
    problems.raise_if_any()
    assert settings is not None
    return settings, layers
