"""Words near the label's own ones in the embedding space of the model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.scoring.log_probs import FloatArray


@torch.inference_mode()
def neighbour_scores(
    mlm: Any,
    tokenizer: PieceTokenizer,
    words: Sequence[str],
    own: Sequence[Sequence[int]],
    *,
    space_before: bool = False,
) -> FloatArray:
    """Return `[K, C]`: a word's largest cosine with one of the label's own words.

    A word is the mean of its pieces' input embeddings, less the mean of all words: embeddings of
    masked language models lie in a narrow cone, in which everything is near everything.

    Args:
        words: `C` candidates.
        own: for each label, which of them are its words.
        space_before: whether a space stands before the slot: byte-level pieces have it.
    """
    table = mlm.get_input_embeddings().weight.detach().float()
    vectors = torch.stack(
        [table[ids].mean(0) for ids in tokenizer.encode(words, space_before=space_before)]
    )
    unit = F.normalize(vectors - vectors.mean(0), dim=-1)
    nearest = torch.stack([(unit @ unit[list(of_label)].T).amax(-1) for of_label in own])
    return np.asarray(nearest.cpu().numpy())
