"""Each request's id, its log line, its counts; and an answer whatever happens."""

import re
import time
import uuid
from collections.abc import Collection

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pet_mtl.console import say
from pet_mtl.serving.api_error import ApiError
from pet_mtl.serving.metrics import Metrics

_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
CLIENT_GONE = 499  # nginx's number for it: it stands in logs and counts, nobody reads an answer


class RequestLog:
    """Give each request an id and log it without its texts.

    Args:
        paths: those that are logged and counted by name; others could hold anything.
        policy: the Content-Security-Policy of every answer.
        quiet: paths that are not logged unless they fail.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        paths: Collection[str],
        *,
        policy: bytes = API_POLICY,
        quiet: Collection[str] = (),
    ) -> None:
        self.app, self.metrics, self.paths = app, metrics, frozenset(paths)
        self.headers = [*_SAFE, (b"content-security-policy", policy)]
        self.quiet = frozenset(quiet)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in self.headers if name not in given),
                    (b"x-request-id", request_id.encode()),
                ]
                if b"cache-control" not in given:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception as error:  # the server lives on, and the log says where it broke
            say(f"error: {request_id}: {_where(error)}")
            if not status:
                failed = ApiError(500, "internal", "something went wrong in the server")
                await failed.response(request_id)(scope, receive, answer)
        path = scope["path"] if scope["path"] in self.paths else "other"
        seconds = time.perf_counter() - started
        self.metrics.requests.labels(path, str(status)).inc()
        self.metrics.seconds.labels(path).observe(seconds)
        if path not in self.quiet or status >= 400:
            note = state.get("note", "")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            say(f"{request_id} {method} {path} {status} {seconds * 1000:.1f} ms{note}")


def _request_id(scope: Scope) -> str:
    """Return the id that the client gave, where it is one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode())
    return uuid.uuid4().hex[:16]


def _where(error: BaseException) -> str:
    """Return the kind of an error and the line it came from; its text may hold a user's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
