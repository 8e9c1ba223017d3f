"""`pet-mtl average`."""

from pathlib import Path
from typing import Annotated

import typer


def average(
    checkpoints: Annotated[list[Path], typer.Argument(metavar="CHECKPOINT", help="Two or more checkpoint folders.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the new checkpoint goes.")],
) -> None:
    """Make one checkpoint of several: the mean of their weights. They must have started from the same backbone."""
    from pet_mtl.console import say
    from pet_mtl.training.average import average_checkpoints

    average_checkpoints(checkpoints, out)
    typer.echo(str(out))
    say(f"see what it is worth: pet-mtl score {' '.join(map(str, checkpoints))} {out}")
