"""`pet-mtl average`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.console import put_places
from pet_mtl.text import in_shell


def average(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER", help="Two or more checkpoints, or models that `pretrain` made."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the mean goes.")],
) -> None:
    """Make one checkpoint or model of several: the mean of their weights.

    They must have started from the same one.
    """
    from pet_mtl.console import say
    from pet_mtl.pretraining.average import average_models
    from pet_mtl.storage.average import average_checkpoints
    from pet_mtl.storage.checkpoint import MANIFEST

    # a run's folder, which holds one, is explained by the reader of checkpoints
    places = [inner for folder in folders for inner in (folder, folder / "checkpoint")]
    if any((place / MANIFEST).is_file() for place in places):
        average_checkpoints(folders, out)
        say(f"see what it is worth: pet-mtl score {' '.join(map(in_shell, [*folders, out]))}")
    else:
        average_models(folders, out)
    put_places([out])
