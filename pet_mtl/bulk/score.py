"""One shard's rows to the bytes of its file."""

import io
from pathlib import Path

from pet_mtl.atomic import write_bytes
from pet_mtl.bulk.shards import ShardRequest
from pet_mtl.data.rows import Rows
from pet_mtl.leftovers import sweep
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.scoring.prediction_writers import record_table
from pet_mtl.scoring.records import WRITERS, Details, Predicted


def write_shard(loaded: LoadedModel, request: ShardRequest, number: int, rows: Rows) -> Path:
    """Score the rows of a shard and write its file; return it."""
    log_probs = loaded.log_probs({request.task: rows}, title=f"shard {number}")[request.task]
    predicted = Predicted(loaded.suite.tasks[request.task], rows, log_probs)
    file = request.file(number)
    sweep(file)
    write_bytes(file, shard_bytes(predicted, request.output, request.details))
    return file


def shard_bytes(predicted: Predicted, output: str, details: Details) -> bytes:
    """Return the bytes of a shard's file; parquet has the columns of csv."""
    if output != "parquet":
        return WRITERS[output](predicted, details, True).encode("utf-8", errors="replace")
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(record_table(predicted, details), out)
    return out.getvalue()
