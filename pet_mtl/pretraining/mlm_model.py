"""A masked language model and its loss: the decoder runs at the masked positions only."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pet_mtl.model.backbone import Backbone
from pet_mtl.objectives.altered import slots_of
from pet_mtl.objectives.mlm_loss import IGNORED, mlm_loss
from pet_mtl.pretraining.masking.take import BoolArray
from pet_mtl.pretraining.rows import RowBatch


@dataclass(frozen=True)
class MlmBatch:
    """Masked rows as tensors.

    Attributes:
        input_ids: `[N, L]`, corrupted.
        attention_mask: `[N, L]` 1 for tokens, 0 for padding.
        slots: `[N, M]` masked positions; a row with fewer than `M` repeats position 0.
        at: `[K]` which of the `N * M` slots are real, filled up with repeats.
        targets: `[K]` ids to predict, -100 for the repeats.
        masked: number of real targets.
        tokens: number of real tokens.
        rows: the first so many of the `N` rows count; the others keep the shape.
    """

    input_ids: Tensor
    attention_mask: Tensor
    slots: Tensor
    at: Tensor
    targets: Tensor
    masked: int
    tokens: int
    rows: int

    def without_targets(self) -> "MlmBatch":
        """Return a batch of the same shape that counts nothing."""
        return replace(
            self, targets=torch.full_like(self.targets, IGNORED), masked=0, tokens=0, rows=0
        )

    def to(self, device: torch.device) -> "MlmBatch":
        """Return the batch on another device."""
        if device.type == "cpu":
            return self

        def move(tensor: Tensor) -> Tensor:
            return tensor.pin_memory().to(device, non_blocking=True)

        return replace(
            self,
            input_ids=move(self.input_ids),
            attention_mask=move(self.attention_mask),
            slots=move(self.slots),
            at=move(self.at),
            targets=move(self.targets),
        )


def mlm_batch(batch: RowBatch, corrupted: npt.NDArray[np.int64], chosen: BoolArray) -> MlmBatch:
    """Build the tensors of a batch.

    Args:
        batch: the rows.
        corrupted: `[N, L]` what the model reads.
        chosen: `[N, L]` what it predicts.
    """
    row, column = np.nonzero(chosen)
    slots, at = slots_of(row, column, batch.ids.shape)
    targets = np.full_like(at, IGNORED)
    targets[: len(row)] = batch.ids[row, column]
    attention_mask = (np.arange(batch.ids.shape[1]) < batch.lengths[:, None]).astype(np.int64)
    return MlmBatch(
        torch.from_numpy(corrupted),
        torch.from_numpy(attention_mask),
        torch.from_numpy(slots),
        torch.from_numpy(at),
        torch.from_numpy(targets),
        len(row),
        batch.tokens,
        len(batch.rows),
    )


class MlmModel(nn.Module):
    """The masked-language-model loss of a backbone."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, batch: MlmBatch) -> tuple[Tensor, Tensor]:
        """Return the sum of the targets' cross-entropies (fp32) and how many targets the model
        ranks first."""
        # [N, M, H]
        hidden = self.backbone.encode(batch.input_ids, batch.attention_mask, batch.slots)
        states = self.backbone.head.states(hidden.flatten(0, 1)[batch.at])
        return mlm_loss(self.backbone.head.logits(states), batch.targets)
