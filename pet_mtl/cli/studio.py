"""`pet-mtl studio`."""

from typing import Annotated

import typer

from pet_mtl.cli.options import (
    AllowHost,
    DataRoot,
    Host,
    Limit,
    ModelName,
    Patterns,
    Port,
    RowsOfTask,
    StateCache,
    pattern_file,
    require_known,
)


def studio(
    patterns: Patterns = None,
    model: ModelName = None,
    port: Port = 0,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser", help="Open the page in a browser, unless it has a token."
        ),
    ] = True,
    rows: RowsOfTask = "dev",
    limit: Limit = None,
    data_root: DataRoot = None,
    cache: StateCache = None,
    host: Host = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="PET_MTL_TOKEN",
            show_envvar=True,
            metavar="TOKEN",
            help="Secret that the page must carry; the printed address holds it.",
        ),
    ] = None,
    allow_host: AllowHost = None,
) -> None:
    """Edit label words and patterns in the browser and see at once what they change."""
    from typing import cast

    from pet_mtl.serving.extra import require_extra

    require_extra("pet-mtl studio")
    from pet_mtl.console import put, say
    from pet_mtl.serving.guard import Access
    from pet_mtl.serving.server import address_of, open_socket, run_server
    from pet_mtl.studio.app import Choice, create_app
    from pet_mtl.studio.page import page_address
    from pet_mtl.studio.schema import LIMITS
    from pet_mtl.words.loaded import load
    from pet_mtl.words.try_words import RowsOf

    require_known("rows", rows, RowsOf, "--rows")
    access = Access(host, tuple(allow_host or ()), token or None)
    access.check()
    loaded = load(None if patterns is None else pattern_file(patterns), model, data_root=data_root)
    choice = Choice(loaded.from_checkpoint, cast(RowsOf, rows), limit, cache)
    app = create_app(loaded, choice, access)
    with open_socket(host, port) as opened:
        address = page_address(address_of(opened, host), token)
        put(address)
        say("Ctrl-C ends")
        if browser and token:
            say(
                "open it yourself: a browser's command line, which all users of the machine can "
                "see, would hold the token"
            )
        elif browser:
            import webbrowser

            webbrowser.open(address)
        code = run_server(app, opened, LIMITS)
    raise typer.Exit(code)
