"""The decoder rows of label words, averaged for each label."""

import torch
from torch import Tensor

from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.errors import PetMtlError
from pet_mtl.model.mlm_head import MlmHead, SplitHead


@torch.no_grad()
def label_rows(head: MlmHead, words: LabelWords) -> tuple[Tensor, Tensor]:
    """Return rows `[K, M, E]` and biases `[K, M]`: slot by slot, the mean over the label's words of
    `M` pieces.

    Raises:
        PetMtlError: the family's decoder is not known.
    """
    if not isinstance(head, SplitHead):
        raise PetMtlError(
            "the model's family has no decoder with a row for each piece",
            hint="choose another model, or `verbalizer_kind: weighted`",
        )
    weight, bias = head.decoder()
    pieces, owners = torch.tensor(words.pieces, device=weight.device), torch.tensor(words.labels)
    member = torch.nn.functional.one_hot(owners, words.num_labels).T.float()  # [K, W]
    member = member / member.sum(-1, keepdim=True)
    rows = torch.einsum("kw,wme->kme", member, weight.detach()[pieces].float().cpu())
    biases = (
        torch.zeros(rows.shape[:2])
        if bias is None
        else member @ bias.detach()[pieces].float().cpu()
    )
    return rows, biases
