"""The encoder of a masked language model without its head: token ids in, token states out."""

from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.errors import PetMtlError
from pet_mtl.model.padding import padding_matters, read_by_length
from pet_mtl.model.slot_encoder import BERT_LIKE, SlotEncoder, fits_slot_encoder

# These families write a second sentence as segment 1; RoBERTa and its kin have one segment,
# whatever their config says.
_SEGMENTED = frozenset({"bert", "ernie", "electra", "albert", "roformer", "convbert"})


class Encoder(nn.Module):
    """Read the encoder of a masked language model; a copy of this module is an encoder of its own.

    Args:
        separator: the id behind each sentence; where the family has segments, what follows the
            first one is segment 1.

    Attributes:
        base: the model's `base_model`.
        size: `H`.
    """

    def __init__(self, mlm: Any, attention: str, separator: int | None = None) -> None:
        super().__init__()
        self.base = mlm.base_model
        self.size: int = mlm.config.hidden_size
        self.depth: int = mlm.config.num_hidden_layers
        segmented = mlm.config.model_type in _SEGMENTED and mlm.config.type_vocab_size > 1
        self._separator = separator if segmented else None
        self.family: str = mlm.config.model_type
        self._slots = SlotEncoder(mlm.base_model, attention) if fits_slot_encoder(mlm) else None
        self._by_length = self._slots is None and padding_matters(mlm, self._states)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, *, first_only: bool = False
    ) -> Tensor:
        """Return the last layer's states.

        Args:
            input_ids: `[N, L]`.
            attention_mask: `[N, L]`.
            first_only: read the first token alone; where the family allows it, only that is
                computed.

        Returns:
            `[N, L, H]`, or `[N, 1, H]`.
        """
        length = 1 if first_only else input_ids.shape[1]
        if self._slots is not None:
            positions = torch.arange(length, device=input_ids.device).expand(len(input_ids), -1)
            return self._slots(input_ids, attention_mask, positions, self.segments(input_ids))
        if self._by_length:
            return read_by_length(self._states, input_ids, attention_mask)[:, :length]
        return self._states(input_ids, attention_mask)[:, :length]

    def _states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states: Tensor = self._run(input_ids, attention_mask).last_hidden_state
        return states

    def _stacked(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return `[N, L, (layers + 1) * H]`."""
        output = self._run(input_ids, attention_mask, output_hidden_states=True)
        return torch.cat(output.hidden_states, -1)

    def _run(self, input_ids: Tensor, attention_mask: Tensor, **more: Any) -> Any:
        if (segments := self.segments(input_ids)) is not None:
            more["token_type_ids"] = segments
        return self.base(input_ids=input_ids, attention_mask=attention_mask, **more)

    def segments(self, input_ids: Tensor) -> Tensor | None:
        """Return token types `[N, L]`; None where the family has none."""
        if self._separator is None:
            return None
        ends = (input_ids == self._separator).long()  # user text never holds the separator
        return (ends.cumsum(1) - ends).clamp(max=1)

    def slots(self) -> SlotEncoder:
        """Return the encoder as one that can be run layer by layer.

        Raises:
            PetMtlError: the family is not BERT-like.
        """
        if self._slots is None:
            raise PetMtlError(
                f"a model of the family `{self.family}` cannot be run layer by layer",
                where="method.sharing",
                hint=(
                    "`cross-stitch` is for the families "
                    f"{', '.join(sorted(BERT_LIKE))}; choose another sharing"
                ),
            )
        return self._slots

    def layers(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Return the states of the embeddings and of every layer, each `[N, L, H]`.

        Raises:
            PetMtlError: the family does not give them.
        """
        if self._by_length:
            stacked = read_by_length(self._stacked, input_ids, attention_mask)
            return torch.chunk(stacked, self.depth + 1, -1)
        if self._slots is not None:
            read = dict.fromkeys(range(self.depth), torch.empty(0))
            positions = torch.arange(input_ids.shape[1], device=input_ids.device)
            last = self._slots(
                input_ids,
                attention_mask,
                positions.expand(len(input_ids), -1),
                self.segments(input_ids),
                read=read,
            )
            return (*read.values(), last)
        output = self._run(input_ids, attention_mask, output_hidden_states=True)
        states: tuple[Tensor, ...] | None = getattr(output, "hidden_states", None)
        if states is None:
            raise PetMtlError(
                "this model does not show its layers",
                hint="choose other features, such as `mean`",
            )
        return states
