"""`pet-mtl serve`: what keeps it from starting."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from called import Call

from pet_mtl.serving import extra


@pytest.fixture
def installed() -> None:
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")


def test_without_the_extra_one_line_says_what_to_install(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch, checkpoint: Path
) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "fastapi" else name)
    words = refuse("serve", checkpoint)
    assert words == "error: `pet-mtl serve` needs fastapi: pip install 'pet-mtl[studio]'\n"


def test_the_core_is_imported_without_it() -> None:
    import subprocess

    code = (
        "import sys; sys.modules.update(dict.fromkeys(['fastapi', 'uvicorn', 'starlette', "
        "'prometheus_client']))\nimport pet_mtl.cli.main"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("installed")
def test_other_addresses_need_a_token(refuse: Callable[..., str], checkpoint: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        words = refuse("serve", checkpoint, "--host", host)
        assert f"--host {host}: an address that other machines can reach needs a token" in words
        assert "PET_MTL_TOKEN" in words
    assert "visible ASCII" in refuse("serve", checkpoint, "--host", "0.0.0.0", "--token", "a b")
    assert "needs a token" in refuse("serve", checkpoint, "--host", "0.0.0.0", "--token", "")


@pytest.mark.usefixtures("installed")
def test_a_port_that_is_taken(refuse: Callable[..., str], checkpoint: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        words = refuse("serve", checkpoint, "--port", port)
    assert f"127.0.0.1:{port}: cannot listen here" in words
    assert "--port 0" in words


@pytest.mark.usefixtures("installed")
def test_no_checkpoint(refuse: Callable[..., str], tmp_path: Path) -> None:
    assert "there is no such folder" in refuse("serve", tmp_path / "none", "--port", "0")
    assert "no address of this machine" in refuse(
        "serve", tmp_path, "--host", "no.such.host.invalid", "--token", "abc"
    )
    assert "cannot listen here" in refuse(
        "serve", tmp_path, "--host", "192.0.2.1", "--token", "abc", "--port", "0"
    )


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("processes", ["1", "2"])
def test_nothing_is_announced_before_the_checkpoints_are_right(
    call: Call, checkpoint: Path, processes: str
) -> None:
    (checkpoint / "config.json").write_text("{}", encoding="utf-8")
    ran = call("serve", checkpoint, "--port", "0", "--workers", processes)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {checkpoint / 'config.json'}: ")
    assert ran.err.count("error: ") == 1


@pytest.mark.usefixtures("installed")
def test_answers_wait_for_no_acknowledgement() -> None:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from pet_mtl.serving.server import open_socket

    async def delays() -> int:
        found = asyncio.get_running_loop().create_future()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            found.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with open_socket("127.0.0.1", 0) as opened:
            async with await asyncio.start_server(connected, sock=opened):
                _, writer = await asyncio.open_connection(*opened.getsockname())
                nodelay = await found
                writer.close()
                return int(nodelay)

    with ThreadPoolExecutor(1) as pool:  # a browser's tests have a loop in this thread
        assert pool.submit(asyncio.run, delays()).result()
