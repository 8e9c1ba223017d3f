"""What Prometheus reads."""

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

MULTIPROC = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client keeps the counts of several processes
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The counters of one process; no label of theirs holds anything of a request but known
    names."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "pet_mtl_requests_total",
            "Answers, by path and status.",
            ["path", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "pet_mtl_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.rows = Counter(
            "pet_mtl_rows_total", "Rows predicted.", ["model", "task"], registry=self.registry
        )
        self.batch_rows = Histogram(
            "pet_mtl_batch_rows",
            "Rows that were scored together.",
            buckets=_ROWS,
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "pet_mtl_batch_seconds",
            "Time that scoring them took.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queue_rows = Gauge(
            "pet_mtl_queue_rows",
            "Rows that wait for the model.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.reloads = Counter(
            "pet_mtl_reloads_total",
            "Changed checkpoints that were read again, by result.",
            ["model", "result"],
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Return the counts in Prometheus' text format, those of all processes together."""
        if MULTIPROC not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
