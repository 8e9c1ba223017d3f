"""A mended copy of a suite's data files, in the same formats and under the same names."""

import bz2
import gzip
import lzma
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pet_mtl.atomic import new_folder, require_new_folder
from pet_mtl.audit.characters import mend_text
from pet_mtl.audit.decoding import decode_line
from pet_mtl.audit.dropped import Conflicts as Conflicts
from pet_mtl.audit.dropped import drop_rows, reading_of
from pet_mtl.audit.parts import part_sources
from pet_mtl.audit.records import read_records, reread
from pet_mtl.audit.soft_labels import mended_soft_labels
from pet_mtl.audit.whole_rows import Change, Records
from pet_mtl.data.readers import request_of
from pet_mtl.data.soft_labels import read_soft_labels
from pet_mtl.data.sources import find_files
from pet_mtl.data.table import Request
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import ID_COLUMN, TaskSpec
from pet_mtl.text import counted

CHANGES = "changes.txt"
_SHOWN = 3


@dataclass(frozen=True)
class CleanedFile:
    """One file's copy."""

    source: str
    copy: str
    rows: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class CleanResult:
    """What `clean_suite` wrote.

    Attributes:
        skipped: sources that are no files of the user.
        outside: files that do not lie below the suite's data folder; their copies lie at the top of
            the new one.
        leaks: that stay, since their file holds dev or test rows too.
        soft_labels: files of soft labels, whose texts were mended alike.
    """

    out: Path
    files: tuple[CleanedFile, ...]
    skipped: tuple[str, ...]
    outside: tuple[str, ...]
    leaks: tuple[str, ...] = ()
    soft_labels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"out": str(self.out)}

    def lines(self) -> list[str]:
        """Return what was done, for people: each kind of change with its number and first lines."""
        lines = []
        for file in self.files:
            lines.append(f"{file.copy}: {counted(file.rows, 'row')}")
            kinds: dict[tuple[str, str], list[int]] = {}
            for change in file.changes:
                kind = change.action, change.reason.split(":")[0]
                kinds.setdefault(kind, []).append(change.line)
            for (action, reason), places in sorted(kinds.items(), key=lambda kind: -len(kind[1])):
                shown = ", ".join(map(str, places[:_SHOWN])) + ", …" * (len(places) > _SHOWN)
                lines.append(f"  {action} {len(places):,}: {reason} (line {shown})")
            if not file.changes:
                lines.append("  nothing to mend")
        lines += [f"soft labels, their texts mended alike: {file}" for file in self.soft_labels]
        lines += [f"left as it is: {leak}" for leak in self.leaks]
        return lines + [f"left out: {source}" for source in self.skipped]


def clean_suite(suite: Suite, out: Path, conflicts: Conflicts) -> CleanResult:
    """Write mended copies of all files of a suite into a new folder, with a list of all changes.

    Broken lines are joined, odd characters mended, repeats dropped (the first row stays), texts
    with several labels settled, and training and unlabelled rows dropped whose text is a dev or
    test row; a file that several tasks read is cleaned for all of them. Files of soft labels, which
    are found by their texts, have these mended alike and keep all rows.

    Args:
        out: must not exist, or be empty; files keep their places below the suite's data folder.
        conflicts: keep the label that most rows of a text have (none where no label has most), or
            none at all.

    Raises:
        PetMtlError: `out` holds something; a file is missing, or two would become one.
    """
    require_new_folder(out)
    base = Path(suite.base)
    targets: dict[Path, Path] = {}
    files: dict[Path, Records] = {}
    requests: dict[Path, list[Request]] = {}
    found_parts: list[tuple[TaskSpec, str, list[Path]]] = []
    parts: list[tuple[TaskSpec, str, list[Records]]] = []
    skipped: list[str] = []
    soft_labels: dict[Path, list[TaskSpec]] = {}
    problems = ProblemList()
    for task in suite.tasks.values():
        try:
            if task.data.soft_labels:
                read_soft_labels(task.data.soft_labels, task, base)
            for path in _paths(task.data.soft_labels, base, skipped):
                soft_labels.setdefault(path, []).append(task)
            for name, paths in _part_paths(task, base, skipped).items():
                if name == "unlabelled":  # what they say of repeats counts
                    paths = [path for path in paths if path not in soft_labels]
                for path in paths:
                    if path not in targets:
                        targets[path] = _target(path, base, set(targets.values()))
                    requests.setdefault(path, []).append(_request(task, name))
                found_parts.append((task, name, paths))
        except PetMtlError as error:
            problems.extend(error)
    for task, name, paths in found_parts:
        try:
            read = [_read(path, _request(task, name), requests[path], files) for path in paths]
            parts.append((task, name, read))
        except PetMtlError as error:
            problems.extend(error)
    soft_labels = {path: each for path, each in soft_labels.items() if path not in targets}
    for path in soft_labels:
        targets[path] = _target(path, base, set(targets.values()))
    problems.raise_if_any()
    if not files:
        raise PetMtlError(f"there is no file to clean: {', '.join(skipped)}", where=suite.source)
    # once all texts are mended: tasks may share columns
    leaks = drop_rows([reading_of(*part) for part in parts], conflicts)
    cleaned = tuple(
        CleanedFile(
            str(found.path),
            str(out / targets[found.path]),
            len(found.records),
            tuple(sorted(found.changes, key=lambda change: change.line)),
        )
        for found in files.values()
    )
    with new_folder(out, replace=False) as folder:
        for found in files.values():
            _write(folder / targets[found.path], found.dump())
        for path, tasks in soft_labels.items():
            _write(folder / targets[path], mended_soft_labels(path, tasks).encode())
        listed = "".join(f"{change}\n" for file in cleaned for change in file.changes)
        (folder / CHANGES).write_text(listed, encoding="utf-8")
    outside = tuple(str(path) for path in targets if _below(path, base) is None)
    soft = tuple(map(str, soft_labels))
    return CleanResult(out, cleaned, tuple(dict.fromkeys(skipped)), outside, tuple(leaks), soft)


def _part_paths(task: TaskSpec, base: Path, skipped: list[str]) -> dict[str, list[Path]]:
    """Return the files of each part, dev and test first; `skipped` grows."""
    parts = sorted(part_sources(task).items(), key=lambda part: part[0] not in ("dev", "test"))
    return {name: list(dict.fromkeys(_paths(sources, base, skipped))) for name, sources in parts}


def _request(task: TaskSpec, part: str) -> Request:
    return request_of(task, part != "unlabelled", False)


def _read(
    path: Path, request: Request, all_of_file: Sequence[Request], files: dict[Path, Records]
) -> Records:
    """Return a file's rows with the task's texts mended; `files` has those that are read."""
    if path in files:
        found = reread(files[path], request)
    else:
        found = files[path] = read_records(path, request, all_of_file)
    _mend_texts(found)
    return found


def _paths(sources: Sequence[str], base: Path, skipped: list[str]) -> list[Path]:
    paths = []
    for source in sources:
        if source.startswith(("hub:", "sample:")):
            skipped.append(source)
        else:
            paths += find_files(source, base)
    return paths


def _target(path: Path, base: Path, taken: set[Path]) -> Path:
    """Return where a copy goes: at the same place below the output folder, by its name alone if it
    is elsewhere."""
    target = _below(path, base) or Path(path.name)
    if target in taken or target == Path(CHANGES):
        raise PetMtlError(
            f"two files would become `{target}`", where=str(path), hint="rename one of them"
        )
    return target


def _below(path: Path, base: Path) -> Path | None:
    """Return the path from `base` down to a file, None where it lies elsewhere."""
    try:
        return Path(os.path.abspath(path)).relative_to(os.path.abspath(base))  # noqa: PTH100  links stay links
    except ValueError:
        return None


def _mend_texts(found: Records) -> None:
    for record in found.records:
        kinds: dict[str, None] = {}
        for name, place in found.places.items():
            value = record.get(place)
            if isinstance(value, bytes) and name != ID_COLUMN:  # an id may be no text
                text, reason = decode_line(value)
                mended = [reason] if reason else []
            elif isinstance(value, str):
                text, mended = value, []
            else:
                continue
            text, more = mend_text(text)
            if found.kind == "tabs":  # an entity may have stood for one of them
                text = text.replace("\t", " ").replace("\n", " ")
            put = text.encode() if isinstance(value, bytes) else text
            if put != value:
                record.put(place, put)
                kinds |= dict.fromkeys([*mended, *more])
        if kinds:
            found.note(record.line, "mended", ", ".join(kinds))


def _write(file: Path, content: bytes) -> None:
    """Write a file, compressed as its name says."""
    match file.suffix.lower():
        case ".gz":
            content = gzip.compress(content)
        case ".bz2":
            content = bz2.compress(content)
        case ".xz":
            content = lzma.compress(content)
        case ".zst":
            content = bytes(pa.compress(content, "zstd", asbytes=True))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
