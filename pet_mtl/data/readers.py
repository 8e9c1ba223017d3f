"""Read the rows of a task from wherever its data stands: a sample, files in several formats, the
hub."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pet_mtl.data.arrow import use_arrow
from pet_mtl.data.delimited import read_delimited
from pet_mtl.data.files import data_format
from pet_mtl.data.hub import read_hub
from pet_mtl.data.jsonl import read_json
from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.rows import Rows, Segment, Sources
from pet_mtl.data.sources import find_files
from pet_mtl.data.table import SHOWN, BadRows, Chunk, Request
from pet_mtl.data.targets import no_targets, read_targets
from pet_mtl.errors import PetMtlError, Problem, ProblemList
from pet_mtl.suite.task import TaskSpec

Reader = Callable[[Path, str, Request, BadRows], Iterator[Chunk]]
READERS: dict[str, Reader] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_delimited,
    ".json": read_json,
    ".jsonl": read_json,
    ".parquet": read_parquet,
}


def read_rows(
    source: str, task: TaskSpec, *, base: Path, labelled: bool = True, skip_bad_rows: int = 0
) -> tuple[Rows, list[Problem]]:
    """Read the rows that `source` names, and return them with the bad rows that were skipped.

    `source` is `sample:tnews/train`, a path or glob relative to `base`, or
    `hub:clue/clue:tnews/train`. Where the rows are not `labelled`, the label column may be missing,
    and labels that the verbalizer does not know become -1.

    Raises:
        PetMtlError: nothing is there or can be read, or more than `skip_bad_rows` rows are bad.
    """
    use_arrow()
    request = Request(task.columns, labelled, task.kind_spec.facts.target == "labels")
    problems = ProblemList()
    parts: list[Rows] = []
    files: list[BadRows] = []
    first_row = 0
    for path, make_chunks in _chunk_makers(source, base, request):
        bad = BadRows(path, keep=max(SHOWN, skip_bad_rows))
        try:
            chunks = [chunk for chunk in make_chunks(bad) if len(chunk.lines)]
            if not chunks and not bad.count:
                raise PetMtlError(
                    "the file holds no rows",
                    where=path,
                    hint="fill it, or name another file under `data:` (or `--data`)",
                )
            part, length = _rows(chunks, task, labelled, first_row, bad)
        except PetMtlError as error:
            problems.extend(error)
            continue
        first_row += length
        parts.append(part)
        files.append(bad)
    if sum(bad.count for bad in files) > skip_bad_rows:
        problems.problems.extend(problem for bad in files for problem in bad.shown())
    problems.raise_if_any()
    rows = Rows.concat(parts)
    if not len(rows):
        raise PetMtlError("no good row is left", where=source)
    return rows, [problem for bad in files for problem in bad.ordered()]


def _chunk_makers(
    source: str, base: Path, request: Request
) -> Iterator[tuple[str, Callable[[BadRows], Iterator[Chunk]]]]:
    """Yield the shown name and the reader of each file of a source."""
    if source.startswith("hub:"):
        yield source, partial(read_hub, source, base, request)
        return
    for path in find_files(source, base):
        suffix = data_format(path)
        yield str(path), partial(READERS[suffix], path, suffix, request)


def _rows(
    chunks: list[Chunk], task: TaskSpec, labelled: bool, first_row: int, bad: BadRows
) -> tuple[Rows, int]:
    """Return one file's rows and how many rows the file has, bad ones among them."""
    lines = _joined([chunk.lines for chunk in chunks])
    numbers = _joined([chunk.numbers for chunk in chunks])
    length = bad.count + len(lines)
    columns = {
        name: pa.chunked_array([chunk.columns[name] for chunk in chunks], pa.string())
        for name in (chunks[0].columns if chunks else task.columns)
    }
    labels, targets = np.full(len(lines), -1, np.int64), no_targets(len(lines), task)
    if "label" in columns:
        labels, targets, good = read_targets(columns["label"], lines, task, labelled, bad)
        if not good.all():
            kept = pa.array(good)
            columns = {name: column.filter(kept) for name, column in columns.items()}
            lines, numbers, labels = lines[good], numbers[good], labels[good]
            targets = None if targets is None else targets[good]
    ids = columns.get("id")
    if ids is None:
        ids = pa.chunked_array([pa.array(numbers + first_row).cast(pa.string())])
    regular = len(lines) == 0 or bool((np.diff(lines) == 1).all())
    first = int(lines[0]) if len(lines) else 1
    segment = Segment(bad.path, bad.unit, len(lines), first, None if regular else lines)
    fields = {name: columns[name] for name in task.fields}
    return Rows(ids, fields, labels, Sources((segment,)), targets), length


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *parts])
