"""JSON that lies in folders of runs, read with bounds and types: anyone may have written it."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pet_mtl.console import say

LARGEST = 256 << 20  # bytes; the manifest of the largest suite is some MB
LONGEST_LINE = 4 << 20  # bytes; a line of a log has some numbers for each task

Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Numbers = dict[str, Number]


class _Record(BaseModel):
    """A line of `metrics.jsonl`; what is not named here is shown nowhere."""

    model_config = ConfigDict(extra="allow", strict=True)

    step: Count
    epoch: Count = 0
    loss: Numbers | Number = 0.0
    accuracy: Number = 0.0
    learning_rate: Number = 0.0
    rows: Count = 0
    tokens: Count = 0
    seconds: Number = 0.0
    dev: dict[str, Numbers] = {}
    mean_macro_f1: Number | None = None  # where no task has labels
    mean_score: Number = 0.0
    weights: Numbers = {}
    conflicts: Number = 0.0
    terms: Numbers = {}
    held_out: dict[str, Number | Numbers] = {}


def read_bounded(file: Path, most: int = LARGEST) -> str:
    """Return the text of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than any such file, or not UTF-8.
    """
    with file.open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ValueError(f"larger than {most >> 20} MiB")
    return data.decode("utf-8")


def read_records(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a `metrics.jsonl`, none where there is no file.

    A last line that a killed run left unfinished is dropped; so are damaged lines, which is said.
    """
    records: list[dict[str, Any]] = []
    damaged, size, whole = 0, 0, True
    if not file.is_file():
        return records
    with file.open("rb") as stream:
        while (line := stream.readline(LONGEST_LINE)) and size <= LARGEST:
            size += len(line)
            whole = line.endswith(b"\n")
            try:
                record = json.loads(line)
                _Record.model_validate(record)
                records.append(record)
            except (ValueError, RecursionError):
                damaged += whole
    if damaged:
        say(f"warning: {file}: {damaged} damaged lines are left out")
    return records
