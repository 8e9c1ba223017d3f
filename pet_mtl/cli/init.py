"""`pet-mtl init`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import Json
from pet_mtl.console import put, put_json
from pet_mtl.text import in_shell


def init(
    datafile: Annotated[
        Path, typer.Argument(metavar="DATAFILE", help="csv, tsv, json lines or parquet.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path(),
    task: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The task's name.",
            show_default="the file's, or `task` without Latin letters",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The label's column: name or position.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A text's column; twice for a pair of texts."),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line names the columns."),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="M", help="Embedded backbone, folder or hub name.")
    ] = "zh-mini",
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="classification; multi_label: several labels a row; ordered: levels of a scale; "
            "similarity: numbers.",
            show_default="by the label cells and their column's name",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    json_: Json = False,
) -> None:
    """Look at a data file and write a pattern file and a verbalizer for it, ready for `train`."""
    from pet_mtl.atomic import require_folder
    from pet_mtl.console import say
    from pet_mtl.proposal.propose import Request, propose

    require_folder(out)
    proposal = propose(
        Request(datafile, out, task, model, label, tuple(text or ()), header, force, kind)
    )
    if json_:
        put_json(proposal.to_json())
    else:
        for line in proposal.lines():
            put(line)
    for line in proposal.warnings:
        say(line)
    say(f"now: pet-mtl train --patterns {in_shell(proposal.patterns)}")
