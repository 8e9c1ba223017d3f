"""What a model learns from a larger one while it is pre-trained: the settings below `teacher:`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Part = Literal["queries", "keys", "values"]


class TeacherSettings(BaseModel):
    """The losses of a taught model and their weights; layers are counted from 0.

    >>> TeacherSettings().logits
    1.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    mlm: float = Field(
        default=1.0, ge=0, le=1e6, description="weight of the model's own loss at the masks"
    )
    logits: float = Field(
        default=1.0, ge=0, le=1e6, description="weight of the teacher's distribution at the masks"
    )
    temperature: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="what both logits are divided by before they are compared",
    )
    relations: float = Field(
        default=1.0, ge=0, le=1e6, description="weight of the relations of queries, keys and values"
    )
    states: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="weight of the layers' states, for models of one width",
    )
    layers: dict[int, int] | None = Field(
        default=None,
        description="{layer: the teacher's layer it learns from}; null: see docs/pretraining.md",
    )
    parts: tuple[Part, ...] = Field(
        default=("queries", "keys", "values"),
        strict=False,
        min_length=1,
        description="whose relations are learned",
    )
    relation_heads: int | None = Field(
        default=None,
        ge=1,
        le=1 << 16,
        description="heads that relations are computed in; null: the most that fit both widths",
    )

    @field_validator("layers", mode="before")
    @classmethod
    def _numbers(cls, layers: Any) -> Any:
        """Read keys as numbers: those of our YAML and of JSON are text."""
        if not isinstance(layers, dict):
            return layers
        return {int(k) if str(k).lstrip("-").isdecimal() else k: v for k, v in layers.items()}

    @model_validator(mode="after")
    def _something_is_learned(self) -> "TeacherSettings":
        if not (self.logits or self.relations or self.states):
            raise ValueError("`logits`, `relations` and `states` are 0: nothing is left to teach")
        if self.layers is not None and not self.layers:
            raise ValueError("`layers` names no layer: leave it out, or write {2: 11}")
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("`parts` names one twice")
        return self

    @property
    def idle(self) -> list[str]:
        """Return a line for each setting that is given and changes nothing.

        >>> TeacherSettings(logits=0.0, temperature=2.0).idle
        ['`teacher.temperature` does nothing: the weight of `logits` is 0']
        """
        return [
            f"`teacher.{name}` does nothing: the weight of {of} is 0"
            for name, weight, of in (
                ("temperature", self.logits, "`logits`"),
                ("parts", self.relations, "`relations`"),
                ("relation_heads", self.relations, "`relations`"),
                ("layers", self.relations + self.states, "`relations` and `states`"),
            )
            if not weight and getattr(self, name) != type(self).model_fields[name].default
        ]
