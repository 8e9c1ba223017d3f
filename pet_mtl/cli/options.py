"""Options that several commands have."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.paths import user_path
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.task import CalibrationChoice

PatternFile = Annotated[
    str, typer.Option(metavar="FILE", help="Pattern file, or the name of a bundled one.")
]
Patterns = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Pattern file, or a bundled one.",
        show_default="the checkpoint's tasks, or default",
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="M",
        help="Backbone (name, folder, hub name) or checkpoint.",
        show_default="the file's",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="M", help="Embedded backbone, folder or hub name, instead of the file's."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", metavar="DIR", help="Where relative data paths start."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in `--out`.")]
Tasks = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="These tasks of the file only: --tasks tnews,ocnli"),
]
Verbalizers = Annotated[
    list[str] | None,
    typer.Option("--verbalizer", metavar="TASK=FILE", help="Other label words for a task."),
]
TextKey = Annotated[
    str, typer.Option(metavar="KEY", help="Where json lines and parquet hold the text.")
]
MoreCorpusFiles = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILES", help="More corpus files, as the shell expands them."),
]
SkipBadRows = Annotated[
    int, typer.Option(min=0, metavar="N", help="Skip up to N bad rows of each file and list them.")
]

Overrides = Annotated[
    list[str] | None,
    typer.Option("-s", "--set", metavar="KEY=VALUE", help="Set any key: -s train.epochs=5"),
]
Calibration = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="For all tasks: auto, none, contextual, pmi or prior."),
]


class MissingOption(typer.BadParameter):
    """An option that only some uses of a command need: shown with the command's usage."""

    def format_message(self) -> str:
        return f"Missing option {self.message}"


RowsOfTask = Annotated[str, typer.Option(metavar="dev|train", help="Which rows to score.")]
Limit = Annotated[
    int | None, typer.Option(min=1, max=10**9, metavar="N", help="At most N rows of each task.")
]
StateCache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Where slot states are kept.",
        show_default="the user's cache folder",
    ),
]
Host = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="Where to listen; an address that others can reach needs a token."
    ),
]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")]
AllowHost = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Another name by which clients reach it.")
]


def by_task(option: str, values: Sequence[str] | None) -> dict[str, str]:
    """Read `TASK=FILE` values.

    >>> by_task("--data", ["tnews=a.csv"])
    {'tnews': 'a.csv'}

    Raises:
        PetMtlError: a value of another form, or a task named twice.
    """
    found: dict[str, str] = {}
    for value in values or ():
        task, equals, file = value.partition("=")
        if not (task and equals and file):
            raise PetMtlError(
                "must have the form TASK=FILE",
                where=f"{option} {value}",
                hint=f"{option} tnews=my.csv",
            )
        if task in found:
            raise PetMtlError(f"task `{task}` is named twice", where=f"{option} {value}")
        found[task] = file
    return found


def names_of(tasks: str | None) -> list[str] | None:
    """Read `--tasks NAME,…`; None for all of them."""
    return None if tasks is None else [name.strip() for name in tasks.split(",")]


def say_left_out(
    tasks: str | None,
    overrides: Sequence[str] | None,
    verbalizers: Sequence[str] | None = None,
    *,
    set_by: str = "-s",
    chosen_by: str = "--tasks",
) -> None:
    """Warn of `-s tasks.NAME.…` and `--verbalizer NAME=FILE` of tasks that `--tasks` leaves out.

    Args:
        set_by: the option that gave `overrides`.
        chosen_by: the option that gave `tasks`.
    """
    kept = names_of(tasks)
    if kept is None:
        return
    given = [("--verbalizer", text, text.partition("=")[0]) for text in verbalizers or ()]
    for text in overrides or ():
        section, _, key = text.partition("=")[0].strip().partition(".")
        given += [(set_by, text, key.partition(".")[0])] if section == "tasks" else []
    for option, text, name in given:
        if name not in (*kept, ""):
            say(f"warning: `{option} {text}` does nothing: `{chosen_by}` leaves `{name}` out")


def files_by_task(option: str, values: Sequence[str] | None) -> dict[str, Path]:
    """Read `TASK=FILE` values as paths."""
    return {task: user_path(file) for task, file in by_task(option, values).items()}


def require_known(what: str, value: str | None, known: Any, option: str) -> None:
    """Refuse a value that is none of a `Literal`'s; None was not given.

    Raises:
        PetMtlError: another value.
    """
    if value is not None and value not in get_args(known):
        hint = f"one of {', '.join(get_args(known))}"
        raise PetMtlError(f"unknown {what} `{value}`", where=option, hint=hint)


def calibration_choice(value: str | None) -> CalibrationChoice | None:
    """Check the value of `--calibration`."""
    require_known("calibration", value, CalibrationChoice, "--calibration")
    return cast("CalibrationChoice | None", value)


def require_patterns(patterns: str | None, overrides: Sequence[str] | None) -> None:
    """Refuse settings for a checkpoint, which has its own.

    Raises:
        PetMtlError: there are some, and no pattern file.
    """
    if overrides and patterns is None:
        raise PetMtlError(
            "`-s` needs a pattern file: a checkpoint has its settings",
            hint="add `--patterns FILE`",
        )


def pattern_file(name: str) -> Path:
    """Return the pattern file of a path, or of the bare name of one that ships with the package.

    Raises:
        PetMtlError: a bare name that is neither.
    """
    if "/" in name or "." in name or os.sep in name:
        return user_path(name)
    bundled = bundled_pattern_file(name)
    if bundled.is_file():
        return bundled
    if not Path(name).is_file():
        names = sorted(file.stem for file in bundled.parent.glob("*.yaml"))
        known = ", ".join(f"`{each}`" for each in names)
        raise PetMtlError(
            f"no pattern file `{name}`",
            where="--patterns",
            hint=f"give a file, or one that is bundled: {known}",
        )
    return Path(name)
