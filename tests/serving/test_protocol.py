"""Clients that are slow after their answer was made."""

import asyncio
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

import uvicorn

from pet_mtl.serving.protocol import timed_protocol
from pet_mtl.serving.server import open_socket

CONNECTIONS = 8
SIZE = 60_000  # less than asyncio keeps for a client before it asks it to wait


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once, without a look at the body."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a" * SIZE})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server that gives a head 1 second and a reader half of one."""
    config = uvicorn.Config(
        app, http=timed_protocol(1.0, 0.5, CONNECTIONS), ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    with open_socket("127.0.0.1", 0) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        running = threading.Thread(target=lambda: asyncio.run(server.serve([opened])))
        running.start()
        yield opened.getsockname()[1]
        server.should_exit = True
        running.join()


def ask(port: int, head: bytes = b"") -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    client.connect(("127.0.0.1", port))
    client.settimeout(20)
    client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n" + head + b"\r\n")
    return client


def read(client: socket.socket, most: int = 10 * SIZE) -> int:
    """Return how many bytes come before the end of the connection, or before there are so many."""
    size = 0
    try:
        while size < most and (piece := client.recv(65536)):
            size += len(piece)
    except ConnectionResetError:
        pass
    return size


def test_a_reader_of_less_than_a_buffer_is_ended(port: int) -> None:
    with ask(port, b"Connection: close\r\n") as client:
        assert read(client) > SIZE
    for head in (b"", b"Connection: close\r\n"):
        with ask(port, head) as client:
            time.sleep(1.5)
            assert read(client) < SIZE


def test_a_body_behind_its_answer_is_ended(port: int) -> None:
    with ask(port, b"Content-Length: 1000000\r\n") as client:
        assert read(client, SIZE) >= SIZE
        began = time.monotonic()
        with pytest.raises(OSError, match=r"reset|pipe"):  # bytes now and then buy no time
            while time.monotonic() - began < 10:
                client.sendall(b"a")
                time.sleep(0.1)


def test_a_client_is_idle_after_a_late_body(port: int) -> None:
    with ask(port, b"Content-Length: 3\r\n") as client:
        assert read(client, SIZE) >= SIZE
        client.sendall(b"abc")
        began = time.monotonic()
        read(client)
        assert time.monotonic() - began < 10


def test_what_is_no_http_in_a_body_behind_its_answer_ends_the_connection(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with ask(port, b"Transfer-Encoding: chunked\r\n") as client:
        assert read(client, SIZE) >= SIZE
        client.sendall(b"no chunk\r\n")
        assert read(client) == 0
    assert "Fatal error" not in caplog.text


def test_idle_connections_beside_the_most_are_cut_off(port: int) -> None:
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS + 2)]
    try:
        cut, _, _ = select.select(clients, [], [], 20)  # the others are idle for a second
        assert cut
        assert clients[0] not in cut
        assert [read(client) for client in cut] == [0] * len(cut)
    finally:
        for client in clients:
            client.close()
