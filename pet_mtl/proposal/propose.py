"""Look at a data file and write a task for it that `train` accepts."""

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pet_mtl.atomic import write_text
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.cloze.unreadable import MANY, text_readability, warning
from pet_mtl.data.delimited_rows import quoted_text
from pet_mtl.data.label_text import WHOLE
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError, Problem
from pet_mtl.proposal.columns import Roles, choose_columns, last_key
from pet_mtl.proposal.label_sets import labels_of
from pet_mtl.proposal.label_words import propose_words
from pet_mtl.proposal.outcome import Proposal
from pet_mtl.proposal.pattern_file import PatternFile, verbalizer_text
from pet_mtl.proposal.raw_table import RawTable, read_raw_table
from pet_mtl.proposal.scales import ENDS
from pet_mtl.proposal.settings import propose_settings
from pet_mtl.proposal.slots import LOOKED_AT, ProposedSlots, propose_slots
from pet_mtl.proposal.task_kind import PROPOSED, find_kind, sets_of_labels
from pet_mtl.proposal.two_texts import reading_order
from pet_mtl.proposal.wording import (
    NONE,
    WORDINGS,
    field_names,
    japanese_note,
    language,
    pattern_for,
    task_name,
)
from pet_mtl.resources import bundled_backbone
from pet_mtl.storage.pretrained import load_pieces, resolve_model
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task_section import name_problem


@dataclass(frozen=True)
class Request:
    """What the user asked for; what is None or empty is found out."""

    data: Path
    out: Path
    task: str | None = None
    model: str = "zh-mini"
    label: str | None = None
    texts: tuple[str, ...] = ()
    header: bool | None = None
    force: bool = False
    kind: str | None = None


def propose(request: Request) -> Proposal:
    """Write a pattern file, a verbalizer and, where `train` cannot read the data as it is, a copy
    of it.

    Raises:
        PetMtlError: the file is no table; no label or text column is found; an output file exists
            already.
    """
    name = task_name(request.data.name.split(".")[0]) if request.task is None else request.task
    if wrong := name_problem(name):
        raise PetMtlError(wrong.message, where=f"--task {name}", hint=wrong.hint)
    if request.kind not in (None, *PROPOSED):
        *kinds, last = (f"`{kind}`" for kind in PROPOSED)
        raise PetMtlError(
            f"`init` proposes no tasks of kind `{request.kind}`",
            where="--kind",
            hint=f"{', '.join(kinds)} or {last}; other kinds are edited in: docs/kinds.md",
        )
    table = read_raw_table(request.data, request.header)
    roles = choose_columns(table, request.label, request.texts, kind=request.kind)
    tokenizer = load_pieces(resolve_model(request.model))
    task = _Task(table, roles, request, name, tokenizer)
    reason = next((table.reasons[key] for key in (None, *task.names) if key in table.reasons), None)
    fits = None if reason else _trial(task, request.data)
    if not fits:
        reason = reason or "some of its rows cannot be read as they stand"
        with tempfile.TemporaryDirectory() as folder:
            trial = Path(folder) / f"copy{task.copy_suffix}"
            trial.write_text(task.copy_text(), encoding="utf-8", newline="")
            fits = _trial(task, trial, last=True)
    assert fits is not None
    yaml, words = request.out / f"{name}.yaml", request.out / f"{name}.words.txt"
    copy = request.out / f"{name}.data{task.copy_suffix}" if reason else None
    _refuse_existing([file for file in (yaml, words, copy) if file], request)
    data = copy.name if copy else _relative(request.data, request.out)
    texts = {copy: task.copy_text()} if copy else {}
    texts[words] = task.verbalizer
    texts[yaml] = task.pattern_file(data, words.name, split=fits == "split")
    _write_all(texts)
    return Proposal(
        patterns=yaml,
        verbalizer=words,
        copy=copy,
        reason=reason,
        task=name,
        form=table.form,
        columns=task.columns,
        words=task.words,
        counts=task.counts,
        left_out=table.skipped + len(table) - len(task.rows),
        slots=task.slots,
        kind=task.kind,
        unreadable=task.unreadable.share,
        warnings=task.warnings(),
        others=tuple(str(table.names[place]) for place in roles.others),
    )


class _Task:
    """The proposed task and the texts of its files."""

    def __init__(
        self, table: RawTable, roles: Roles, request: Request, name: str, tokenizer: PieceTokenizer
    ) -> None:
        self.request, self.name = request, name
        self.table, self.tokenizer = table, tokenizer
        cells = [cell.strip() for cell in table.columns[roles.label]]
        if all(re.match(WHOLE, cell) for cell in {*cells} - {""}):
            # pandas writes whole numbers so where some are missing; `train` takes either
            cells = [re.sub(WHOLE, r"\1", cell) for cell in cells]
        if roles.ends:
            middle = sum(roles.ends) / 2
            cells = [cell and ENDS[float(cell) >= middle] for cell in cells]
        self.fields = field_names([table.names[place] for place in roles.texts])
        self.places = dict(zip(self.fields, roles.texts, strict=True)) | {"label": roles.label}
        if roles.id is not None:
            self.places["id"] = roles.id
        self.names = [table.names[place] for place in self.places.values()]
        self.rows = [row for row, cell in enumerate(cells) if cell]
        sets = {cell: labels_of(cell, roles.separator) for cell in set(cells)}
        counts = Counter(name for row in self.rows for name in sets[cells[row]])
        self.counts = dict(sorted(counts.items(), key=_label_order))
        if roles.ends:
            self.counts = {end: counts[end] for end in ENDS}
        read = list(self.fields) if request.texts else reading_order(self.fields)
        texts = [table.columns[place] for place in roles.texts]
        last_text = table.columns[self.places[read[-1]]]
        last = [last_text[row] for row in self.rows]
        self.language = language(last)
        self.japanese = japanese_note(last, self.language)
        wording = WORDINGS[self.language]
        self.prefix = wording.prefix.format(task=name)
        self.pattern = pattern_for(read, wording, causal=tokenizer.causal)
        names = {label: label for label in self.counts}
        if roles.names is not None:
            shown = table.columns[roles.names]
            names |= {cells[row]: shown[row].strip() for row in reversed(self.rows)}
        self.kind, names, preset = find_kind(
            names,
            roles,
            column=str(table.names[roles.label]),
            texts=[last_key(table.names[place]) for place in roles.texts],
            language=self.language,
            asked=request.kind,
            file=str(request.data),
        )
        self.counts = {label: self.counts[label] for label in names}
        of_label: dict[str, list[str]] = {label: [] for label in self.counts}
        for row in self.rows:
            for label in sets[cells[row]]:
                of_label[label].append(last_text[row])
        self.words = propose_words(
            names,
            of_label,
            tokenizer,
            language=self.language,
            space_before=" {mask}" in self.pattern,
            preset=preset,
        )
        if roles.separator is not None:
            self.kind = sets_of_labels(roles.separator, self._none())
        self.verbalizer = verbalizer_text(self.words, self.counts, numbers=bool(roles.ends))
        self.slots = ProposedSlots((), 1.0)  # measured when the rows have been read
        looked_at = [column[row] for column in texts for row in self.rows[:LOOKED_AT]]
        self.unreadable = text_readability(looked_at, tokenizer)
        self.settings = propose_settings(
            len(self.rows),
            [[column[row] for row in self.rows[:LOOKED_AT]] for column in texts],
            [self.prefix, self.pattern],
            tokenizer,
            request.model,
        )

    def _none(self) -> str | None:
        """Return a word that stands for none of the labels."""
        taken = {word.word for word in self.words.values()}
        unknown = self.tokenizer.unk_id
        return next(
            (
                word
                for word in NONE[self.language]
                if word not in taken and unknown not in self.tokenizer.encode([word])[0]
            ),
            None,
        )

    def warnings(self) -> tuple[str, ...]:
        """Return what a person should know before training."""
        lost = (warning(self.name, self.unreadable),) if self.unreadable.share > MANY else ()
        return (*lost, f"note: {self.name}: {self.japanese}") if self.japanese else lost

    @property
    def columns(self) -> dict[str, int | str]:
        """Return the columns of the data file, which are those of its copy: so the checkpoint reads
        the file itself, too."""
        return {name: self.table.names[place] for name, place in self.places.items()}

    @property
    def copy_suffix(self) -> str:
        """Return the format of the copy: that of columns with names, or of positions."""
        return ".jsonl" if isinstance(self.table.names[0], str) else ".csv"

    def copy_text(self) -> str:
        """Return all rows that have a label: the wanted columns as JSON lines, or all columns as
        comma-separated values where they are positions."""
        if self.copy_suffix == ".csv":
            columns = self.table.columns
            return quoted_text(
                # a tab would be taken for the separator
                [column[row].replace("\t", " ") for column in columns]
                for row in self.rows
            )
        named = {
            self.table.names[place]: self.table.columns[place] for place in self.places.values()
        }
        rows = ({name: column[row] for name, column in named.items()} for row in self.rows)
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def pattern_file(self, data: str, verbalizer: str, *, split: bool) -> str:
        """Return the YAML."""
        model = self.request.model
        if not bundled_backbone(model) and Path(model).is_dir():
            model = str(Path(model).resolve())
        what = "numbers" if "range" in self.kind.facts else f"{len(self.words)} labels"
        found = f"{self.table.form}, {len(self.rows):,} rows, {what}"
        return PatternFile(
            task=self.name,
            model=model,
            prefix=self.prefix,
            pattern=self.pattern,
            verbalizer=verbalizer,
            columns=self.columns,
            data=data,
            split=split,
            train=self.settings,
            found=found,
            slots=self.slots,
            kind=self.kind.keys,
        ).text()


def _label_order(item: tuple[str, int]) -> tuple[int, int, str]:
    label = item[0]
    is_number = label.isascii() and label.isdecimal() and len(label) < 9
    return (0, int(label), label) if is_number else (1, 0, label)


def _trial(task: _Task, data: Path, *, last: bool = False) -> str | None:
    """Load the task as `train` would; return `split` or `whole` for the dev rows it can have, None
    where it cannot.

    Raises:
        PetMtlError: it cannot, and it is the `last` trial; what stood in the way of `split`.
    """
    failed: PetMtlError | None = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "words.txt").write_text(task.verbalizer, encoding="utf-8")
        for way in ("split", "whole"):
            text = task.pattern_file(str(data.resolve()), "words.txt", split=way == "split")
            (folder / "task.yaml").write_text(text, encoding="utf-8")
            try:
                suite = load_suite(folder / "task.yaml")
                spec, longest = suite.tasks[task.name], suite.train.max_length
                compile_forms(spec, task.tokenizer, longest)
                rows = load_suite_data(suite)[task.name].train
                task.slots = propose_slots(spec, rows, task.tokenizer, longest)
                return way
            except PetMtlError as error:
                failed = failed or error  # the second may only miss the dev rows of the first
    if last and failed:
        # the places are those of the trial's files; without them rows have the same to say
        first: dict[str, Problem] = {}
        for problem in failed.problems:
            first.setdefault(problem.message, replace(problem, where=str(task.request.data)))
        raise PetMtlError([*first.values()]) from failed
    return None


def _write_all(texts: Mapping[Path, str]) -> None:
    """Write all files, or leave none behind that was not there."""
    new = [file for file in texts if not file.exists()]
    try:
        for file, text in texts.items():
            write_text(file, text)
    except BaseException:
        for file in new:
            with suppress(OSError):
                file.unlink(missing_ok=True)
        raise


def _refuse_existing(files: Sequence[Path], request: Request) -> None:
    for file in files:
        if file.resolve() == request.data.resolve():
            raise PetMtlError(
                "this is the data file itself",
                where=str(file),
                hint="choose another name with `--task NAME`",
            )
        if file.exists() and not request.force:
            raise PetMtlError(
                "the file exists already",
                where=str(file),
                hint="replace it with `--force`, or choose `--out` or `--task`",
            )


def _relative(data: Path, out: Path) -> str:
    """Return the data file's path as seen from the output folder; a name that would mean something
    else in full."""
    try:
        path = Path(os.path.relpath(data.resolve(), out.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return data.resolve().as_posix()
    odd = path.startswith("~") or ":" in path.split("/")[0]
    return data.resolve().as_posix() if odd else path
