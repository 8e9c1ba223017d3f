"""One classification task as a cloze: its prefix, patterns, label words, columns and data."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from pet_mtl.spec.verbalizer import Verbalizer

LABEL_COLUMN = "label"
ID_COLUMN = "id"

# The tags appear in pydantic's error paths; `spec/validation.py` drops them.
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
    """Where the rows come from: files, globs, `sample:` or hub names, as written in the pattern file."""

    train: SomeNames
    dev: Annotated[
        Annotated[SomeNames, Tag(FILES_TAG)] | Annotated[SplitSpec, Tag(SPLIT_TAG)] | Annotated[None, Tag(NONE_TAG)],
        Discriminator(_kind_of_dev),
    ] = None
    test: Names = ()
    unlabelled: Names = ()


class TaskSpec(_Spec):
    """A task. `columns` maps the fields of the patterns, `label` and perhaps `id` to positions (from 0) or names."""

    name: str
    description: str = ""
    prefix: str = ""
    patterns: SomeNames
    verbalizer: Verbalizer
    columns: dict[str, int | str]
    data: DataSpec
    metric: Literal["macro_f1", "accuracy"] = "macro_f1"
    aggregation: Literal["mean", "max", "logsumexp"] = "mean"
    slots: Literal["exact", "shared"] = "exact"
    calibration: CalibrationChoice = "auto"

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the text columns: all but `label` and `id`."""
        return tuple(name for name in self.columns if name not in (LABEL_COLUMN, ID_COLUMN))
