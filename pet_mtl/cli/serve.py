"""`pet-mtl serve`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import AllowHost, Host, Port
from pet_mtl.cli.stopping import ended_by_sigterm
from pet_mtl.errors import PetMtlError


@ended_by_sigterm()
def serve(
    checkpoints: Annotated[
        list[Path], typer.Argument(metavar="CHECKPOINT...", help="Checkpoint folders.")
    ],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="PET_MTL_TOKEN",
            show_envvar=True,
            metavar="TOKEN",
            help="Secret that requests must carry; process lists show it, not the variable.",
        ),
    ] = None,
    allow_host: AllowHost = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Processes, each with its own models.")
    ] = 1,
    max_body: Annotated[
        int, typer.Option(min=1024, metavar="BYTES", help="Largest body of a request.")
    ] = 1 << 20,
    max_rows: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most rows of a request.")
    ] = 256,
    max_length: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most characters of a text.")
    ] = 10_000,
    max_queue: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most rows that wait; more are refused.")
    ] = 2048,
    max_wait: Annotated[
        float,
        typer.Option(
            min=0, max=1000, metavar="MS", help="Most milliseconds that a row waits for others."
        ),
    ] = 2.0,
    batch_tokens: Annotated[
        int, typer.Option(min=64, metavar="N", help="Most tokens that are scored together.")
    ] = 4096,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="Most seconds that an answer may take.")
    ] = 30.0,
    log_texts: Annotated[
        bool, typer.Option("--log-texts", help="Put the texts of requests into the log.")
    ] = False,
) -> None:
    """Predict over HTTP: one queue for all tasks, batches by tokens."""
    from pet_mtl.serving.extra import require_extra

    require_extra("pet-mtl serve")
    from pet_mtl.serving.guard import Access
    from pet_mtl.serving.limits import Limits
    from pet_mtl.serving.server import open_socket
    from pet_mtl.serving.workers import Settings, Workers, serve_here

    if workers > 1 and not hasattr(os, "fork"):
        raise PetMtlError(
            f"{workers} processes cannot share one socket on Windows",
            where="--workers",
            hint="leave it out: one process uses all cores",
        )
    access = Access(host, tuple(allow_host or ()), token or None)
    access.check()
    settings = Settings(
        tuple(checkpoints),
        access,
        Limits(max_body, max_rows, max_length, max_queue, answer_seconds=timeout),
        batch_tokens,
        max_wait / 1000,
        log_texts,
    )
    with open_socket(host, port) as opened:
        code = (
            serve_here(settings, opened)
            if workers == 1
            else Workers(settings, opened, workers).run()
        )
    raise typer.Exit(code)
