"""A mended copy of a suite's data files, in the same formats and under the same names."""

import bz2
import gzip
import json
import lzma
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pet_mtl.atomic import new_folder
from pet_mtl.audit.characters import mend_text
from pet_mtl.audit.parts import part_sources
from pet_mtl.audit.records import Change, Record, Records, read_records
from pet_mtl.data.jsonl import plain_value
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.sources import find_files
from pet_mtl.data.table import BadRows, Request
from pet_mtl.data.targets import read_targets, target_text
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import LABEL_COLUMN, TaskSpec

Conflicts = Literal["majority", "drop"]
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
    """

    out: Path
    files: tuple[CleanedFile, ...]
    skipped: tuple[str, ...]
    outside: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"out": str(self.out)}

    def lines(self) -> list[str]:
        """Return what was done, for people: each kind of change with its number and first lines."""
        lines = []
        for file in self.files:
            lines.append(f"{file.copy}: {file.rows:,} rows")
            kinds = Counter((change.action, change.reason.split(":")[0]) for change in file.changes)
            for (action, reason), count in kinds.most_common():
                places = [
                    c.line
                    for c in file.changes
                    if (c.action, c.reason.split(":")[0]) == (action, reason)
                ]
                more = ", …" if count > _SHOWN else ""
                lines.append(
                    f"  {action} {count:,}: {reason} (line "
                    f"{', '.join(map(str, places[:_SHOWN]))}{more})"
                )
            if not file.changes:
                lines.append("  nothing to mend")
        return lines + [f"left out: {source}" for source in self.skipped]


def clean_suite(suite: Suite, out: Path, conflicts: Conflicts) -> CleanResult:
    """Write mended copies of all files of a suite into a new folder, with a list of all changes.

    Broken lines are joined, odd characters mended, repeats dropped (the first row stays), texts
    with several labels settled, and training and unlabelled rows dropped whose text is a dev or
    test row.

    Args:
        out: must not exist, or be empty; files keep their places below the suite's data folder.
        conflicts: keep the label that most rows of a text have (none where no label has most), or
            none at all.

    Raises:
        PetMtlError: `out` holds something; a file is missing, or two would become one.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PetMtlError(
            "the output folder is not empty",
            where=str(out),
            hint="choose a new one with `--out DIR`",
        )
    targets: dict[Path, Path] = {}
    files: list[Records] = []
    skipped: list[str] = []
    problems = ProblemList()
    for task in suite.tasks.values():
        try:
            files += _clean_task(task, Path(suite.base), conflicts, targets, skipped)
        except PetMtlError as error:
            problems.extend(error)
    problems.raise_if_any()
    if not files:
        raise PetMtlError((f"there is no file to clean: {', '.join(skipped)}"), where=suite.source)
    cleaned = tuple(
        CleanedFile(
            str(found.path),
            str(out / targets[found.path]),
            len(found.records),
            tuple(sorted(found.changes, key=lambda change: change.line)),
        )
        for found in files
    )
    with new_folder(out) as folder:
        for found in files:
            target = folder / targets[found.path]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_compress(found.dump(), target.suffix.lower()))
        listed = "".join(f"{change}\n" for file in cleaned for change in file.changes)
        (folder / CHANGES).write_text(listed, encoding="utf-8")
    outside = tuple(str(path) for path in targets if _below(path, Path(suite.base)) is None)
    return CleanResult(out, cleaned, tuple(dict.fromkeys(skipped)), outside)


def _clean_task(
    task: TaskSpec, base: Path, conflicts: Conflicts, targets: dict[Path, Path], skipped: list[str]
) -> list[Records]:
    """Return the mended files of one task; `targets` and `skipped` grow."""
    measured: list[NDArray[np.uint64]] = []
    done: list[Records] = []
    # dev and test first: their texts are dropped from the training rows
    for name, sources in sorted(
        part_sources(task).items(), key=lambda item: item[0] not in ("dev", "test")
    ):
        files = []
        request = Request(task.columns, labelled=name != "unlabelled")
        for path in _paths(sources, base, skipped):
            if path in targets:
                continue  # another task or part has it
            targets[path] = _target(path, base, set(targets.values()))
            files.append(read_records(path, request))
        for found in files:
            _mend_texts(found, task)
        scored = name in ("dev", "test")
        seen = np.concatenate([np.empty(0, np.uint64), *([] if scored else measured)])
        keys = _drop_repeats(files, task, conflicts, seen, labelled=request.labelled)
        if scored:
            measured.append(keys)
        done += files
    return done


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


def _mend_texts(found: Records, task: TaskSpec) -> None:
    for record in found.records:
        kinds: dict[str, None] = {}
        for place in found.places.values():
            value = record.get(place)
            if not isinstance(value, str):
                continue
            text, mended = mend_text(value)
            if found.kind == "tabs":  # an entity may have stood for one of them
                text = text.replace("\t", " ").replace("\n", " ")
            if text != value:
                record.put(place, text)
                kinds |= dict.fromkeys(mended)
        if kinds:
            found.note(record.line, "mended", ", ".join(kinds))


def _drop_repeats(
    files: Sequence[Records],
    task: TaskSpec,
    conflicts: Conflicts,
    measured: NDArray[np.uint64],
    *,
    labelled: bool,
) -> NDArray[np.uint64]:
    """Drop rows from the files of one part and return the keys of those that stay; `labelled` says
    whether their labels are read."""
    rows = [(found, record) for found in files for record in found.records]
    if not rows:
        return np.empty(0, np.uint64)
    columns = {name: [_text(record, found, name) for found, record in rows] for name in task.fields}
    labels: list[str | None] = [""] * len(rows)
    if labelled:
        labels = _answers([record.get(found.places[LABEL_COLUMN]) for found, record in rows], task)
    keys = row_keys(Rows.of(columns))
    settled = _settle(keys.tolist(), labels, conflicts)
    leaked = np.isin(keys, measured)
    kept: dict[int, tuple[Records, Record]] = {}
    dropped: set[int] = set()
    for index, ((found, record), key) in enumerate(zip(rows, keys.tolist(), strict=True)):
        own = labels[index]
        label = settled.get(key, own)
        reason = None
        if leaked[index]:
            reason = "its text is a dev or test row"
        elif own is None:
            continue  # a label that the task lacks: it is for the user to mend
        elif label is None:
            reason = f"its text has several labels: {quoted(own)} here"
        elif label != own:
            reason = f"most rows of its text have another label: {quoted(label)}, not {quoted(own)}"
        elif key in kept:
            first, line = kept[key][0], kept[key][1].line
            reason = f"repeats an earlier row: line {line}" + (
                "" if first is found else f" of {first.path}"
            )
        if reason:
            found.note(record.line, "dropped", reason)
            dropped.add(id(record))
        else:
            kept[key] = (found, record)
    for found in files:
        found.records = [record for record in found.records if id(record) not in dropped]
    stay = [id(record) not in dropped for _, record in rows]
    return np.asarray(np.unique(keys[stay]))


def _text(record: Record, found: Records, name: str) -> str:
    value = record.get(found.places[name]) if name in found.places else ""
    return "" if value is None else str(value)


def _answers(cells: Sequence[Any], task: TaskSpec) -> list[str | None]:
    """Return what label cells say, alike for what is alike to the task (sets in any order, `2` and
    `2.0`); None for what is no label of it."""
    lists = task.kind_spec.facts.target == "labels"

    def text(cell: Any) -> str:
        if lists and isinstance(cell, list):
            return json.dumps(cell, ensure_ascii=False)
        value = plain_value(cell)  # as rows are read
        return "" if value is None else str(value).strip()

    texts = [text(cell) for cell in cells]
    column = pa.chunked_array([pa.array(texts, pa.string())])
    lines = np.arange(1, len(texts) + 1)
    labels, targets, _ = read_targets(column, lines, task, False, BadRows(""))
    gold = labels if targets is None else targets
    known = zip(labels >= 0, gold, strict=True)
    return [target_text(target, task) if there else None for there, target in known]


def _settle(
    keys: Sequence[int], labels: Sequence[str | None], conflicts: Conflicts
) -> Mapping[int, str | None]:
    """Return the label of each text that has several, None for "drop all of its rows"; rows
    without a label of the task have no say.

    >>> _settle([1, 1, 1, 2, 2, 3], ["a", "b", "a", "a", "b", "a"], "majority")
    {1: 'a', 2: None}
    >>> _settle([1, 1, 1, 2, 2, 3], ["a", "b", "a", "a", "b", "a"], "drop")
    {1: None, 2: None}
    """
    counts: dict[int, Counter[str]] = {}
    for key, label in zip(keys, labels, strict=True):
        if label is not None:
            counts.setdefault(key, Counter())[label] += 1
    settled: dict[int, str | None] = {}
    for key, of_text in counts.items():
        if len(of_text) < 2:
            continue
        (label, most), (_, second) = of_text.most_common(2)
        settled[key] = label if conflicts == "majority" and most > second else None
    return settled


def _compress(content: bytes, suffix: str) -> bytes:
    match suffix:
        case ".gz":
            return gzip.compress(content)
        case ".bz2":
            return bz2.compress(content)
        case ".xz":
            return lzma.compress(content)
        case ".zst":
            return bytes(pa.compress(content, "zstd", asbytes=True))
    return content
