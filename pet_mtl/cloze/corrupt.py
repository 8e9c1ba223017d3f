"""What stands in the place of a piece that is to be predicted: 80 % masks, 10 % other pieces, 10 %
the piece itself."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.draws import Draws

BoolArray = npt.NDArray[np.bool_]

_KIND, _PIECE = 8, 9  # streams that no strategy uses


def corrupt(
    ids: npt.NDArray[np.int64],
    chosen: BoolArray,
    draws: Draws,
    *,
    mask_id: int,
    replacements: npt.NDArray[np.int64],
    always_mask: BoolArray | None = None,
) -> npt.NDArray[np.int64]:
    """Return `ids` `[N, L]` with the chosen pieces corrupted.

    Args:
        chosen: `[N, L]` pieces to predict.
        mask_id: id of the mask.
        replacements: ids that a piece may be replaced by: no special ones.
        always_mask: `[N, L]` chosen pieces that become masks without exception.
    """
    length = ids.shape[1]
    kind = draws.uniform(_KIND, length)
    if always_mask is not None:
        kind = np.where(always_mask, 0.0, kind)
    other = replacements[(draws.uniform(_PIECE, length) * len(replacements)).astype(np.int64)]
    out = np.where(chosen & (kind < 0.8), mask_id, ids)
    return np.where(chosen & (kind >= 0.8) & (kind < 0.9), other, out)


def replacement_ids(tokenizer: Any) -> npt.NDArray[np.int64]:
    """Return the ids of all pieces that are neither special nor `[unused1]` and its like."""
    special = set(tokenizer.all_special_ids)
    unused = {
        i for piece, i in tokenizer.get_vocab().items() if piece.startswith(("[unused", "<unused"))
    }
    return np.array(
        [i for i in range(len(tokenizer)) if i not in special and i not in unused], dtype=np.int64
    )
