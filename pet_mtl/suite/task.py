"""One classification task as a cloze: its prefix, patterns, label words, columns and data."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from pet_mtl.suite.kind import KindName, KindSpec, MetricName
from pet_mtl.suite.pattern import parse_pattern, without_soft
from pet_mtl.suite.validation import found
from pet_mtl.suite.verbalizer import Verbalizer
from pet_mtl.suite.verbalizer_kind import VerbalizerKind

LABEL_COLUMN = "label"
ID_COLUMN = "id"

# The tags appear in pydantic's error paths; `suite/validation.py` drops them.
FILES_TAG = "<files>"
SPLIT_TAG = "<split>"
NONE_TAG = "<none>"


def _as_list(value: Any) -> Any:
    """Turn one text into a list of one; a key without a value counts as an empty list."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _kind_of_dev(value: Any) -> str:
    """Choose the form of `dev` by its shape, so that an error speaks of that form only."""
    if value is None:
        return NONE_TAG
    return SPLIT_TAG if isinstance(value, dict | SplitSpec) else FILES_TAG


# keys that say something of some kinds of task only
_OF_KINDS = frozenset({"kind"})

NonEmpty = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[NonEmpty, ...], BeforeValidator(_as_list)]
CalibrationChoice = Literal["auto", "none", "contextual", "pmi", "prior"]
SomeNames = Annotated[tuple[NonEmpty, ...], BeforeValidator(_as_list), Field(min_length=1)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitSpec(_Spec):
    """Hold a share of the training rows out."""

    split: float = Field(gt=0, lt=1, strict=True)


class DataSpec(_Spec):
    """Where the rows come from: files, globs, `sample:` or hub names, as written in the pattern
    file."""

    train: SomeNames
    dev: Annotated[
        Annotated[SomeNames, Tag(FILES_TAG)]
        | Annotated[SplitSpec, Tag(SPLIT_TAG)]
        | Annotated[None, Tag(NONE_TAG)],
        Discriminator(_kind_of_dev),
    ] = None
    test: Names = ()
    unlabelled: Names = ()


class TaskSpec(_Spec):
    """A task. `columns` maps the fields of the patterns, `label` and perhaps `id` to positions
    (from 0) or names."""

    name: str
    description: str = ""
    prefix: str = ""
    patterns: SomeNames
    verbalizer: Verbalizer
    columns: dict[str, int | str]
    data: DataSpec
    kind: KindName = "classification"
    metric: MetricName = "macro_f1"
    aggregation: Literal["mean", "max", "logsumexp"] = "mean"
    slots: Literal["exact", "shared"] = "exact"
    calibration: CalibrationChoice = "auto"
    verbalizer_kind: VerbalizerKind = VerbalizerKind()
    pattern_weights: Literal["equal", "accuracy", "learned"] | tuple[float, ...] = "equal"

    @field_validator("pattern_weights", mode="before")
    @classmethod
    def _check_weights(cls, value: Any) -> Any:
        if value in ("equal", "accuracy", "learned"):
            return value
        numbers = isinstance(value, list | tuple) and all(
            type(n) in (int, float) and 0 <= n < 1e9 for n in value
        )
        if numbers and sum(value):
            return tuple(map(float, value))
        raise ValueError(
            f"must be `equal`, `accuracy`, `learned` or a list of weights, found {found(value)}"
        )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        weights, kind = self.pattern_weights, self.verbalizer_kind.name
        if isinstance(weights, tuple) and len(weights) != len(self.patterns):
            raise ValueError(f"{len(self.patterns)} patterns have {len(weights)} `pattern_weights`")
        if kind not in ("manual", "automatic") and self.aggregation != "mean":
            raise ValueError(
                f"`aggregation: {self.aggregation}` is for manual verbalizers, not for `{kind}`"
            )
        return self

    @model_serializer(mode="wrap")
    def _leave_out_plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys of other kinds: what is stored of a task that classifies stays."""
        plain = type(self).model_fields
        return {
            key: value
            for key, value in dump(self).items()
            if key not in _OF_KINDS or getattr(self, key) != plain[key].default
        }

    @property
    def kind_spec(self) -> KindSpec:
        """Return the task's kind with all that its maths need."""
        return KindSpec(self.kind, self.verbalizer.labels)

    @property
    def word_slots(self) -> Literal["exact", "shared"]:
        """How label words are read: `slots`, but in one prompt where the verbalizer's kind asks for
        it."""
        return "shared" if self.verbalizer_kind.one_prompt else self.slots

    def weight_of(self, pattern: int) -> float:
        """Return how much a pattern counts in the average."""
        return self.pattern_weights[pattern] if isinstance(self.pattern_weights, tuple) else 1.0

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the tasks whose predictions its patterns read, each once."""
        named = [task for pattern in self.patterns for task in parse_pattern(pattern).tasks]
        return tuple(dict.fromkeys(named))

    @property
    def learned_parts(self) -> tuple[str, ...]:
        """Return, as in the pattern file, what only training gives the task."""
        soft = any(parse_pattern(pattern).soft_pieces for pattern in self.patterns)
        kind, weights = self.verbalizer_kind.name, self.pattern_weights
        parts = {
            "{soft:…}": soft,
            f"verbalizer_kind: {kind}": kind != "manual",
            f"pattern_weights: {weights}": weights in ("learned", "accuracy"),
        }
        return tuple(part for part, there in parts.items() if there)

    def without_learned_parts(self) -> "TaskSpec":
        """Return the task with its label words and patterns alone."""
        weights = self.pattern_weights if isinstance(self.pattern_weights, tuple) else "equal"
        plain = {"patterns": tuple(map(without_soft, self.patterns)), "pattern_weights": weights}
        return self.model_copy(update={**plain, "verbalizer_kind": VerbalizerKind()})

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the text columns: all but `label` and `id`."""
        return tuple(name for name in self.columns if name not in (LABEL_COLUMN, ID_COLUMN))
