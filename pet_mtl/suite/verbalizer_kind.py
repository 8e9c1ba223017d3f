"""How label words become label scores: `verbalizer_kind:` of a task."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

VerbalizerName = Literal["manual", "weighted", "knowledgeable", "soft", "prototypical", "automatic"]
SearchMethod = Literal["all", "petal", "automatic", "neighbours"]


class VerbalizerKind(BaseModel):
    """A kind of verbalizer and its options; a name alone stands for the kind with its defaults.

    >>> VerbalizerKind.model_validate("knowledgeable").keep
    0.5
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: VerbalizerName = "manual"
    keep: float = Field(
        default=0.5, gt=0, le=1, description="knowledgeable: share of a label's words that stay"
    )
    size: int = Field(default=64, ge=1, le=4096, description="prototypical: numbers of a prototype")
    words: int = Field(
        default=3,
        ge=1,
        le=100,
        description="automatic: words of a label up to which some are added",
    )
    method: SearchMethod = Field(
        default="all", description="automatic: which of `words suggest` finds them"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        owners = {
            "keep": "knowledgeable",
            "size": "prototypical",
            "words": "automatic",
            "method": "automatic",
        }
        for option, kind in owners.items():
            default = type(self).model_fields[option].default
            if self.name != kind and getattr(self, option) != default:
                raise ValueError(f"`{option}` is an option of `{kind}`, not of `{self.name}`")
        return self

    @property
    def learned(self) -> bool:
        """Whether it has weights of its own."""
        return self.name in ("weighted", "soft", "prototypical")

    @property
    def one_prompt(self) -> bool:
        """Whether a row is read in one prompt, with the longest label word's masks."""
        return self.name in ("soft", "prototypical")
