"""One of the labels, each as a hypothesis that is true or false (EFL, Wang et al. 2021)."""

import torch
from torch import Tensor

from pet_mtl.kinds.classification import Classification


class Entailment(Classification):
    """A row has one label; the model is asked of each label's hypothesis whether it is true.

    A form holds one hypothesis, and `C` are the two columns yes and no: a prompt's loss is their
    cross-entropy, yes for the row's own label. The log-odds of yes, one hypothesis beside the
    other, are the label scores, over which a softmax gives the probabilities; so the label with the
    most probable yes is chosen.

    >>> import torch
    >>> from pet_mtl.suite.kind import KindSpec
    >>> kind = Entailment(KindSpec("entailment", ("a", "b")))
    >>> each = torch.tensor([[[0.2, 0.8]], [[0.5, 0.5]]]).log()  # [hypotheses, rows, yes and no]
    >>> [round(p, 3) for p in kind.combine(each).flatten().exp().tolist()]
    [0.2, 0.8]
    """

    def width(self, columns: int) -> int:
        return columns

    def combine(self, each: Tensor) -> Tensor:
        odds = each[..., 0] - each[..., 1]  # [patterns · K, rows]
        of_patterns = odds.reshape(-1, len(self.spec.labels), odds.shape[-1]).transpose(1, 2)
        return of_patterns.log_softmax(-1)

    def taught(self, probs: Tensor, hypothesis: int | None) -> Tensor:
        assert hypothesis is not None
        yes = probs[:, hypothesis]
        return torch.stack([yes, 1 - yes], -1)
