"""Predict a file of any size, shard after shard, in memory that does not grow."""

from dataclasses import dataclass
from pathlib import Path

from pet_mtl.bulk.score import write_shard
from pet_mtl.bulk.shards import ShardRequest, claim_folder, finish, make_folder
from pet_mtl.console import say
from pet_mtl.scoring.loaded import LoadedCheckpoint, require_task
from pet_mtl.storage.lock import held
from pet_mtl.text import counted


@dataclass(frozen=True)
class ShardsDone:
    """What a run did.

    Attributes:
        out: the folder of the shards.
        shards: how many the rows make.
        rows: in all.
        made: shards that this run wrote; the others were there.
        busy: shards that another process had in hand when this run came by.
    """

    out: Path
    shards: int
    rows: int
    made: int
    busy: int


def predict_shards(request: ShardRequest) -> ShardsDone:
    """Write the shards that are not there.

    Several processes may work on one folder: each shard is held by a lock that the system frees
    with its process.

    Raises:
        PetMtlError: the checkpoint or a row is not right; the folder holds other predictions.
            Shards before a bad row are kept.
        RunError: the rows or the checkpoint were changed while they were read.
    """
    loaded = LoadedCheckpoint(request.checkpoint)
    task = require_task(loaded.suite, request.task, f"--data {request.task}={request.source}")
    make_folder(request.out)
    with held(request.out / ".lock", wait=True):
        claim_folder(request)
    loaded.require_unchanged()  # since then: the folder says what its shards are made from
    rows, shards = 0, 0
    made, busy = 0, 0
    for number, part in enumerate(request.parts(task)):
        rows, shards = rows + len(part), number + 1
        if request.done(number):
            continue
        with held(request.out / f".{request.file(number).name}.lock") as ours:
            if not ours:
                busy += 1
            elif not request.done(number):  # by another process, a moment ago
                write_shard(loaded, request, number, part)
                made += 1
                say(f"wrote {request.file(number).name}: {counted(rows, 'row')} so far")
    if all(map(request.done, range(shards))):  # the last of several processes finds that
        with held(request.out / ".lock", wait=True):
            for left in request.out.glob(".part-*.lock"):  # of killed processes
                with held(left):
                    pass
            finish(request, shards, rows)
    return ShardsDone(request.out, shards, rows, made, busy)
