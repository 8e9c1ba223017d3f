"""How tasks are told apart: by their rows (`pet`), by a classifier each (`heads`), by conditional
LayerNorm (`cln`)."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from pet_mtl.errors import ProblemList
from pet_mtl.suite.data_spec import FILES_TAG
from pet_mtl.suite.overrides import set_place
from pet_mtl.suite.validation import found, name_hint, validate
from pet_mtl.suite.yaml_file import Document

_LAYERS_TAG = "<layers>"  # appears in pydantic's error paths; `suite/validation.py` drops it


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, ser_json_inf_nan="constants"
    )


def _layer_numbers(value: Any) -> tuple[int, ...]:
    if isinstance(value, list | tuple) and value and all(type(number) is int for number in value):
        return tuple(value)
    raise ValueError(f"must be a list of layer numbers such as [-1, -2], found {found(value)}")


LayerNumbers = Annotated[tuple[int, ...], BeforeValidator(_layer_numbers)]


class LayerMix(_Settings):
    """The first token's state in several layers, in a learned weighted mean (ELMo, Peters et al.
    2018)."""

    layers: LayerNumbers = Field(
        description="1 to the number of layers from below, 0 the embeddings, -1 the last layer"
    )


FeatureName = Literal["cls", "pooled", "mean", "max", "attention"]
Sharing = Literal["hard", "soft", "shared-private", "moe", "mmoe", "ple", "snr", "cross-stitch"]


def _kind_of_features(value: Any) -> str:
    return _LAYERS_TAG if isinstance(value, dict | LayerMix) else FILES_TAG


class _Method(_Settings):
    def notes(self) -> list[str]:
        """Return warnings about options that are given and read by nothing."""
        return []


class PetMethod(_Method):
    """Tasks share everything and differ in their prefix, pattern and label words."""

    name: Literal["pet"] = "pet"
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description=(
            "peak rate of learned pieces and verbalizers; null: ten times `train.learning_rate`"
        ),
    )


# What reads an option of `heads`: ways of sharing, or decoders for `width`.
_READ_BY: dict[str, tuple[str, ...]] = {
    "width": ("mlp", "lstm"),
    "penalty": ("soft",),
    "experts": ("moe", "mmoe", "ple", "snr"),
    "task_experts": ("ple",),
    "levels": ("ple", "snr"),
    "routes": ("snr",),
    "route_penalty": ("snr",),
    "expert_width": ("shared-private", "moe", "mmoe", "ple", "snr"),
}


class HeadsMethod(_Method):
    """Shared encoder, one classifier for each task; rows are `[CLS] field [SEP] field [SEP]`.

    >>> HeadsMethod(name="heads", features="mean").decoder
    'linear'
    """

    name: Literal["heads"]
    features: Annotated[
        Annotated[FeatureName, Tag(FILES_TAG)] | Annotated[LayerMix, Tag(_LAYERS_TAG)],
        Discriminator(_kind_of_features),
    ] = Field(
        default="cls",
        description=(
            "what stands for a row: cls, pooled, mean, max, attention, {layers: [-1, -2]}"
        ),
    )
    decoder: Literal["linear", "mlp", "lstm"] = Field(
        default="linear", description="what each task reads it with"
    )
    width: int = Field(
        default=256, ge=1, le=8192, description="hidden units of the decoders `mlp` and `lstm`"
    )
    sharing: Sharing = Field(
        default="hard", description="what the tasks share between encoder and decoders"
    )
    layers: LayerNumbers | None = Field(
        default=None,
        description=(
            "ple: the encoder layer that each level reads beside the level below; null: all read "
            "the features. cross-stitch: the layers behind which the tasks' encoders are mixed; "
            "null: every second one"
        ),
    )
    penalty: float = Field(
        default=0.01,
        ge=0,
        allow_inf_nan=True,
        description=(
            "soft: λ of λ Σ ‖θ_t - θ_s‖² over the pairs of tasks; .inf: one encoder, as "
            "hard sharing has it"
        ),
    )
    experts: int = Field(
        default=4,
        ge=1,
        le=64,
        description="moe, mmoe, ple: experts that all tasks share; snr: sub-networks of a level",
    )
    task_experts: int = Field(default=1, ge=0, le=64, description="ple: experts of each task's own")
    levels: int = Field(default=1, ge=1, le=8, description="ple, snr: levels on top of each other")
    routes: Literal["average", "transform"] = Field(
        default="average",
        description="snr: what a route does: passes on as it is, or through a matrix of its own",
    )
    route_penalty: float = Field(
        default=0.001,
        ge=0,
        le=1e6,
        description="snr: λ of λ Σ P(route is open), which closes routes",
    )
    adversarial: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description=(
            "shared-private: λ of the gradient that the shared part learns against a discriminator "
            "of the tasks; Liu et al. 2017 have 0.05"
        ),
    )
    orthogonality: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description=(
            "shared-private: γ of γ/N ‖Sᵀ P‖² between shared and private parts, of N rows; Liu et "
            "al. 2017 have 0.01"
        ),
    )
    expert_width: int | None = Field(
        default=None,
        ge=1,
        le=8192,
        description="units of an expert or private part; null: the encoder's hidden size",
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="dropout before each decoder")
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="peak rate of all but the encoder; null: ten times `train.learning_rate`",
    )

    @field_validator("penalty")
    @classmethod
    def _check_penalty(cls, value: float) -> float:
        if 1e6 < value < float("inf"):
            raise ValueError(f"must be at most 1e6, or .inf for one encoder, found {value:g}")
        return value

    @model_validator(mode="after")
    def _check_losses(self) -> Self:
        for name in ("adversarial", "orthogonality"):
            if getattr(self, name) and self.sharing != "shared-private":
                raise ValueError(
                    f"`{name}` is for `sharing: shared-private`, not for `{self.sharing}`"
                )
        return self

    def notes(self) -> list[str]:
        """Return warnings about options that this way of sharing, or decoder, does not read.

        >>> HeadsMethod(name="heads", experts=8).notes()
        ['`method.experts` does nothing with `hard`: it is for moe, mmoe, ple, snr']
        """
        return [
            f"`method.{name}` does nothing with `{chosen}`: it is for {', '.join(readers)}"
            for name, readers in _READ_BY.items()
            if (chosen := self.decoder if name == "width" else self.sharing) not in readers
            and getattr(self, name) != type(self).model_fields[name].default
        ]

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.layers is None and self.sharing != "cross-stitch":
            return self
        if self.sharing not in ("ple", "cross-stitch"):
            raise ValueError(
                f"`layers` is for `sharing: ple` and `cross-stitch`, not for `{self.sharing}`"
            )
        own_layers = isinstance(self.features, LayerMix)
        if own_layers:
            raise ValueError(
                f"`features` must be a name such as `mean` where `sharing: {self.sharing}` reads "
                "layers of its own"
            )
        count = len(self.layers or ())
        if self.sharing == "ple" and self.levels not in (1, count):
            raise ValueError(
                f"there is one level for each of the {count} `layers`, but `levels` is "
                f"{self.levels}: leave it out"
            )
        return self


class ClnMethod(_Method):
    """One cloze model whose LayerNorms depend on the task."""

    name: Literal["cln"]
    size: int = Field(default=128, ge=1, le=8192, description="numbers that stand for a task")
    prefix: bool = Field(default=False, description="keep the tasks' prefixes too")
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="peak rate of what is not backbone; null: `train.learning_rate`",
    )


Method = PetMethod | HeadsMethod | ClnMethod
METHODS: dict[str, type[BaseModel]] = {"pet": PetMethod, "heads": HeadsMethod, "cln": ClnMethod}


def set_method(document: Document, name: str | None, sharing: str | None) -> None:
    """Write `--method` and `--sharing` into the tree, and `method: heads` as `method: {name:
    heads}`.

    Another method than the file's drops the file's options.
    """
    tree = document.tree
    if isinstance(tree.get("method"), str):
        tree["method"] = {"name": tree["method"]}
    for key, value, place in (
        ("name", name, f"--method {name}"),
        ("sharing", sharing, f"--sharing {sharing}"),
    ):
        if value is None:
            continue
        method = tree.get("method")
        if not isinstance(method, dict) or (key == "name" and method.get("name") != value):
            tree["method"] = {}
            set_place(document, ("method",), place)
        tree["method"][key] = value
        set_place(document, ("method", key), place)


def build_method(value: Any, document: Document, problems: ProblemList) -> Any:
    """Return the method of a pattern file's `method:` section, or add its problems and return
    None."""
    where = document.where(("method",))
    if value is None:
        return PetMethod()
    value = {"name": value} if isinstance(value, str) else value
    if not isinstance(value, dict):
        problems.add(
            f"`method` must be a name or keys and values, found {found(value)}", where=where
        )
        return None
    if value.keys() <= PetMethod.model_fields.keys():  # of which the default has all that is named
        value = {"name": PetMethod().name, **value}
    if "name" not in value:
        problems.add(
            "`method.name` is missing",
            where=where,
            hint="say which: `--method heads`, or method: {name: heads}",
        )
        return None
    name = value["name"]
    if not isinstance(name, str) or name not in METHODS:
        where = document.where(("method", "name"))
        hint = name_hint(name, list(METHODS)) if isinstance(name, str) else None
        problems.add(f"there is no method {found(name)}", where=where, hint=hint)
        return None
    return validate(METHODS[name], value, document, ("method",), problems)
