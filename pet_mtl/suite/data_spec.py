"""Where a task's rows come from, as a pattern file says it."""

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

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


def _no_number(value: Any) -> Any:
    if isinstance(value, float):
        message = f"a share of the training rows is written `{{split: {value}}}`"
        raise ValueError(message)  # noqa: TRY004, what pydantic shows
    return value


NonEmpty = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[NonEmpty, ...], BeforeValidator(_as_list)]
SomeNames = Annotated[tuple[NonEmpty, ...], BeforeValidator(_as_list), Field(min_length=1)]


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitSpec(Spec):
    """Hold a share of the training rows out."""

    split: float = Field(gt=0, lt=1, strict=True)


class DataSpec(Spec):
    """Where the rows come from: files, globs, `sample:` or hub names, as written in the pattern
    file; `soft_labels` are files that say how likely each label of their texts is. Where no row has
    a label, `unlabelled` stands alone."""

    train: Names
    dev: Annotated[
        Annotated[SomeNames, Tag(FILES_TAG)]
        | Annotated[SplitSpec, Tag(SPLIT_TAG)]
        | Annotated[None, Tag(NONE_TAG)],
        Discriminator(_kind_of_dev),
        BeforeValidator(_no_number),
    ] = None
    test: Names = ()
    unlabelled: Names = ()
    soft_labels: Names = ()

    @model_validator(mode="before")
    @classmethod
    def _texts_alone(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("unlabelled"):
            return {"train": (), **given}
        return given

    @model_validator(mode="after")
    def _need_rows(self) -> Self:
        if not self.train and not self.unlabelled:
            raise ValueError("`train` names no file")
        if not self.train and isinstance(self.dev, SplitSpec):
            raise ValueError("`dev` is a share of the training rows, and `train` names no file")
        return self

    @property
    def labelled(self) -> bool:
        """Whether some rows have labels."""
        return bool(self.train or self.dev or self.test)

    @model_serializer(mode="wrap")
    def _without_what_is_new(self, written: SerializerFunctionWrapHandler) -> Any:
        """Leave out `soft_labels` where there are none: earlier versions did not write them, and
        folders of theirs are gone on with by comparing settings."""
        return {key: value for key, value in written(self).items() if key != "soft_labels" or value}
