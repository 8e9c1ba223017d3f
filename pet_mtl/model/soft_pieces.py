"""Learned pieces in patterns: P-tuning's prompt embeddings (Liu et al. 2021), learned directly,
without an LSTM.

The compiled pattern has ids beyond the vocabulary in their places; here they are replaced by the
embeddings.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.cloze.form import Form
from pet_mtl.model.amendments import Amendments, put_at


class SoftPieces(nn.Module):
    """The learned pieces of all tasks; a task's own start from random pieces of the vocabulary.

    Args:
        mlm: the masked language model, whose embeddings stay as they are.
        forms: all compiled patterns of all tasks.

    Attributes:
        pieces: `[S, E]`, task by task.
    """

    def __init__(self, mlm: Any, forms: Sequence[Form]) -> None:
        super().__init__()
        ids = [soft_ids(form) for form in forms]
        self.first = min(i for of_form in ids for i in of_form)
        counts: dict[str, int] = {}
        for form, of_form in zip(forms, ids, strict=True):
            own = max(of_form, default=self.first - 1) - self.first + 1
            counts[form.task] = max(counts.get(form.task, 0), own)
        starts = dict(zip(counts, [0, *accumulate(counts.values())], strict=False))
        self.start_of_form = [starts[form.task] for form in forms]
        table = mlm.get_input_embeddings()
        self._table = (table,)  # in a tuple: it is the backbone's
        drawn = torch.randint(len(table.weight), (sum(counts.values()),))
        self.pieces = nn.Parameter(table.weight.detach()[drawn].clone())
        # any piece but padding, which RoBERTa gives no position
        self._stand_in = int(mlm.config.pad_token_id == 0)

    def placed(self, input_ids: Tensor, starts: Tensor) -> tuple[Tensor, Amendments]:
        """Return ids `[N, L]` to run the model on, and what puts the learned pieces in their
        places.

        Args:
            input_ids: `[N, L]` as collated.
            starts: `[N]` for each row, where its task's pieces start.
        """
        rows, columns = (input_ids >= self.first).nonzero(as_tuple=True)
        pieces = self.pieces[starts[rows] + input_ids[rows, columns] - self.first]

        def put(ids: Tensor, output: Tensor) -> Tensor:
            return put_at(output, rows, columns, pieces, input_ids.shape[1])

        return input_ids.masked_fill(input_ids >= self.first, self._stand_in), {self._table[0]: put}


def soft_ids(form: Form) -> list[int]:
    """Return the ids that stand for learned pieces in a compiled pattern."""
    return [i for part in form.parts if part.kind == "soft" for i in part.ids]
