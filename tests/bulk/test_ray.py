"""Predictions by Ray Data: what shards at once give, after kills too. Ray's processes talk over
127.0.0.1 only."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy_suite

from pet_mtl.bulk.run import predict_shards
from pet_mtl.bulk.shards import ShardRequest

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="the extra `ray` is not installed")

LOCAL = {
    **{name: text for name, text in os.environ.items() if name != "RAY_ADDRESS"},
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
    # a cluster of several machines wants one from all who join it
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
}


def parts(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("part-*")}


def command(checkpoint: Path, rows: Path, out: Path, size: int, workers: int = 2) -> list[str]:
    return [
        *(sys.executable, "-m", "pet_mtl", "predict", str(checkpoint)),
        *("--data", f"topic={rows}", "--out", str(out), "--shard-rows", str(size)),
        *("--engine", "ray", "--workers", str(workers)),
    ]


@pytest.fixture
def wanted(checkpoint: Path, rows: Path, tmp_path: Path) -> dict[str, bytes]:
    predict_shards(ShardRequest(checkpoint, "topic", str(rows), tmp_path / "local", 10))
    return parts(tmp_path / "local")


def test_a_killed_run_goes_on(checkpoint: Path, tmp_path: Path) -> None:
    """The driver is killed when some shards are there; these are kept, byte for byte and untouched,
    and the same command makes the others."""
    cells = [[f"id-{n}", "新闻体育"[n % 4] * (n % 7 + 1), "?"] for n in range(400)]
    rows, out = toy_suite.write_rows(tmp_path / "many.tsv", cells), tmp_path / "ray"
    predict_shards(ShardRequest(checkpoint, "topic", str(rows), tmp_path / "local", 2))
    line = command(checkpoint, rows, out, 2)
    with subprocess.Popen(
        line, env=LOCAL, start_new_session=True, stderr=subprocess.DEVNULL
    ) as driver:
        end = time.monotonic() + 200
        while len(parts(out)) < 3 and driver.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.005)
        os.killpg(driver.pid, signal.SIGKILL)
    time.sleep(2)  # Ray's processes end with their driver
    before = {name: (out / name).stat().st_mtime_ns for name in parts(out)}
    assert 3 <= len(before) < 200
    assert '"rows_in_all"' not in (out / "_shards.json").read_text()
    done = subprocess.run(line, env=LOCAL, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert f"400 rows in 200 shards, {200 - len(before)} of them made now" in done.stderr
    assert parts(out) == parts(tmp_path / "local")
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before
    left = {file.name for file in out.iterdir()} - set(parts(out))
    assert left <= {"_shards.json", ".lock"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A cluster of one machine that is there already, as a user has one; two GPUs in its books."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("ray")
    start = [str(program), "start", "--head", "--block", "--num-cpus", "4", "--num-gpus", "2"]
    start += ["--node-ip-address", "127.0.0.1", "--port", str(port), "--include-dashboard=false"]
    folder = f"/tmp/pet-mtl-ray-{port}"  # sockets lie there: tmp_path is too long for them
    start += ["--temp-dir", folder, "--disable-usage-stats"]
    with subprocess.Popen(
        start,
        env=LOCAL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as head:
        end = time.monotonic() + 100
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
        head.terminate()
        try:
            head.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(head.pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_cluster_that_is_there(
    cluster: str, checkpoint: Path, rows: Path, tmp_path: Path, wanted: dict[str, bytes]
) -> None:
    """More workers are asked for than there are GPUs."""
    line = command(checkpoint, rows, tmp_path / "ray", 10, workers=5)
    environment = LOCAL | {"RAY_ADDRESS": cluster}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert parts(tmp_path / "ray") == wanted


def test_no_cluster_answers(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    line = command(checkpoint, rows, tmp_path / "ray", 10)
    environment = LOCAL | {"RAY_ADDRESS": "auto", "RAY_TMPDIR": str(tmp_path)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2, done.stderr
    assert "no Ray cluster answers there" in done.stderr
    assert "Traceback" not in done.stderr
