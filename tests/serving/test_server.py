"""The server as a process: signals, clients that are slow, gone or hostile, several processes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from pet_mtl.serving.server import most_connections

MAIN = """
from pet_mtl.serving import limits
limits.Limits.__init__.__defaults__ = (*limits.Limits.__init__.__defaults__[:5], 1.0, 1.5, 30.0, 1.5, 20.0)
from pet_mtl.__main__ import main
main()
"""  # shorter time-outs: what waits for them is tested in seconds
PATIENT = "from pet_mtl.__main__ import main\nmain()"

pytestmark = pytest.mark.slow


class Running:
    def __init__(self, folder: Path, log: Path, *arguments: str, program: str = MAIN) -> None:
        self.log = log
        with log.open("w", encoding="utf-8") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, "serve", str(folder), "--port", "0", *arguments],
                stderr=stderr,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        self.port = int(self.wait_for(r"listening on http://127\.0\.0\.1:(\d+)")[1])

    def wait_for(self, pattern: str, count: int = 1) -> Any:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            found = list(re.finditer(pattern, self.said()))
            if len(found) >= count:
                return found[-1]
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)
        raise AssertionError(self.said())

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, body: bytes, head: str = "") -> tuple[int, Any]:
        with self.connect() as client:
            client.sendall(request(body, f"Connection: close\r\n{head}"))
            return read(client)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def request(body: bytes, head: str = "") -> bytes:
    start = (
        f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{head}\r\n"
    )
    return start.encode() + body


def read(client: socket.socket) -> tuple[int, Any]:
    """Read an answer up to the end of the connection; status 0 stands for none."""
    data = b""
    while piece := client.recv(65536):
        data += piece
    if not data:
        return 0, None
    head, _, body = data.partition(b"\r\n\r\n")
    is_json = b"application/json" in head.lower()
    return int(head.split(b" ")[1]), json.loads(body) if is_json else body


ROWS = json.dumps({"task": "topic", "rows": ["一条新闻"] * 64}, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def start(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start_(*arguments: str, program: str = MAIN) -> Running:
        log = tmp_path_factory.mktemp("server") / "log"
        running.append(Running(made, log, *arguments, program=program))
        running[-1].wait_for("ready: topic, pair")
        return running[-1]

    yield start_
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.fixture(scope="module")
def server(start: Callable[..., Running]) -> Running:
    return start("--max-body", "20000", "--max-queue", "500")


def test_slow_heads_and_bodies_are_ended_and_others_are_served(server: Running) -> None:
    with server.connect() as head, server.connect() as body, server.connect() as silent:
        head.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        body.sendall(request(ROWS)[:-20])
        began = time.monotonic()

        def drip() -> None:  # a byte now and then buys no time
            try:
                while time.monotonic() - began < 8:
                    head.sendall(b"X")
                    time.sleep(0.2)
            except OSError:
                pass

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert server.ask(ROWS)[0] == 200
        status, error = read(body)
        assert (status, error["error"]["code"]) == (408, "too_slow")
        assert ended(head)
        assert ended(silent)
        assert time.monotonic() - began < 7
        dripping.join()


def ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_large_body_is_refused_and_nothing_is_kept(server: Running) -> None:
    body = b'{"task": "topic", "rows": ["' + b"a" * 3_000_000 + b'"]}'
    status, error = server.ask(body)
    assert (status, error["error"]["code"]) == (413, "body_too_large")
    # one that waits for leave is not given it
    with server.connect() as client:
        client.sendall(
            request(b"", "Expect: 100-continue\r\n").replace(b"Length: 0", b"Length: 99999")
        )
        assert read(client)[0] == 413
    assert server.ask(ROWS)[0] == 200


def test_clients_that_go_away_cost_nothing(server: Running) -> None:
    before = server.said().count(" 499 ")
    for number in range(30):
        client = server.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(request(ROWS) if number % 2 else request(ROWS)[:100])
        client.close()  # resets the connection
    server.wait_for(" 499 ", before + 10)
    end = time.monotonic() + 30
    while (status := server.ask(ROWS)[0]) == 429 and time.monotonic() < end:
        time.sleep(0.05)  # the last of them are still being cleared away
    assert status == 200  # their rows are out of the queue


def test_hostile_heads(server: Running) -> None:
    for head in (
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET /v1/tasks HTTP/1.1\r\n\r\n",
        b"GET /v1/tasks HTTP/1.0\r\n\r\n",
        b"GET http://evil.example/v1/tasks HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with server.connect() as client:
            try:
                client.sendall(head)
                client.shutdown(socket.SHUT_WR)
                status, _ = read(client)
            except TimeoutError:
                raise
            except OSError:  # it hung up, at whichever of the three the client then was
                status = 0
            assert status in (0, 400, 422), head
    assert server.ask(ROWS)[0] == 200
    assert "Traceback" not in server.said()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_what_was_accepted_is_answered_before_the_end(
    start: Callable[..., Running], number: int, code: int
) -> None:
    server = start("--batch-tokens", "200")
    answers: list[int] = []
    asked = threading.Barrier(21)

    def ask() -> None:
        with server.connect() as client:
            client.sendall(request(ROWS))
            asked.wait(20)
            answers.append(read(client)[0])

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    asked.wait(20)
    time.sleep(0.1)  # the server has read them
    assert server.end(number) == code
    for thread in threads:
        thread.join()
    assert answers == [200] * 20
    assert ("stopped" in server.said()) == (number == signal.SIGINT)


def test_several_processes_share_a_socket_and_their_counts(start: Callable[..., Running]) -> None:
    server = start("--workers", "2")
    server.wait_for("ready: topic, pair", 2)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    workers = [int(pid) for pid in children.read_text().split()]
    assert len(workers) == 2
    for _ in range(12):
        assert server.ask(ROWS)[0] == 200
    with server.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        counts = read(client)[1].decode()
    assert 'pet_mtl_requests_total{path="/v1/predict",status="200"} 12.0' in counts
    os.kill(workers[0], signal.SIGKILL)
    server.wait_for("ready: topic, pair", 3)
    assert f"worker {workers[0]} ended with status -9; starting another" in server.said()
    assert server.ask(ROWS)[0] == 200
    now = [int(pid) for pid in children.read_text().split()]
    assert server.end(signal.SIGINT) == 130
    for pid in now:
        assert not Path(f"/proc/{pid}").exists()


def test_a_second_ctrl_c_ends_several_processes_at_once(start: Callable[..., Running]) -> None:
    server = start("--workers", "2", program=PATIENT)
    server.wait_for("ready: topic, pair", 2)
    with server.connect() as client:
        client.sendall(request(ROWS)[:-20])  # the rest has 20 seconds
        time.sleep(0.5)
        began = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert server.process.poll() is None
        with pytest.raises(ConnectionRefusedError):  # it would wait for an answer that never comes
            server.connect()
        assert server.end(signal.SIGINT) == 130
        assert time.monotonic() - began < 15
    assert "Traceback" not in server.said()


@pytest.mark.parametrize(
    ("open_files", "hard", "allowed", "served"),
    [
        (1024, 4096, 1408, 1024),
        (256, -1, 1408, 1024),
        (5000, 5000, 5000, 1024),
        (900, 900, 900, 516),
    ],
)
def test_no_more_connections_than_open_files(
    open_files: int, hard: int, allowed: int, served: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    limits = [(open_files, hard)]
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, to: limits.append(to))
    assert most_connections(1024) == served
    assert limits[-1] == (allowed, hard)
