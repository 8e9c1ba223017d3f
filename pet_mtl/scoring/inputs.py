"""Rows to predict, as people have them at hand: a text, lines on stdin, a file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pet_mtl.console import say
from pet_mtl.data.encoding import find_encoding
from pet_mtl.data.files import (
    COMPRESSIONS,
    FORMATS,
    SPREADSHEETS,
    not_regular,
    open_bytes,
    read_whole,
)
from pet_mtl.data.readers import read_lines
from pet_mtl.data.rows import Rows
from pet_mtl.data.streams import RowStream
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.given_rows import unlabelled_rows
from pet_mtl.scoring.loaded import require_task
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec


@dataclass(frozen=True)
class Inputs:
    """What a user gave to be predicted; called with a suite, it returns the rows by task.

    Attributes:
        texts: the texts themselves, or one name of a file.
        task: whose they are, where it must be said.
        data: files by task.
        header: as `read_rows` has it.
        lines: what stdin holds, where the rows come from there.
    """

    texts: Sequence[str]
    task: str | None
    data: Mapping[str, str]
    header: bool | None
    lines: bytes | None = None

    def __call__(self, suite: Suite) -> dict[str, RowStream]:
        """Return the rows; those of files are gone through, not kept.

        Raises:
            PetMtlError: they are not right, or it is not clear whose they are.
        """
        if self.data and (self.texts or self.task):
            raise PetMtlError(
                "`--data TASK=FILE` names the task and the rows",
                where=self.texts[0][:40] if self.texts else f"--task {self.task}",
                hint="give either texts or `--data`",
            )
        if self.data:
            return unlabelled_rows(suite, self.data, header=self.header)
        task = choose_task(suite, self.task)
        if self.lines is not None:
            return _kept(task, rows_of_lines(task, self.lines, "stdin", self.header))
        if len(self.texts) > 1 or not _is_file(self.texts[0]):
            self._check_texts()
            return _kept(task, rows_of_texts(task, self.texts))
        file = Path(self.texts[0])
        say(f"reading the file {file}")
        if _is_table(file):
            return unlabelled_rows(suite, {task.name: str(file)}, header=self.header)
        with open_bytes(file) as stream:
            raw = read_whole(stream, file)
        return _kept(task, rows_of_lines(task, raw, str(file), self.header))

    def _check_texts(self) -> None:
        """Tell of texts that are names of files, which one mistypes or gives several of.

        Raises:
            PetMtlError: one of several is a file; texts have no first line that names columns.
        """
        if self.header is not None:
            raise PetMtlError(
                "texts in quotes have no first line",
                where="--header" if self.header else "--no-header",
                hint="it is about files and stdin; leave it out, or mend the file's name: "
                f"`{self.texts[0][:40]}` is none",
            )
        for text in self.texts:
            if not _is_table(Path(text)) or any(map(str.isspace, text)):
                continue
            if _is_file(text):
                raise PetMtlError(
                    "one file is read by its name, and several texts are given",
                    where=text,
                    hint="give one file a call, or `--data TASK=FILE`; texts that are called so "
                    "come as lines on stdin",
                )
            say(f"warning: there is no file {text}: its name is read as a text")


def _is_table(file: Path) -> bool:
    """Say whether a name is that of a table or of a compressed one; a spreadsheet is no lines."""
    inner = file.with_suffix("") if file.suffix.lower() in COMPRESSIONS else file
    return inner.suffix.lower() in FORMATS + SPREADSHEETS


def _kept(task: TaskSpec, rows: Rows) -> dict[str, RowStream]:
    return {task.name: RowStream.of(rows)}


def _is_file(text: str) -> bool:
    """Say whether a text is the name of a file; those of folders are texts.

    Raises:
        PetMtlError: it is the name of a device or a pipe.
    """
    path = Path(text)
    try:
        found, odd = path.is_file(), path.exists() and not path.is_dir()
    except (OSError, ValueError):  # a text longer than names are, or with a NUL
        return False
    if odd and not found:
        raise not_regular(path)
    return found


def choose_task(suite: Suite, name: str | None) -> TaskSpec:
    """Return the named task, or the only one that bare texts can be for: of one task, or of one
    task with a single text.

    Raises:
        PetMtlError: no such task, or more than one may be meant.
    """
    if name is not None:
        return require_task(suite, name, f"--task {name}")
    tasks = list(suite.tasks.values())
    single = [task for task in tasks if len(task.fields) == 1]
    if len(tasks) == 1 or len(single) == 1:
        return (tasks if len(tasks) == 1 else single)[0]
    known = ", ".join(f"`{task.name}`" for task in tasks)
    raise PetMtlError(
        f"there are several tasks: {known}",
        where="--task",
        hint=f"name the one that the texts are for: `--task {tasks[0].name}`",
    )


def rows_of_texts(task: TaskSpec, texts: Sequence[str]) -> Rows:
    """Return rows of texts, for a task with several texts in each row one after the other, or with
    tabs between them.

    Raises:
        PetMtlError: there are too few or too many for whole rows; one is no text.
    """
    width = len(task.fields)
    texts = [_said(text) for text in texts]
    if width > 1 and all(text.count("\t") == width - 1 for text in texts):
        texts = [part for text in texts for part in text.split("\t")]
    if len(texts) % width or not texts:
        raise PetMtlError(
            f"a row of task `{task.name}` is {width} texts ({', '.join(task.fields)}), found "
            f"{len(texts)}",
            hint="give them one after the other, each in quotes",
        )
    columns = {field: list(texts[place::width]) for place, field in enumerate(task.fields)}
    return Rows.of(columns, path="the command line")


def _said(text: str) -> str:
    """Return a text of the command line; bytes that Python could not read, for the locale has
    another encoding, are read as those of a file."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    try:
        raw = os.fsencode(text)
        return raw.decode(find_encoding(raw))
    except (UnicodeError, PetMtlError) as error:  # the latter is about files
        raise PetMtlError(
            "a text is neither UTF-8 nor GB18030",
            where="the command line",
            hint="put it into a file: `pet-mtl predict CHECKPOINT FILE`",
        ) from error


def rows_of_lines(task: TaskSpec, raw: bytes, path: str, header: bool | None) -> Rows:
    """Return rows of lines: a text each, for a task of several with tabs between them.

    Raises:
        PetMtlError: see `read_lines`; a line has another number of texts.
    """
    try:
        return read_lines(raw, task, path, header)
    except PetMtlError as error:
        if "expected" not in error.problems[0].message:
            raise
        shape = (
            "a line is a text without tabs"
            if len(task.fields) == 1
            else f"a line is {' TAB '.join(task.fields)}"
        )
        where = error.problems[0].where
        raise PetMtlError(
            f"a line has another number of texts than task `{task.name}`",
            where=where,
            hint=f"{shape}; a table is read with `--data {task.name}=FILE`",
        ) from error
