"""A run in a folder of runs that one command makes: it goes on where it was stopped, or begins
anew."""

import shutil
from pathlib import Path

from pet_mtl.atomic import recover_folder
from pet_mtl.console import say
from pet_mtl.errors import DamagedError
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.storage.state import read_progress


def take_up(run: Path) -> bool:
    """Return whether a run was stopped and can go on; what is there of another is removed.

    A run whose state is damaged begins anew, which is said: the other runs are not held up by it.
    """
    last, best = run / "last", run / "checkpoint"
    for folder in (last, best):
        recover_folder(folder)
    if last.exists():
        try:
            for folder in (last, best) if read_progress(last).best_step else (last,):
                read_checkpoint(folder)
            return True
        except DamagedError as error:
            problem = error.problems[0]
            say(f"warning: {problem.where}: {problem.message}: this run begins anew")
    shutil.rmtree(run, ignore_errors=True)
    return False
