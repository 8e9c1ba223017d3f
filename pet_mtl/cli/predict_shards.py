"""`pet-mtl predict --shard-rows`."""

from pathlib import Path
from typing import cast, get_args

import typer

from pet_mtl.bulk.shards import ShardFormat, ShardRequest
from pet_mtl.cli.options import MissingOption
from pet_mtl.console import put_json, say
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.records import Details
from pet_mtl.text import counted, same_command


def predict_in_shards(
    context: typer.Context,
    checkpoint: Path,
    *,
    texts: list[str] | None,
    task: str | None,
    data: dict[str, str],
    out: Path | None,
    output: str | None,
    details: Details,
    header: bool | None,
    rows: int,
    workers: int | None,
    other: object,
    json_: bool,
) -> None:
    """Predict one file in shards, with Ray where there are `workers`.

    Args:
        other: what shards do not take, if any was given.

    Raises:
        PetMtlError: an option that shards do not take; see `pet_mtl.bulk.run.predict_shards`.
    """
    if output is not None and output not in get_args(ShardFormat):
        raise PetMtlError(
            f"shards cannot be `{output}`",
            where="--format",
            hint=f"one of {', '.join(get_args(ShardFormat))}",
        )
    if texts or len(data) != 1:
        raise PetMtlError(
            "shards are of one file",
            where="--shard-rows" if workers is None else "--engine ray",
            hint="give `--data TASK=FILE` once",
        )
    if task is not None:
        raise PetMtlError(
            "`--data TASK=FILE` names the task and the rows",
            where=f"--task {task}",
            hint="leave `--task` out",
        )
    if out is None or str(out) == "-":
        raise MissingOption("'--out' (a folder for the shards)", context)
    if other:
        raise PetMtlError(
            "shards are predicted with the checkpoint's own label words and calibration",
            hint="leave `--verbalizer` and `--calibration` out",
        )
    ((name, source),) = data.items()
    if source.startswith("hub:"):  # whether it is the same one when the run goes on is not known
        raise PetMtlError(
            "shards are of a file, and this is a data set of the hub",
            where=f"--data {name}={source}",
            hint="save it as a parquet file, or leave `--shard-rows` and `--engine` out",
        )
    request = ShardRequest(
        checkpoint, name, source, out, rows, cast(ShardFormat, output or "jsonl"), details, header
    )
    try:
        if workers is None:
            from pet_mtl.bulk.run import predict_shards

            done = predict_shards(request)
        else:
            from pet_mtl.bulk.ray_engine import predict_with_ray

            done = predict_with_ray(request, workers)
    except KeyboardInterrupt:
        say(f"{same_command(out)} goes on with the shards that are left")
        raise
    if json_:
        put_json({"out": str(out), "shards": done.shards, "rows": done.rows, "made": done.made})
    made = f"{counted(done.rows, 'row')} in {counted(done.shards, 'shard')}"
    say(f"{made}, {done.made:,} of them made now: {out}")
    if done.busy:
        say(f"left to another process: {counted(done.busy, 'shard')}")
