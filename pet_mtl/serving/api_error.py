"""Errors of the HTTP interface, all of one form."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from pet_mtl.text import one_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# pydantic tells all of them or none: a body can hold a million, at 10 µs each
_MOST_MISTAKES = 1000


class ApiError(Exception):
    """What is wrong with a request.

    Args:
        status: of the answer.
        code: for machines; stays the same when words change.
        message: for people; holds nothing of the request that is longer than a name.
        hint: what to do.
        headers: more headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] = {},
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.message, self.hint = message, hint
        self.headers = dict(headers)

    def response(self, request_id: str | None = None) -> JSONResponse:
        """Return the answer: `{"error": {"code", "message", "hint", "request_id"}}`."""
        error = {"code": self.code, "message": self.message}
        if self.hint:
            error["hint"] = self.hint
        if request_id:
            error["request_id"] = request_id
        return JSONResponse({"error": error}, self.status, headers=self.headers)


def shown(text: str, most: int = 80) -> str:
    """Return a name out of a request as an error may repeat it: short, printable, on one line."""
    line = one_line(text)
    return line if len(line) <= most else line[:most] + "…"


def first_mistake(error: ValidationError) -> "ErrorDetails":
    """Return the first mistake of a body.

    Raises:
        ApiError: 422, it has so many that listing them would keep all other requests waiting.
    """
    if (count := error.error_count()) > _MOST_MISTAKES:
        raise ApiError(422, "bad_request", f"the body has {count:,} mistakes") from None
    return error.errors(include_url=False, include_input=False)[0]


def handle_errors(app: FastAPI) -> None:
    """Give every error the one form."""

    def request_id(request: Request) -> str | None:
        return getattr(request.state, "request_id", None)

    @app.exception_handler(ApiError)
    async def ours(request: Request, error: ApiError) -> Response:
        return error.response(request_id(request))

    @app.exception_handler(HTTPException)
    async def of_starlette(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "bad_method"}.get(error.status_code, "bad_request")
        answer = ApiError(error.status_code, code, error.detail, headers=error.headers or {})
        return answer.response(request_id(request))

    @app.exception_handler(RequestValidationError)
    async def of_fastapi(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return ApiError(422, "bad_request", message).response(request_id(request))
