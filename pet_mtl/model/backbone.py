"""A masked language model, read at its slots."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from pet_mtl.cloze.batch import LENGTH_STEP
from pet_mtl.errors import PetMtlError
from pet_mtl.model.amendments import NONE, Amendments, hooked
from pet_mtl.model.attention_frame import SLOT_STEP, pad_rows
from pet_mtl.model.causal import is_causal_class
from pet_mtl.model.mlm_head import MlmHead, SplitHead, WholeHead, split_head
from pet_mtl.model.padding import padding_matters, read_by_length
from pet_mtl.model.slot_encoder import SlotEncoder, fits_slot_encoder

# These families count positions from `padding_idx + 1`, so two fewer can be used.
_POSITIONS_FROM_2 = frozenset(
    [
        "camembert",
        "data2vec-text",
        "esm",
        "ibert",
        "longformer",
        "luke",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    ]
)


class Backbone(nn.Module):
    """A masked language model of any family.

    Attributes:
        mlm: the transformers model; its parameters are the only ones.
        head: its MLM head, split where the family is known.
        shows_states: what is read are the encoder's states, not the logits, as of a family whose
            head is not known.
        whole: gives what the head reads of every token, `[N, L, X]`, of ids and their mask.
        by_length: a row's states depend on the padding beside it, so rows of one length are read
            together; see `model.padding`.
    """

    def __init__(self, mlm: Any, attention: str = "eager") -> None:
        super().__init__()
        self.mlm = mlm
        mlm.config.return_dict = True  # what it returns is read by name
        split = split_head(mlm)
        lone = None if split else _lone_head(mlm)
        self.head: MlmHead = split or WholeHead(lone or nn.Identity())
        self.shows_states = bool(split or lone)
        self.whole = self._encode if self.shows_states else self._logits
        self.by_length = False
        if split and fits_slot_encoder(mlm):
            self.encode: Callable[..., Tensor] = SlotEncoder(mlm.base_model, attention)
        else:
            self.encode = self._read
            # what stands behind a token is nothing to a causal model
            causal = is_causal_class(type(mlm).__name__)
            self.by_length = not causal and padding_matters(mlm, self.whole)

    def use_sparse_lookups(self) -> nn.Parameter | None:
        """Let lookups in the word embeddings have sparse gradients, and return the weight; None
        where it is not tied.

        A dense gradient costs passes over all of `[V, H]` for each piece of a step. AdamW and
        clipping want a dense one: `weight.grad` must be zeros, not None, before the first backward
        pass, and sparse ones are added to it.
        """
        table: Any = self.mlm.get_input_embeddings()
        if not isinstance(table, nn.Embedding) or not isinstance(self.head, SplitHead):
            return None
        weight: nn.Parameter = table.weight  # type: ignore[assignment]
        if self.head.decoder()[0] is not weight:
            return None
        table.sparse = True
        self.head = replace(self.head, sparse=True)
        return weight

    def _read(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        slots: Tensor,
        *,
        all_rows: bool = False,
        **more: Any,
    ) -> Tensor:
        if self.by_length:
            states = read_by_length(self.whole, input_ids, attention_mask, all_rows=all_rows)
        else:
            states = self.whole(input_ids, attention_mask, **more)
        return _at_slots(states, slots)

    def _encode(self, input_ids: Tensor, attention_mask: Tensor, **more: Any) -> Tensor:
        hidden: Tensor = self.mlm.base_model(
            input_ids=input_ids, attention_mask=attention_mask, **more
        ).last_hidden_state
        return hidden

    def _logits(self, input_ids: Tensor, attention_mask: Tensor, **more: Any) -> Tensor:
        logits: Tensor = self.mlm(input_ids=input_ids, attention_mask=attention_mask, **more).logits
        return logits

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        slots: Tensor,
        amendments: Amendments = NONE,
    ) -> Tensor:
        """Return what the head reads at the slots.

        Args:
            input_ids: `[N, L]`.
            attention_mask: `[N, L]`.
            slots: `[N, M]` positions.
            amendments: what this batch changes.

        Returns:
            `[N, M, E]`, to be given to `head.piece_logits` and `head.log_normalizer`.
        """
        hidden = self.hidden(input_ids, attention_mask, slots, amendments)
        return self.read(hidden, amendments)

    def hidden(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        slots: Tensor,
        amendments: Amendments = NONE,
        **more: Any,
    ) -> Tensor:
        """Return the encoder's states at the slots, `[N, M, H]`; see `forward` for the arguments.

        A family whose head is not known gives its logits.

        Args:
            more: for families that run as transformers has them, what else their `forward` is
                given.
        """
        if isinstance(self.encode, SlotEncoder):
            return self.encode(input_ids, attention_mask, slots, amendments=amendments)
        if amendments:  # these modules call one another: only hooks reach them
            with hooked(self.mlm, amendments):
                return self._read(input_ids, attention_mask, slots, all_rows=True, **more)
        return self.encode(input_ids, attention_mask, slots, **more)

    def read(self, hidden: Tensor, amendments: Amendments = NONE) -> Tensor:
        """Turn the encoder's states `[N, M, H]` into what the head's other methods read, `[N, M,
        E]`."""
        if amendments and not isinstance(self.encode, SlotEncoder):
            # in turn, as the encoder: another thread's hooks must not meet the head's modules
            with hooked(self.mlm, amendments):
                return self.read(hidden)
        if not isinstance(self.head, SplitHead):
            return self.head.states(hidden)
        rows = hidden.flatten(0, 1)
        padded = pad_rows(rows, SLOT_STEP, training=self.training)
        states = self.head.states(padded, amendments)
        return states[: len(rows)].view(*hidden.shape[:2], -1)


def _at_slots(states: Tensor, slots: Tensor) -> Tensor:
    return states.gather(1, slots[..., None].expand(-1, -1, states.shape[-1]))


def _lone_head(mlm: Any) -> Any:
    """Return the one module that follows the base model of an unknown family, None where that is
    not all there is."""
    if is_causal_class(type(mlm).__name__):
        return None  # some scale or cap their logits
    others = [module for module in mlm.children() if module is not mlm.base_model]
    # decoders add a bias of their own to the logits (BART)
    return others[0] if len(others) == 1 and not mlm.config.is_encoder_decoder else None


def check_length(mlm: Any, max_length: int, hint: str = "set `-s train.max_length={}`") -> None:
    """Refuse prompts that are longer than the backbone's positions.

    Args:
        hint: how the caller's user sets another length.

    Raises:
        PetMtlError: `max_length` is too large.
    """
    positions = getattr(mlm.config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return
    usable = positions - (2 if mlm.config.model_type in _POSITIONS_FROM_2 else 0)
    usable -= usable % LENGTH_STEP  # batches are padded to a multiple of it
    if max_length > usable:
        raise PetMtlError(
            f"`train.max_length` is {max_length}, but the model has positions for {usable} tokens",
            hint=hint.format(usable),
        )
