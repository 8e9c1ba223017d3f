"""Another vocabulary for a masked language model: each new piece starts as the mean of the old
pieces of its text."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError

_ROLES = (
    "pad_token",
    "unk_token",
    "cls_token",
    "sep_token",
    "bos_token",
    "eos_token",
    "mask_token",
)


def give_vocabulary(mlm: Any, old: PieceTokenizer, new: PieceTokenizer) -> None:
    """Change the embeddings, and the decoder with its biases, of a model in place.

    A piece that both vocabularies have keeps its row. Any other piece is the mean of the rows of
    the old pieces that its text falls into (Hewitt 2021, "Initializing new word embeddings for
    pretrained language models", has the mean of all rows); of a character that the old tokenizer
    does not know, the mean of the old pieces that contain it; where there are none either, the mean
    of all rows.

    Raises:
        PetMtlError: the model's decoder cannot be changed, or it has fewer rows than its tokenizer
            has pieces; its positions count from a padding piece that has another id.
    """
    # RoBERTa and its kin: another id would move all positions, in the stored model only
    padding = getattr(getattr(mlm.base_model, "embeddings", None), "padding_idx", new.pad_id)
    if padding != new.pad_id:
        raise PetMtlError(
            f"the family `{mlm.config.model_type}` counts positions from its padding piece, number "
            f"{padding}, and the padding piece of this vocabulary is number {new.pad_id}",
            where="--tokenizer",
            hint=f"choose a tokenizer whose padding piece is number {padding}, or a BERT model",
        )
    table = mlm.get_input_embeddings().weight.detach()
    decoder = mlm.get_output_embeddings()
    if decoder is None or len(decoder.weight) < old.vocab_size or len(table) < old.vocab_size:
        raise PetMtlError(
            f"the family `{mlm.config.model_type}` cannot be given another vocabulary",
            where="--tokenizer",
            hint="choose a model whose decoder has a row for each piece of its tokenizer",
        )
    tied = mlm.get_input_embeddings().weight is decoder.weight
    sources = piece_sources(old, new)
    rows = _means(table, sources)
    outputs = None if tied else _means(decoder.weight.detach(), sources)
    biases = None if decoder.bias is None else _biases(decoder.bias.detach(), sources)
    mlm.resize_token_embeddings(len(sources), mean_resizing=False)
    for name in _ROLES:
        if getattr(mlm.config, f"{name}_id", None) is not None:
            setattr(mlm.config, f"{name}_id", getattr(new.tokenizer, f"{name}_id"))
    decoder = mlm.get_output_embeddings()
    with torch.no_grad():
        mlm.get_input_embeddings().weight.copy_(rows)
        if outputs is not None:
            decoder.weight.copy_(outputs)
        if biases is not None:
            decoder.bias.copy_(biases)
    padding = mlm.get_input_embeddings().padding_idx
    if padding is not None:
        mlm.get_input_embeddings().padding_idx = new.pad_id


def piece_sources(old: PieceTokenizer, new: PieceTokenizer) -> list[Sequence[int]]:
    """Return, for each id of the new vocabulary, the old ids that its row is the mean of; none: of
    all."""
    known = old.tokenizer.get_vocab()
    roles = {
        getattr(new.tokenizer, f"{role}_id"): getattr(old.tokenizer, f"{role}_id")
        for role in _ROLES
        if getattr(new.tokenizer, role) is not None and getattr(old.tokenizer, role) is not None
    }
    holders: dict[str, list[int]] = defaultdict(list)
    for piece, i in known.items():
        for character in set(piece):
            holders[character].append(i)
    pieces = new.tokenizer.convert_ids_to_tokens(list(range(new.vocab_size)))
    texts = new.piece_texts(range(new.vocab_size))
    cuts = old.encode(texts)
    sources: list[Sequence[int]] = []
    for i, cut in enumerate(cuts):
        piece = pieces[i]
        if i in roles:
            sources.append([roles[i]])
        elif piece in known:
            sources.append([known[piece]])
        elif old.unk_id is not None and old.unk_id in cut:
            known_parts = [j for j in cut if j != old.unk_id]
            sources.append(
                known_parts + [j for c in texts[i] if c not in known for j in holders[c]]
            )
        else:
            sources.append(cut)
    return sources


def _means(table: Tensor, sources: Sequence[Sequence[int]]) -> Tensor:
    """Return `[new, H]` means of the rows of `[old, H]`."""
    everything = table.float().mean(0)
    rows = [
        table[list(of_piece)].float().mean(0) if of_piece else everything for of_piece in sources
    ]
    return torch.stack(rows).to(table.dtype)


def _biases(old: Tensor, sources: Sequence[Sequence[int]]) -> Tensor:
    """Return `[new]`: a piece made of several is at most as likely as the rarest of them, by the
    old biases."""
    least = float(old.min()) if len(old) else -math.inf
    return torch.tensor(
        [float(old[list(of_piece)].min()) if of_piece else least for of_piece in sources]
    ).to(old.dtype)
