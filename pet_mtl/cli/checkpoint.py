"""`pet-mtl checkpoint`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.atomic import require_new_folder
from pet_mtl.cli.options import (
    Calibration,
    DataRoot,
    Overrides,
    PatternFile,
    Tasks,
    Verbalizers,
    calibration_choice,
    files_by_task,
    names_of,
    pattern_file,
)
from pet_mtl.console import put_places


def checkpoint(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Embedded backbone, folder or hub name.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write; must be new.")],
    patterns: PatternFile = "default",
    tasks: Tasks = None,
    verbalizer: Verbalizers = None,
    calibration: Calibration = None,
    data_root: DataRoot = None,
    override: Overrides = None,
) -> None:
    """Make a checkpoint of a model and tasks without training, calibrated on rows without labels.

    For all that takes checkpoints: `serve`, `export`, `predict` in shards, `push`.
    """
    require_new_folder(out)
    from pet_mtl.scoring.zero_shot import load_untrained, plan_untrained, save_untrained
    from pet_mtl.suite.suite import load_suite

    loaded = load_untrained(
        load_suite(
            pattern_file(patterns),
            model=model,
            overrides=override or (),
            data_root=data_root,
            verbalizers=files_by_task("--verbalizer", verbalizer),
            only=names_of(tasks),
        )
    )
    plan = plan_untrained(loaded.suite, loaded.suite.tasks, calibration_choice(calibration))
    loaded.calibration = plan.carry_out(loaded.raw_log_probs)
    save_untrained(loaded, out)
    put_places([out])
