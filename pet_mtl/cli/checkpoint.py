"""`pet-mtl checkpoint`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.atomic import require_new_folder
from pet_mtl.cli.options import (
    Calibration,
    DataRoot,
    Overrides,
    Tasks,
    Verbalizers,
    calibration_choice,
    files_by_task,
    names_of,
)
from pet_mtl.cli.untrained import Labels, untrained_suite
from pet_mtl.console import put_places


def checkpoint(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Embedded backbone, folder or hub name.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write; must be new.")],
    patterns: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Pattern file, or a bundled one: `default` is one."),
    ] = None,
    labels: Labels = None,
    tasks: Tasks = None,
    verbalizer: Verbalizers = None,
    calibration: Calibration = None,
    data_root: DataRoot = None,
    override: Overrides = None,
) -> None:
    """Make a checkpoint of a model as it is, for the tasks of a pattern file or some labels.

    For all that takes checkpoints: `serve`, `export`, `predict` in shards, `push`.
    """
    require_new_folder(out)
    from pet_mtl.scoring.zero_shot import load_untrained, plan_untrained, save_untrained

    choice = calibration_choice(calibration)
    suite = untrained_suite(
        model,
        patterns,
        labels,
        override or (),
        files_by_task("--verbalizer", verbalizer),
        choice,
        data_root=data_root,
        only=names_of(tasks),
    )
    loaded = load_untrained(suite)
    plan = plan_untrained(loaded.suite, loaded.suite.tasks, choice)
    loaded.calibration = plan.carry_out(loaded.raw_log_probs)
    save_untrained(loaded, out)
    put_places([out])
