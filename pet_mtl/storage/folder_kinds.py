"""Which command a folder belongs to."""

from pathlib import Path

from pet_mtl.errors import PetMtlError

BEGUN = ".begun.json"  # what a training run needs to begin anew
_RUN = ("checkpoint", "last", BEGUN)
_KINDS = {"compare.json": "a comparison", "distill.json": "a distillation", "sweep.json": "a sweep"}


def refuse_others(folder: Path, own: str = "") -> None:
    """Refuse a folder of runs of another kind, whose files would be written over.

    Args:
        own: the file of settings of this kind; a training run has none.

    Raises:
        PetMtlError: it is one.
    """
    found = [what for name, what in _KINDS.items() if name != own and (folder / name).is_file()]
    if own and any((folder / name).exists() for name in _RUN):
        found.append("a training run")
    if found:
        raise PetMtlError(
            f"the folder holds {found[0]}",
            where=str(folder),
            hint="choose another folder with `--out DIR`",
        )
