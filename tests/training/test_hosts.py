"""Two hosts, each with a launcher of its own that meets the other at an address: one run, one
result, and a host that dies. Both are this machine; they talk over 127.0.0.1 only."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from stopped_runs import saved_step
from toy_runs import weights_in

from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training.run import train

SETTINGS = ["train.epochs=10", "train.max_steps=60", "train.evaluate_every=5"]


def start(rank: int, port: int, home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the launcher of one host, as its user would: from a folder of its own."""
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
    command += ["--node-rank", str(rank), "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]
    command += ["--master-port", str(port), "-m", "pet_mtl", "train", *arguments]
    interface = "lo0" if sys.platform == "darwin" else "lo"
    package = str(Path(__file__).parents[2])
    return subprocess.Popen(
        command,
        cwd=home,
        env={
            **os.environ,
            "PYTHONPATH": package,
            "GLOO_SOCKET_IFNAME": interface,
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(home.parent),  # where torchrun leaves a folder of logs
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def kill(process: subprocess.Popen[str]) -> None:
    """End a host at once: its launcher, and the worker that it put into a session of its own."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)


Hosts = Callable[..., list[subprocess.Popen[str]]]


@pytest.fixture
def hosts(tmp_path: Path) -> "Hosts":
    """Start both hosts with the same command; none of them outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> list[subprocess.Popen[str]]:
        port = free_port()
        both = [start(rank, port, tmp_path / f"host-{rank}", *arguments) for rank in range(2)]
        started.extend(both)
        return both

    yield run  # type: ignore[misc]
    for process in started:
        if process.poll() is None:
            kill(process)
        process.communicate()


def assert_same(run: Path, alone: Path) -> None:
    expected, found = weights_in(alone / "checkpoint"), weights_in(run / "checkpoint")
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_two_hosts_are_one_though_one_of_them_dies(
    suite_file: Path, tmp_path: Path, hosts: Hosts
) -> None:
    """The other one ends, too; both go on from the last saved state."""
    suite: Suite = load_suite(suite_file, overrides=SETTINGS)
    alone = train(suite, tmp_path / "alone")
    out = tmp_path / "shared" / "run"
    settings = [part for text in SETTINGS for part in ("-s", text)]
    command = ["--patterns", str(suite_file), *settings]
    if sys.platform.startswith("linux"):  # `kill` asks /proc for processes
        first, second = hosts(*command, "--out", str(out))
        while saved_step(out) < 5:
            assert first.poll() is None, first.communicate()[1]
            time.sleep(0.01)
        kill(second)
        first.communicate(timeout=240)
        assert first.returncode != 0
        assert 5 <= saved_step(out) < 60
        command = ["--resume"]
    both = hosts(*command, "--out", str(out), "--json")
    done = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], done[0][1] + done[1][1]
    told = json.loads(done[0][0])
    assert done[1][0] == ""
    assert (told["best_step"], told["steps"]) == (alone.best_step, 60)
    for name, score in alone.scores.items():
        assert told["tasks"][name]["macro_f1"] == pytest.approx(score.to_json()["macro_f1"])
    assert_same(out, tmp_path / "alone")
    assert not list((tmp_path / "host-1").iterdir())
