"""A socket, and an application on it until it is told to stop."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.serving.limits import Limits
from pet_mtl.serving.protocol import timed_protocol
from pet_mtl.stop_signals import heard

_HEAD_BYTES = 32 << 10
_QUEUE = 1024  # connections that the system keeps until they are taken
_AT_ONCE = 64  # connections that are taken before the first of them is looked at
_REFUSED = 64  # connections beside those that are served, which are told so
_OTHER_FILES = 128  # of the process: libraries, weights, sockets between its threads
STOPPED = 130  # the exit status after Ctrl-C


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Raises:
        PetMtlError: it is none of this machine, or in use.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise PetMtlError(f"no address of this machine: {error}", where=f"--host {host}") from error
    # asyncio turns Nagle's algorithm off only where the protocol is named: else each answer waits
    # 40 ms for an acknowledgement
    family, _, protocol = found[:3]
    opened = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(found[4])
        opened.listen(_QUEUE)
        opened.set_inheritable(True)
    except OSError as error:
        opened.close()
        raise PetMtlError(
            f"cannot listen here: {error.strerror or error}",
            where=f"{host}:{port}",
            hint="choose another port with `--port N`; `--port 0` takes a free one",
        ) from error
    return opened


def address_of(opened: socket.socket, host: str) -> str:
    """Return the address to open in a browser."""
    port = opened.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def most_connections(wanted: int) -> int:
    """Return how many connections may be served at once, after asking the system for as many open
    files: asyncio logs each connection that finds none left, thousands a second."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    besides = _REFUSED + 3 * _AT_ONCE + _OTHER_FILES  # one that is cut off takes three turns
    now, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < wanted + besides:  # also infinity, which is -1
        now = wanted + besides if hard == resource.RLIM_INFINITY else min(wanted + besides, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, hard))
    return max(1, min(wanted, now - besides))


class _Server(uvicorn.Server):
    """A server that remembers why it was stopped and lets its caller decide how the process
    ends."""

    stopped_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for opened in sockets or []:
            opened.listen(_QUEUE)  # asyncio's backlog is both: how many wait, and `_AT_ONCE`

    def drop(self) -> None:
        """End all connections: from Python 3.12 on asyncio waits for them, whatever uvicorn
        wants."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def stop(number: int, frame: object) -> None:
            self.force_exit = self.stopped_by is not None and number == signal.SIGINT
            self.stopped_by = self.stopped_by or number
            self.should_exit = True
            if self.force_exit:
                loop.call_soon_threadsafe(self.drop)

        before = {number: signal.signal(number, stop) for number in heard()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run_server(
    app: ASGIApp,
    opened: socket.socket,
    limits: Limits,
    *,
    on_start: Callable[[Callable[[], None]], None] = lambda stop: None,
) -> int:
    """Answer requests until SIGINT, SIGTERM or SIGHUP, then answer what was accepted, and return
    the exit status: 0, or 130 after Ctrl-C.

    Args:
        on_start: called with a function that stops the server, which any thread may call.

    Raises:
        RunError: the application could not start.
    """
    connections = most_connections(limits.connections)
    config = uvicorn.Config(
        app,
        http=timed_protocol(limits.header_seconds, limits.send_seconds, connections + _REFUSED),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        backlog=_AT_ONCE,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_graceful_shutdown=int(limits.drain_seconds),
    )
    # what it says of itself is ours to say; its errors bear texts of requests
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True

    on_start(stop)
    try:
        asyncio.run(server.serve(sockets=[opened]))
    except SystemExit as ended:
        raise RunError("the server could not start") from ended
    return STOPPED if server.stopped_by == signal.SIGINT else 0
