"""Read the rows of a task from wherever its data stands: a sample, files in several formats, the
hub."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pet_mtl.data.arrow import use_arrow
from pet_mtl.data.delimited import read_delimited, read_tabs
from pet_mtl.data.encoding import as_utf8, find_encoding, tell_encoding
from pet_mtl.data.files import Unpacked, data_format
from pet_mtl.data.hub import read_hub
from pet_mtl.data.jsonl import read_json
from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.rows import Rows, Segment, Sources
from pet_mtl.data.sources import find_files
from pet_mtl.data.table import SHOWN, BadRows, Chunk, Request, RowProblem
from pet_mtl.data.targets import no_targets, read_targets
from pet_mtl.data.tolerant import text_a_line, understand
from pet_mtl.errors import PetMtlError, ProblemList
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
    source: str,
    task: TaskSpec,
    *,
    base: Path,
    labelled: bool = True,
    skip_bad_rows: int = 0,
    tolerant: bool = False,
    header: bool | None = None,
) -> tuple[Rows, list[RowProblem]]:
    """Read the rows that `source` names, and return them with the bad rows that were skipped.

    `source` is `sample:tnews/train`, a path or glob relative to `base`, or
    `hub:clue/clue:tnews/train`. Where the rows are not `labelled`, the label column may be missing,
    and labels that the verbalizer does not know become -1.

    Args:
        tolerant: read what `init` reads: GB18030, UTF-16, other separators, files without ids.
        header: whether the first line names the columns, where `columns` holds positions.

    Raises:
        PetMtlError: nothing is there or can be read, or more than `skip_bad_rows` rows are bad.
    """
    use_arrow()
    request = request_of(task, labelled, tolerant, header)
    problems = ProblemList()
    parts: list[Rows] = []
    files: list[BadRows] = []
    first_row = 0
    for path, make_chunks in chunk_makers(source, base, request):
        bad = BadRows(path, keep=max(SHOWN, skip_bad_rows))
        try:
            chunks = [chunk for chunk in _kept(make_chunks(bad), path) if len(chunk.lines)]
            if not chunks and not bad.count:
                raise empty_file(path)
            part, length = rows_of(chunks, task, labelled, first_row, bad, tolerant)
        except PetMtlError as error:
            problems.extend(error)
            continue
        tell_encoding(bad.encoding, Path(path), path)
        first_row += length
        parts.append(part)
        files.append(bad)
    if sum(bad.count for bad in files) > skip_bad_rows:
        problems.problems.extend(problem for bad in files for problem in bad.shown())
    elif files and not any(map(len, parts)):
        problems.add("no good row is left", where=source)
        problems.problems.extend(problem for bad in files for problem in bad.shown())
    problems.raise_if_any()
    return Rows.concat(parts), [problem for bad in files for problem in bad.ordered()]


def _kept(chunks: Iterator[Chunk], path: str) -> Iterator[Chunk]:
    """Yield the chunks of a file, as long as they can be kept.

    Raises:
        PetMtlError: they cannot; see `Unpacked`.
    """
    unpacked = Unpacked(path)
    for chunk in chunks:
        unpacked.add(len(chunk.lines), sum(column.nbytes for column in chunk.columns.values()))
        yield chunk


def request_of(
    task: TaskSpec, labelled: bool, tolerant: bool, header: bool | None = None
) -> Request:
    """Return what is to be read of a task's files; see `read_rows`.

    Raises:
        PetMtlError: labels are to be read, and no column is named for them.
    """
    if labelled and "label" not in task.columns:
        hint = f"tasks.{task.name}: columns: {{…, label: 2}}"
        raise PetMtlError(f"task `{task.name}` names no column for the labels", hint=hint)
    lists = task.kind_spec.facts.target == "labels"
    return Request(task.columns, labelled, tolerant, header, lists=lists)


def empty_file(path: str) -> PetMtlError:
    """Return the error for a file without rows."""
    return PetMtlError(
        "the file holds no rows",
        where=path,
        hint="fill it, or name another file under `data:` (or `--data`)",
    )


def chunk_makers(
    source: str, base: Path, request: Request
) -> Iterator[tuple[str, Callable[[BadRows], Iterator[Chunk]]]]:
    """Yield the shown name and the reader of each file of a source."""
    if source.startswith("hub:"):
        yield source, partial(read_hub, source, base, request)
        return
    for path in find_files(source, base):
        yield str(path), partial(_read_file, path, request)


def _read_file(path: Path, request: Request, bad: BadRows) -> Iterator[Chunk]:
    suffix = data_format(path)
    if request.tolerant:
        request = understand(path, suffix, request)
        bad.encoding = request.encoding
    yield from READERS[suffix](path, suffix, request, bad)


def read_lines(raw: bytes, task: TaskSpec, path: str, header: bool | None = None) -> Rows:
    """Read a text a line, for a task of several texts with tabs between them, where blank lines are
    no rows.

    Raises:
        PetMtlError: there are none, or the first line looks like names of columns and `header` does
            not say whether it is.
    """
    use_arrow()
    request = text_a_line(task.fields, header)
    bad = BadRows(path)
    encoding = find_encoding(raw, path)
    text = as_utf8(io.BytesIO(raw), encoding, quotes=False)
    chunks = list(read_tabs(text, request, bad))
    if bad.count:
        raise PetMtlError(bad.shown())
    if not raw.strip(b"\r\n\0\xff\xfe\xef\xbb\xbf") or not sum(
        len(chunk.lines) for chunk in chunks
    ):
        raise PetMtlError("there are no texts", where=path, hint="give a text a line")
    tell_encoding(encoding, raw, path)
    plain = task.model_copy(update={"columns": dict(request.columns)})
    return rows_of(chunks, plain, False, 0, bad)[0]


def rows_of(
    chunks: list[Chunk],
    task: TaskSpec,
    labelled: bool,
    first_row: int,
    bad: BadRows,
    tolerant: bool = False,
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
    if ids is None or tolerant:
        row_numbers = pa.chunked_array([pa.array(numbers + first_row).cast(pa.string())])
        ids = row_numbers if ids is None else pc.if_else(pc.equal(ids, ""), row_numbers, ids)
    regular = len(lines) == 0 or bool((np.diff(lines) == 1).all())
    first = int(lines[0]) if len(lines) else 1
    segment = Segment(bad.path, bad.unit, len(lines), first, None if regular else lines)
    fields = {name: columns[name] for name in task.fields}
    return Rows(ids, fields, labels, Sources((segment,)), targets), length


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *parts])
