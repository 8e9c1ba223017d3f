"""Several processes of one run. They talk over 127.0.0.1 only."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack


def run_together(count: int, script: str, argument: str) -> list[subprocess.CompletedProcess[str]]:
    """Run a script in several processes, as `torchrun` and `accelerate launch` start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "ACCELERATE_USE_CPU": "true",
        "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", script, argument]
    done = []
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for rank in range(count)
        ]
        for process in processes:
            stack.callback(process.kill)  # before it is waited for
        for process in processes:
            out, err = process.communicate(timeout=300)
            done.append(subprocess.CompletedProcess(command, process.returncode, out, err))
    return done
