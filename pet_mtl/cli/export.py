"""`pet-mtl export`."""

from pathlib import Path
from typing import Annotated, cast

import typer

from pet_mtl.cli.options import Json, require_known
from pet_mtl.console import put_json
from pet_mtl.text import in_shell


def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Checkpoint folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write; must be new.")],
    to: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="KIND",
            help="onnx: a graph with a `run.py`; transformers: a plain fill-mask model.",
        ),
    ] = "onnx",
    task: Annotated[
        str | None, typer.Option(metavar="NAME", help="The task, where there are several.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="With onnx, write a quantised graph too.")
    ] = False,
    json_: Json = False,
) -> None:
    """Write one task of a checkpoint for programs that know nothing of pet_mtl."""
    from pet_mtl.console import say
    from pet_mtl.export.run import Format
    from pet_mtl.export.run import export as run_export

    require_known("format", to, Format, "--format")
    folder = run_export(checkpoint, task, cast("Format", to), out, int8=int8)
    if json_:
        files = sorted(file.name for file in folder.iterdir())
        put_json({"out": str(folder), "format": to, "files": files})
    say(f"wrote {folder}")
    if to == "onnx":
        say(f"try it: python {in_shell(folder / 'run.py')} TEXT")
