"""One masked language model for many classification tasks.

Every task is rewritten as a cloze: a task prefix, a pattern with a mask, and label words. The MLM
head scores the label words at the masks; tasks differ only in how their rows are written.

    import pet_mtl

    model = pet_mtl.load("runs/default-1/checkpoint")
    model.predict(["央行宣布下调存款准备金率"], task="tnews")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pet_mtl.scoring.predictor import Predictor

__all__ = ["load"]


def load(folder: str | Path) -> "Predictor":
    """Load a checkpoint folder for prediction.

    Raises:
        PetMtlError: no checkpoint, one of a newer format, or a damaged one.
    """
    from pet_mtl.scoring.predictor import Predictor

    return Predictor(Path(folder))
