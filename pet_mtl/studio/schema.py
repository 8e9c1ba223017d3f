"""The JSON of the page's requests."""

from typing import Annotated, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pet_mtl.serving.api_error import ApiError, first_mistake
from pet_mtl.serving.body import read_body
from pet_mtl.serving.limits import Limits


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Edit(_Asked):
    """Label words by label, and the patterns where they are other ones."""

    words: dict[str, list[str]]
    prefix: str | None = None
    patterns: Annotated[list[str], Field(min_length=1)] | None = None


class Save(Edit):
    """An edit to write; `seen` is the digest of the file that it was made from, or that the user
    has seen since."""

    what: Literal["words", "patterns"]
    seen: str


class Suggest(Edit):
    """Which suggestions."""

    most: Annotated[int, Field(ge=1, le=20)] = 5
    limit: Annotated[int, Field(ge=4, le=20_000)] = 2000


class RowsAsked(_Asked):
    """A page of the rows of a scored edit.

    Attributes:
        kind: `cell` with `gold` and `predicted`, which are label indices.
    """

    effect: str
    kind: Literal["all", "gained", "lost", "flipped", "wrong", "cell"] = "all"
    gold: int | None = None
    predicted: int | None = None
    label: int | None = None
    text: str = ""
    page: Annotated[int, Field(ge=0)] = 0
    size: Annotated[int, Field(ge=1, le=200)] = 50


class OneRow(Edit):
    """An edit and the fields of one row, or the number of a row of the suite."""

    fields: dict[str, str] | None = None
    row: Annotated[int, Field(ge=0)] | None = None
    importance: bool = False


Asked = TypeVar("Asked", bound=_Asked)
LIMITS = Limits(body=4 << 20)


async def read(request: Request, kind: type[Asked]) -> Asked:
    """Read the body of a request.

    Raises:
        ApiError: 422, it has another form; see `read_body`.
    """
    body = await read_body(request, LIMITS)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = first_mistake(error)
        where = ".".join(map(str, first["loc"][:1])) or "the body"
        raise ApiError(422, "bad_request", f"{where}: {first['msg']}") from None
