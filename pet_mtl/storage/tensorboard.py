"""The run's figures for TensorBoard, where it is installed (the extra `tensorboard`)."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any


class TensorBoard:
    """Write the records of `metrics.jsonl` to `OUT/tensorboard` as scalars; without TensorBoard do
    nothing.

    Args:
        path: the run's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / "tensorboard"
        self._wanted = find_spec("tensorboard") is not None
        self._writer: Any = None

    def write(self, record: dict[str, Any]) -> None:
        """Write one record, `{"step": …, "loss": {task: …}}` or `{"step": …, "dev": {task: {metric:
        …}}}`."""
        if not self._wanted:
            return
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # A resumed run repeats steps: what was written beyond its first one is hidden.
            self._writer = SummaryWriter(str(self.path), purge_step=record["step"])
        for name, value in scalars(record).items():
            self._writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def scalars(record: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a record under slash-separated names.

    >>> scalars({"step": 20, "loss": {"tnews": 1.5}, "rows": 640})
    {'loss/tnews': 1.5, 'rows': 640}
    """
    found: dict[str, float] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            found |= scalars(value, f"{prefix}{key}/")
        elif prefix or key != "step":
            found[f"{prefix}{key}"] = value
    return found
