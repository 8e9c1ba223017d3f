"""`pet-mtl push`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import Json
from pet_mtl.console import complain, put_json, put_places, say
from pet_mtl.errors import PetMtlError
from pet_mtl.text import one_line


def push(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Checkpoint folder.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="USER/NAME on the hub.")],
    private: Annotated[
        bool, typer.Option("--private", help="Only into a private repository.")
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Holds the token.", show_default="HF_TOKEN, or `hf auth login`"
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="A branch; made if missing.", show_default="main"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Upload without asking.")] = False,
    json_: Json = False,
) -> None:
    """Upload a checkpoint to the Hugging Face hub, after listing its files and asking.

    `HF_ENDPOINT` names another hub.
    """
    from pet_mtl.hub.contents import files_to_push
    from pet_mtl.hub.push import endpoint, target
    from pet_mtl.hub.push import push as upload

    to = target(repo, revision, private, token_file)
    uploads = files_to_push(checkpoint)
    size = sum(one.size for one in uploads)
    for one in uploads:
        say(f"{one.size:>15,}  {one_line(one.path)}")
    branch = "" if revision is None else f", branch {revision}"
    kind = "private" if private else "public, unless it is private there"
    say(f"{size:>15,}  bytes in {len(uploads)} files to {endpoint()}/{repo}{branch} ({kind})")
    _require_yes(yes)
    done = upload(to, uploads, f"Checkpoint of {len(uploads)} files by pet-mtl")
    if json_:
        put_json(
            {
                "repo": repo,
                "url": done.url,
                "commit": done.commit,
                "revision": revision or "main",
                "private": private,
                "files": [{"path": one.path, "bytes": one.size} for one in uploads],
            }
        )
    else:
        put_places([done.url])


def _require_yes(yes: bool) -> None:
    """Ask whether to upload, on a terminal.

    Raises:
        PetMtlError: there is nobody to ask, or the answer is no.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty() or sys.stderr is None:
        raise PetMtlError(
            "nothing is uploaded unasked", where="pet-mtl push", hint="add `--yes` to upload"
        )
    complain("upload? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise PetMtlError("not uploaded", where="pet-mtl push")
