"""A folder of shards: what its predictions depend on, and which are done.

A shard is a file that appears whole. The manifest says what all of them were made from, so that a
stopped run goes on only with the same rows and the same model.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pet_mtl.atomic import require_folder, write_errors, write_text
from pet_mtl.data.rows import Rows
from pet_mtl.data.sources import find_files
from pet_mtl.data.streams import stream_rows
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.leftovers import sweep
from pet_mtl.scoring.records import PLAIN, Details
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import indented_json

ShardFormat = Literal["jsonl", "csv", "tsv", "parquet"]
SHARDS = "_shards.json"  # readers of folders, such as Arrow, pass over it
VERSION = 2
_BLOCK, _BLOCKS = 1 << 14, 64  # bytes of a block, blocks of a sample


@dataclass(frozen=True)
class ShardRequest:
    """What to predict, and how it is cut.

    Attributes:
        checkpoint: its folder.
        task: whose rows they are.
        source: a file or glob.
        out: the folder of the shards.
        rows: of a shard.
        output: the format of the files.
        details: what stands beside a label.
        header: as `stream_rows` has it.
    """

    checkpoint: Path
    task: str
    source: str
    out: Path
    rows: int
    output: ShardFormat = "jsonl"
    details: Details = PLAIN
    header: bool | None = None

    def file(self, number: int) -> Path:
        """Return the file of a shard, numbered from 0."""
        return self.out / f"part-{number:05d}.{self.output}"

    def done(self, number: int) -> bool:
        return self.file(number).is_file()

    def parts(self, task: TaskSpec) -> Iterator[Rows]:
        """Yield the rows of each shard, see `stream_rows`."""
        return stream_rows(self.source, task, base=Path(), size=self.rows, header=self.header)


def make_folder(out: Path) -> None:
    """Make the folder of the shards, where it is not there.

    Raises:
        PetMtlError: it cannot be written; see `require_folder`.
    """
    require_folder(out)
    with write_errors(out):
        out.mkdir(parents=True, exist_ok=True)


def claim_folder(request: ShardRequest) -> None:
    """Note in the folder what its shards are made from, after checking that those which are there
    were made from the same.

    Raises:
        PetMtlError: the folder holds other predictions, or files that are none.
    """
    now = _made_from(request)
    file = request.out / SHARDS
    sweep(file)
    if not file.is_file():
        if any(request.out.glob("part-*")):
            raise PetMtlError(
                f"holds predictions without a `{SHARDS}`",
                where=str(request.out),
                hint="choose another folder with `--out DIR`",
            )
        write_text(file, indented_json(now))
        return
    changed = _changed(now, read_manifest(file))
    if changed:
        raise PetMtlError(
            f"the predictions in this folder were made from something else: {changed} changed",
            where=str(request.out),
            hint="put that back, or choose another folder with `--out DIR`",
        )


def finish(request: ShardRequest, shards: int, rows: int) -> None:
    """Note how many shards and rows there are: all are done.

    Raises:
        RunError: what they are made from is another by now, so the shards may hold rows of both;
            the folder goes on saying what they were begun with.
    """
    now, begun = _made_from(request), read_manifest(request.out / SHARDS)
    if changed := _changed(now, begun):
        raise RunError(
            f"{changed} changed while it was read: the shards may hold rows of before and after",
            where=str(request.out),
            hint="predict again into another folder with `--out DIR`",
        )
    done = {**now, "shards": shards, "rows_in_all": rows}
    write_text(request.out / SHARDS, indented_json(done))


def _changed(now: Mapping[str, Any], then: Mapping[str, Any]) -> str:
    """Name what the shards were made from that is another now."""
    return ", ".join(f"`{key}`" for key in now if then.get(key) != now[key])


def read_manifest(file: Path) -> dict[str, Any]:
    """Return what a folder of shards says of itself.

    Raises:
        PetMtlError: the file is damaged, or of another version of pet-mtl.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or type(found.get("version")) is not int:
            raise ValueError("no manifest of shards")
    except (OSError, ValueError, RecursionError) as error:
        raise PetMtlError(
            f"damaged: {error}", where=str(file), hint="choose another folder with `--out DIR`"
        ) from error
    if found["version"] != VERSION:
        raise PetMtlError(
            f"these predictions were begun by another version of pet-mtl (their format is "
            f"{found['version']}, this one's {VERSION})",
            where=str(file),
            hint="go on with that version, or choose another folder with `--out DIR`",
        )
    return found


def _made_from(request: ShardRequest) -> dict[str, Any]:
    """Return all that the shards depend on."""
    manifest = (request.checkpoint / MANIFEST).read_bytes()  # holds the sum of every file
    return {
        "version": VERSION,
        "task": request.task,
        "checkpoint": hashlib.sha256(manifest).hexdigest()[:16],
        "source": [_identity(path) for path in find_files(request.source, Path())],
        "shard_rows": request.rows,
        "format": request.output,
        "details": asdict(request.details),
        "header": request.header,
    }


def _identity(path: Path) -> Mapping[str, Any]:
    status = path.stat()
    sample = _sample(path, status.st_size)
    return {
        "file": path.name,
        "bytes": status.st_size,
        "changed": status.st_mtime_ns,
        "sample": sample,
    }


def _sample(path: Path, size: int) -> str:
    """Return a digest of a file's content, beyond 1 MiB of blocks spread over it: another file may
    have the same size and, by `cp -p` or a coarse clock, the same time."""
    digest = hashlib.sha256()
    with suppress(OSError), path.open("rb") as file:  # what reads the rows says why it cannot
        for block in range(_BLOCKS):
            file.seek(max(0, size - _BLOCK) * block // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK))
    return digest.hexdigest()[:16]
