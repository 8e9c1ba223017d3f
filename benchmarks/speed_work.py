"""What all kinds of jobs that `speed.py` measures have in common, and what they are measured by:
floating-point operations of rows, the fastest matrix products of the machine."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Turn = dict[str, Any]
Job = dict[str, Any]


class Work:
    """Something that can be done again and again for a turn.

    Args:
        job: `seconds` of a turn, and what the kind needs.
    """

    facts: dict[str, Any]

    def __init__(self, job: Job) -> None:
        self.job, self.facts = job, {}
        self.seconds: float = job["seconds"]

    def _all(self) -> int:
        """Do all of it once and return its rows."""
        raise NotImplementedError

    def turn(self) -> Turn:
        seconds, rows = self.repeat(self._all)
        return {"rate": rows / seconds}

    def close(self) -> Turn:
        return {}

    def repeat(self, once: Callable[[], int]) -> tuple[float, int]:
        """Call until the time is up; return the seconds, until a GPU is done too, and the sum of
        what was returned."""
        wait_for_gpu()
        done, began = 0, time.perf_counter()
        while True:
            done += once()
            if time.perf_counter() - began >= self.seconds:
                wait_for_gpu()
                return time.perf_counter() - began, done


def wait_for_gpu() -> None:
    """Wait until a GPU, where there is one, has done what it was given."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()


def read_titles(file: str, count: int | None = None) -> list[list[str]]:
    """Return rows `id, title, label`."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[:count]]


class RowCost:
    """Floating-point operations that rows cost a BERT.

    Counted are the products alone: 2 for each weight of a linear layer and each real token, and the
    two of attention; of the MLM head the transform at the slots. `needed` leaves out what nobody
    reads of the last layer: queries, attention and feed-forward at all places but the slots.
    """

    def __init__(self, config: Any, lengths: Any) -> None:
        width, inner = config.hidden_size, config.intermediate_size
        layers, real = config.num_hidden_layers, lengths.astype(float)
        layer = 2 * (4 * width**2 + 2 * width * inner) * real + 4 * width * real**2
        keys = 4 * width**2 * real
        at_slot = 2 * (2 * width**2 + 2 * width * inner) + 4 * width * real
        head = 2 * width**2
        self.plain = float((layers * layer + head).mean())
        self.needed = float(((layers - 1) * layer + keys + at_slot + head).mean())


def latencies(seconds: Sequence[float]) -> Turn:
    """Return median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    return {
        "ms": 1e3 * statistics.median(ordered),
        "p95_ms": 1e3 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
    }


class Peak(Work):
    """The fastest product of fitting matrices, in FLOP a second: what the hardware can.

    Tried are `[2048, H] x [H, 4 H]`, as in a layer, and larger ones; the best counts.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        import torch

        kind = torch.bfloat16 if job["precision"] == "bf16" else torch.float32
        device = "cuda" if torch.cuda.is_available() else "cpu"
        width = job["hidden"]
        sizes = {(2048, width, 4 * width), (4096, 768, 3072), (2048, 2048, 2048)}
        if device == "cuda":
            sizes |= {(65536, width, 4 * width), (8192, 8192, 8192)}
        self.pairs = [
            (
                torch.randn(rows, inner, device=device).to(kind),
                torch.randn(inner, columns, device=device).to(kind),
            )
            for rows, inner, columns in sorted(sizes)
        ]
        self.in_a_row = 20 if device == "cuda" else 1  # products that are waited for together
        self.facts = {"precision": job["precision"]}
        for left, right in self.pairs:
            left @ right

    def turn(self) -> Turn:
        best = {}
        whole, self.seconds = self.seconds, self.seconds / len(self.pairs)
        for left, right in self.pairs:

            def once(left: Any = left, right: Any = right) -> int:
                for _ in range(self.in_a_row):
                    left @ right
                wait_for_gpu()
                return self.in_a_row

            seconds, times = self.repeat(once)
            shape = f"{left.shape[0]}x{left.shape[1]}x{right.shape[1]}"
            best[shape] = 2 * left.numel() * right.shape[1] * times / seconds
        self.seconds = whole
        return {"flop_per_second": max(best.values()), "by_shape": best}
