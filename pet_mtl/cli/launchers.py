"""`torchrun`, `accelerate launch` and `mpirun`: commands that one of them has started several times
do the work once, together, or refuse."""

import os

from pet_mtl.console import started_together
from pet_mtl.errors import PetMtlError

_TOGETHER = ("train", "pretrain", "score", "predict")
_HINTS = dict.fromkeys(("compare", "sweep"), "start the same command in several shells")


def check_launcher(command: str) -> None:
    """Refuse what would be done several times over, or by fewer processes than the user wants.

    Raises:
        PetMtlError: several processes for a command of one; or one where several were asked for.
    """
    count = started_together()
    if count > 1 and command not in _TOGETHER:
        raise PetMtlError(
            f"`{command}` runs in one process",
            hint=_HINTS.get(command, "start it without `torchrun` or `accelerate launch`"),
        )
    # `accelerate launch` names an address for several processes; without a GPU, and without MPI, it
    # starts one all the same, and says nothing.
    wanted = {"ACCELERATE_USE_CPU", "MASTER_ADDR"} <= set(os.environ)
    if count == 1 and wanted and "WORLD_SIZE" not in os.environ:
        raise PetMtlError(
            "`accelerate launch` was told to start several processes and has started one",
            hint="on a CPU start them with `torchrun --nproc_per_node N -m pet_mtl …`",
        )
