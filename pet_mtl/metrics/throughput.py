"""How fast rows were worked on."""

from dataclasses import dataclass


@dataclass
class Throughput:
    """What was scored in how long, the first batch of several left out: it pays for start-up.

    Attributes:
        rows: rows scored in `seconds`.
        tokens: real tokens among them.
        seconds: wall time.
    """

    rows: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, float]:
        seconds = max(self.seconds, 1e-9)
        return {
            "samples_per_second": round(self.rows / seconds, 1),
            "tokens_per_second": round(self.tokens / seconds, 1),
        }
