"""`pet-mtl predict`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    Calibration,
    Json,
    MissingOption,
    Verbalizers,
    by_task,
    calibration_choice,
    files_by_task,
)
from pet_mtl.console import put, put_json, started_together
from pet_mtl.errors import PetMtlError


def predict(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Checkpoint folder.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Texts, or a file of them; without any, stdin is read, a text a line.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The task that the texts are for, where it is not clear."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=FILE", help=("Rows to predict; labels are not needed.")),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the predictions go; needed with `--data`.",
            show_default="stdout",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="jsonl, csv, or tianchi (the contest's files, zipped)",
            show_default="jsonl for files",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, metavar="N", help="List the N likeliest labels.")
    ] = 1,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Give the probabilities of all labels.")
    ] = False,
    echo: Annotated[bool, typer.Option("--echo", help="Repeat the text beside its label.")] = False,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first line names the columns, for files without names otherwise.",
        ),
    ] = None,
    verbalizer: Verbalizers = None,
    calibration: Calibration = None,
    json_: Json = False,
) -> None:
    """Predict the labels of texts and of whole files, rows in their order.

    A line on stdout is label, label word and probability, tabs between.
    """
    from typing import cast, get_args

    from pet_mtl.model.hardware import keep_freed_memory

    keep_freed_memory()
    from pet_mtl.scoring.inputs import Inputs
    from pet_mtl.scoring.prediction_files import Format, predict_files, predict_rows
    from pet_mtl.scoring.processes import join_processes
    from pet_mtl.scoring.records import WRITERS, Details, lines_for_people

    if output is not None and output not in get_args(Format):
        raise PetMtlError(
            f"unknown format `{output}`",
            where="--format",
            hint=f"one of {', '.join(get_args(Format))}",
        )
    if out is None and data:
        raise MissingOption("'--out' (a folder, or `-` for stdout)", context)
    if str(out) == "-":
        out, output = None, output or "jsonl"
    if out is None and (output == "tianchi" or len(data or ()) > 1):
        raise PetMtlError(
            "these predictions are files, not lines on stdout",
            where=f"--format {output}" if output == "tianchi" else "--out -",
            hint="add `--out DIR`",
        )
    given = by_task("--data", data)
    lines = _stdin(context) if not given and texts in (None, [], ["-"]) else None
    inputs = Inputs(texts or (), task, given, header, lines)
    details = Details(top_k, probabilities, echo)
    words, choice = files_by_task("--verbalizer", verbalizer), calibration_choice(calibration)
    processes = join_processes()
    if out is not None:
        written = predict_files(
            checkpoint,
            inputs,
            out,
            output=cast(Format, output or "jsonl"),
            verbalizers=words,
            calibration=choice,
            details=details,
            processes=processes,
        )
        if not processes.first:
            return
        if json_:
            put_json({"files": [str(file) for file in written]})
        else:
            for file in written:
                put(str(file))
        return
    found = predict_rows(
        checkpoint, inputs, verbalizers=words, calibration=choice, processes=processes
    )
    if not processes.first:
        return
    ((name, predicted),) = found.items()
    if json_:
        put_json({"task": name, "predictions": list(predicted.records(details))})
    elif output is not None:
        put(WRITERS[output](predicted, details).removesuffix("\n"))
    else:
        for line in lines_for_people(predicted, details):
            put(line)


def _stdin(context: typer.Context) -> bytes:
    """Return what stdin holds.

    Raises:
        MissingOption: it is a terminal, or closed.
        PetMtlError: several processes would share it.
    """
    if started_together() > 1:
        raise PetMtlError(
            "several processes cannot share stdin", hint="give the rows with `--data TASK=FILE`"
        )
    nothing = MissingOption("'--data', or texts: in quotes, or lines on stdin", context)
    if sys.stdin is None or sys.stdin.isatty():
        raise nothing
    try:
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:
        raise nothing from error
