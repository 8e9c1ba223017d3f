"""What another task says of a row, as an embedding that is learned through: Σ_y p_y E(v(y)) over
the main words of its labels, position by position (`detach: false`).

So the loss of the task that reads reaches the task that is read. Where p is sure of one label, it
is that label's word.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pet_mtl.cloze.collate import Batch, Mix
from pet_mtl.model.amendments import Amend, Amendments, put_at
from pet_mtl.model.word_reader import Layout

Scores = Callable[[Batch], Sequence[Tensor]]


def probabilities(mix: Mix, scores: Sequence[Tensor]) -> Tensor:
    """Return the probabilities `[R, K]` of the labels, patterns averaged as scoring does.

    Args:
        scores: label scores `[b, K]` of each group of the mix's batch.
    """
    labels = scores[0].shape[-1]
    log_probs = torch.zeros(mix.rows, labels, dtype=torch.float32, device=mix.row.device)
    for group, of_group in zip(mix.batch.groups, scores, strict=True):
        each = of_group.float().log_softmax(-1) * mix.weight[group.items, None]
        log_probs = log_probs.index_add(0, mix.row[group.items], each)
    return log_probs.softmax(-1)


def put_mixed(
    score: Scores, table: nn.Embedding, batch: Batch, layout: Layout, amendments: Amendments
) -> Amendments:
    """Return amendments that put mixed words in their places too.

    Args:
        score: the model, which is asked for what the other tasks say.
        table: the word embeddings; what is looked up for the mixes is no input that is moved by
            `objectives.adversarial`.
        amendments: those that come first.
    """
    assert batch.mixed_at is not None
    found = []
    for mix in batch.mixes:
        words = functional.embedding(mix.pieces, table.weight)  # [K, P, E]
        p = probabilities(mix, score(mix.batch)).to(words.dtype)
        found.append(torch.einsum("rk,kpe->rpe", p, words).flatten(0, 1))
    mixed = torch.cat(found)  # [R * P of all, E]
    at = batch.mixed_at if layout.origin is None else batch.mixed_at[layout.origin]
    rows, columns = (at >= 0).nonzero(as_tuple=True)
    values = mixed[at[rows, columns]]
    first: Amend | None = amendments.get(table)

    def put(ids: Tensor, output: Tensor) -> Tensor:
        output = output if first is None else first(ids, output)
        return put_at(output, rows, columns, values, at.shape[1])

    return {**amendments, table: put}
