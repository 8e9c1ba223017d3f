"""The JSON of requests and answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pet_mtl.serving.api_error import ApiError, first_mistake, shown

Row = str | dict[str, str]


class PredictRequest(BaseModel):
    """Rows of one task."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"task": "tnews", "rows": ["央行下调利率"], "top_k": 3}]},
    )

    task: Annotated[str, Field(description="A name that `GET /v1/tasks` lists.")]
    rows: Annotated[
        list[Row],
        Field(
            description="Texts, for a task with one field; or objects with a text by field.",
            fail_fast=True,
        ),
    ]
    top_k: Annotated[
        int | None, Field(ge=1, description="Give the probabilities of this many labels only.")
    ] = None
    model: Annotated[
        str | None, Field(description="Which checkpoint, where several know the task.")
    ] = None


class PredictionOut(BaseModel):
    """One row's label, its main label word, and probabilities, the likeliest first."""

    label: str
    word: Annotated[str, Field(description="Empty for a set of labels and for a number.")]
    probability: float
    probabilities: dict[str, float]
    labels: Annotated[list[str] | None, Field(description="Of a set of labels only.")] = None
    value: Annotated[float | None, Field(description="Of a number only.")] = None


class PredictAnswer(BaseModel):
    """Predictions in the order of the rows."""

    task: str
    predictions: list[PredictionOut]


class TaskOut(BaseModel):
    """A task: the fields of its rows, and the words of its labels."""

    task: str
    model: str
    description: str
    fields: list[str]
    labels: dict[str, list[str]]


class TasksAnswer(BaseModel):
    """All tasks of all checkpoints."""

    tasks: list[TaskOut]


class ErrorBody(BaseModel):
    """What is wrong with a request."""

    code: str
    message: str
    hint: str | None = None
    request_id: str | None = None


class ErrorAnswer(BaseModel):
    """The form of every error."""

    error: ErrorBody


def read_request(body: bytes) -> PredictRequest:
    """Read the body of a request.

    Raises:
        ApiError: 422, it is no JSON or has another form.
    """
    try:
        return PredictRequest.model_validate_json(body)
    except ValidationError as error:
        first = first_mistake(error)
        place = first["loc"]
        if first["type"] == "json_invalid":
            message, code = "the body is not valid JSON in UTF-8", "invalid_json"
        elif len(place) > 1 and place[0] == "rows":
            message, code = f"rows[{place[1]}] is neither a text nor an object of texts", "bad_row"
        elif first["type"] == "extra_forbidden":
            message, code = f"unknown key `{shown(str(place[0]))}`", "bad_request"
        else:
            where = ".".join(map(str, place[:1])) or "the body"
            message, code = f"{where}: {first['msg']}", "bad_request"
        hint = 'send {"task": NAME, "rows": ["text" or {"field": "text"}, …], "top_k": 3}'
        raise ApiError(422, code, message, hint=hint) from None
