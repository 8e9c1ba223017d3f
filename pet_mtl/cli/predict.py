"""`pet-mtl predict`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    Calibration,
    Json,
    Verbalizers,
    by_task,
    calibration_choice,
    files_by_task,
)
from pet_mtl.console import put, put_json
from pet_mtl.errors import PetMtlError


def predict(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Checkpoint folder.")],
    data: Annotated[
        list[str],
        typer.Option(metavar="TASK=FILE", help=("Rows to predict; labels are not needed.")),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the predictions go.")],
    output: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="jsonl, csv, or tianchi (the contest's files, zipped)",
        ),
    ] = "jsonl",
    verbalizer: Verbalizers = None,
    calibration: Calibration = None,
    json_: Json = False,
) -> None:
    """Predict the labels of whole files, one output file a task, rows in their order."""
    from typing import cast, get_args

    from pet_mtl.model.hardware import keep_freed_memory

    keep_freed_memory()
    from pet_mtl.scoring.prediction_files import Format, predict_files
    from pet_mtl.scoring.processes import join_processes

    if output not in get_args(Format):
        raise PetMtlError(
            f"unknown format `{output}`",
            where="--format",
            hint=f"one of {', '.join(get_args(Format))}",
        )
    processes = join_processes()
    written = predict_files(
        checkpoint,
        by_task("--data", data),
        out,
        output=cast(Format, output),
        verbalizers=files_by_task("--verbalizer", verbalizer),
        calibration=calibration_choice(calibration),
        processes=processes,
    )
    if not processes.first:
        return
    if json_:
        put_json({"files": [str(file) for file in written]})
        return
    for file in written:
        put(str(file))
