"""Conditional LayerNorm: γ' = γ + W_γ c and β' = β + W_β c, W zero at the start, without bias (Su
2020, kexue 7124).

The model's own norms run as they are and x̂ · W_γ c + W_β c is added to what they give, so that at
the start nothing changes, to the last bit, whatever the family (of the model run by its modules:
`fused_layer` rounds its own way); the masked language model itself is left untouched.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.errors import PetMtlError
from pet_mtl.model.amendments import Amend, Amendments
from pet_mtl.model.attention_frame import pad_to
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.mlm_head import SplitHead
from pet_mtl.model.slot_encoder import SlotEncoder


class ConditionalNorms(nn.Module):
    """What a condition adds to each LayerNorm of a backbone.

    Args:
        backbone: its norms are found here; they stay as they are.
        size: `C`, numbers of a condition.

    Raises:
        PetMtlError: the backbone has no LayerNorm.
    """

    def __init__(self, backbone: Backbone, size: int) -> None:
        super().__init__()
        norms = {
            name: module
            for name, module in backbone.mlm.named_modules()
            if isinstance(module, nn.LayerNorm)
        }
        if not norms:
            raise PetMtlError(
                f"the family `{backbone.mlm.config.model_type}` has no LayerNorm that a task "
                "could be told by",
                hint="choose another model or method",
            )
        self._norms = list(norms.values())  # a plain list: they are the backbone's
        # [W_γ; W_β] of each norm
        self.weights = nn.ParameterList(
            nn.Parameter(torch.zeros(2 * n.normalized_shape[-1], size)) for n in self._norms
        )
        self._flat = isinstance(backbone.encode, SlotEncoder)
        # the norms that run at the slots only, over flat rows: the head's, and the last layer's of
        # a `SlotEncoder`
        self._at_slots: set[nn.Module] = set()
        if isinstance(backbone.head, SplitHead):
            self._at_slots = set(backbone.mlm.modules()) - set(backbone.mlm.base_model.modules())
        if isinstance(backbone.encode, SlotEncoder):
            self._at_slots |= set(backbone.encode.encoder.encoder.layer[-1].modules())

    def conditioned(self, conditions: Tensor, rows: Tensor, length: int, slots: int) -> Amendments:
        """Return what makes the norms of one batch follow the conditions.

        Args:
            conditions: `[T, C]`.
            rows: `[N]` the condition of each row of the batch.
            length: `L`.
            slots: `M`.
        """
        changes: dict[nn.Module, Amend] = {}
        for norm, weight in zip(self._norms, self.weights, strict=True):
            wide = slots if norm in self._at_slots else length if self._flat else None
            changes[norm] = partial(
                _change, norm, conditions=conditions, weight=weight, rows=rows, wide=wide
            )
        return changes


def _change(
    norm: nn.LayerNorm,
    states: Tensor,
    output: Tensor,
    *,
    conditions: Tensor,
    weight: Tensor,
    rows: Tensor,
    wide: int | None,
) -> Tensor:
    """Return a norm's output under the conditions.

    Args:
        states: what the norm read, `[N, …, H]`, or `[≥ N * wide, H]` where the rows of a batch are
            laid end to end.
    """
    if states.ndim == 2 and wide is None:
        return output  # a table that all rows share (DeBERTa's relative positions)
    # few numbers: full precision costs nothing
    with torch.autocast(states.device.type, enabled=False):
        change = F.linear(conditions, weight)[rows]  # [N, 2 H]
    if wide is not None and states.ndim == 2:
        # a gather of each token's row would add up its gradient one token after the other
        change = change[:, None].expand(-1, wide, -1).flatten(0, 1)
        change = pad_to(change, len(states))
    gain, shift = change.view(len(change), *[1] * (states.ndim - 2), -1).chunk(2, -1)
    plain = F.layer_norm(states, norm.normalized_shape, eps=norm.eps)
    return output + (plain * gain + shift).to(output.dtype)
