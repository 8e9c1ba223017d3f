"""Shards by Ray Data: a pool of actors, each with the checkpoint in memory, on one machine or many.

The rows of the shards that are not done are written to `OUT/.rows/` first, one Arrow file a shard,
so that an actor reads its own shard alone; on a cluster `OUT` and the checkpoint must lie where all
nodes see them. A shard is one unit of work and of resuming.
"""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from pet_mtl.bulk.run import ShardsDone
from pet_mtl.bulk.score import write_shard
from pet_mtl.bulk.shards import ShardRequest, claim_folder, finish, make_folder
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.scoring.loaded import LoadedCheckpoint, require_task
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.lock import held

_THREADS = 1  # of an actor; Ray reserves as many CPUs
_IDS = "id "  # no field's name: names have no spaces


class ShardScorer:
    """What an actor does: score shards with a checkpoint that it loads once."""

    def __init__(self, request: ShardRequest) -> None:
        import torch

        torch.set_num_threads(_THREADS)
        self._request = request
        self._loaded = LoadedCheckpoint(request.checkpoint)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Score the shards whose numbers are in the batch."""
        for number in batch["shard"].tolist():
            rows = _read(_rows_file(self._request.out, number))
            write_shard(self._loaded, self._request, number, rows)
        return batch


def predict_with_ray(request: ShardRequest, workers: int) -> ShardsDone:
    """Write the shards that are not there with a pool of actors.

    Args:
        workers: actors.

    Raises:
        PetMtlError: Ray is not installed; the checkpoint or a row is not right; the folder holds
            other predictions, or another run works in it.
        RunError: an actor failed; the shards that are done are kept. The rows or the checkpoint
            were changed while they were read.
    """
    ray = _require_ray()
    request = replace(request, checkpoint=request.checkpoint.resolve(), out=request.out.resolve())
    suite = read_checkpoint(request.checkpoint).suite
    require_task(suite, request.task, f"--data {request.task}={request.source}")
    make_folder(request.out)
    with held(request.out / ".lock") as ours:
        if not ours:
            raise PetMtlError("another run works in this folder", where=str(request.out))
        claim_folder(request)
        waiting = request.out / ".rows"
        shutil.rmtree(waiting, ignore_errors=True)
        waiting.mkdir()
        try:
            todo, shards, rows = _write_waiting(request, suite)
            if todo:
                _score(ray, request, todo, workers)
        finally:
            shutil.rmtree(waiting, ignore_errors=True)
        finish(request, shards, rows)
    return ShardsDone(request.out, shards, rows, made=len(todo), busy=0)


def _require_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine unasked
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise PetMtlError(
            "`--engine ray` needs Ray", hint='install it: pip install "pet-mtl[ray]"'
        ) from error
    return ray


def _write_waiting(request: ShardRequest, suite: Any) -> tuple[list[int], int, int]:
    """Write the rows of the shards that are not done; return these, and how many shards and rows
    there are."""
    todo, shards, rows = [], 0, 0
    for number, part in enumerate(request.parts(suite.tasks[request.task])):
        shards, rows = number + 1, rows + len(part)
        if not request.done(number):
            _write(_rows_file(request.out, number), part)
            todo.append(number)
    return todo, shards, rows


def _score(ray: Any, request: ShardRequest, todo: list[int], workers: int) -> None:
    started = not ray.is_initialized()
    if started:
        _join(ray, workers * _THREADS + 1)  # Ray Data's own tasks need a place, too
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        gpus = int(ray.cluster_resources().get("GPU", 0))  # hidden from actors that ask for none
        size = min(workers, len(todo), gpus or workers)
        items = [{"shard": number} for number in todo]
        done = ray.data.from_items(items, override_num_blocks=len(todo)).map_batches(
            ShardScorer,
            fn_constructor_args=(request,),
            batch_size=1,
            num_cpus=_THREADS,
            num_gpus=1 if gpus else 0,
            compute=ray.data.ActorPoolStrategy(size=size),
        )
        for number, _ in enumerate(done.iter_rows(), 1):
            say(f"shards: {number} of {len(todo)}")
    except ray.exceptions.RayError as error:
        cause = str(error).strip().splitlines()[-1]
        raise RunError(
            f"a Ray actor failed: {cause}", hint="the same command goes on with what is left"
        ) from error
    finally:
        if started:
            ray.shutdown()


def _join(ray: Any, cpus: int) -> None:
    """Join the cluster that `RAY_ADDRESS` names, or begin one on this machine.

    Raises:
        PetMtlError: there is no such cluster.
    """
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    address = os.environ.get("RAY_ADDRESS")
    if not address:  # `local`: not whatever cluster somebody runs on this machine
        ray.init(address="local", num_cpus=cpus, include_dashboard=False, **quiet)
        return
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise PetMtlError(
            f"no Ray cluster answers there: {lines[0]}",
            where=f"RAY_ADDRESS={address}",
            hint="give the address of its head, such as 10.0.0.1:6379, or unset it",
        ) from error


def _rows_file(out: Path, number: int) -> Path:
    return out / ".rows" / f"{number:05d}.arrow"


def _write(file: Path, rows: Rows) -> None:
    import pyarrow as pa

    table = pa.table({_IDS: rows.ids, **rows.fields})
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(file: Path) -> Rows:
    import numpy as np
    import pyarrow as pa

    from pet_mtl.data.rows import Sources

    with pa.OSFile(str(file)) as source:
        table = pa.ipc.open_file(source).read_all()
    fields = {name: table[name] for name in table.column_names if name != _IDS}
    return Rows(table[_IDS], fields, np.full(len(table), -1, np.int64), Sources())
