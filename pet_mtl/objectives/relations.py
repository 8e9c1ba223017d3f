"""Relations of a layer's queries, keys or values among themselves (MiniLMv2, Wang et al. 2021).

Which token looks at which says what a layer does without its width: a student may be narrower than
its teacher. Widths are cut into relation heads anew, so the heads of the two may differ as well.
"""

import math

import torch
from torch import Tensor


def relation_logs(vectors: Tensor, heads: int, read: Tensor) -> Tensor:
    """Return log softmax(A Aᵀ / √d) of each relation head, `[N, heads, L, L]` in fp32.

    Args:
        vectors: `[N, L, H]` the queries, keys or values of a layer, all heads side by side.
        heads: relation heads, of `d = H / heads` each.
        read: `[N, L]` which tokens are real: nothing relates to the others.
    """
    count, length, width = vectors.shape
    cut = vectors.view(count, length, heads, width // heads).transpose(1, 2)
    scores = (cut @ cut.transpose(2, 3)).float() / math.sqrt(width // heads)
    return scores.masked_fill(~read[:, None, None, :], -torch.inf).log_softmax(-1)


def relation_loss(own: Tensor, taught: Tensor, counts: Tensor) -> Tensor:
    """Return the sum over tokens of KL(teacher ‖ model), the mean over heads, in fp32.

    Args:
        own: `[N, heads, L, L]` log relations of the model, of `relation_logs`.
        taught: the teacher's.
        counts: `[N, L]` tokens whose relations count.
    """
    apart = torch.where(taught.isneginf(), 0.0, taught - own)  # padding is no token to either
    return ((taught.exp() * apart).sum(-1).mean(1) * counts).sum()


def state_loss(own: Tensor, taught: Tensor, counts: Tensor) -> Tensor:
    """Return the sum over tokens of the mean squared difference of their states (TinyBERT, Jiao et
    al. 2020), in fp32.

    Args:
        own: `[N, L, H]`.
        taught: `[N, L, H]`.
        counts: `[N, L]` tokens whose states count.
    """
    return ((own.float() - taught.float()).square().mean(-1) * counts).sum()
