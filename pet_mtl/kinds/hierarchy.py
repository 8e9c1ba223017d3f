"""Labels with hierarchical names, scored level by level, or the lowest alone."""

import numpy as np
import torch
from torch import Tensor

from pet_mtl.kinds.classification import Classification
from pet_mtl.kinds.kind import Decided, Gold
from pet_mtl.metrics.hierarchy import HierarchyScore, score_levels
from pet_mtl.suite.kind import KindSpec
from pet_mtl.suite.levels import parent_of, path_of


class Hierarchy(Classification):
    """A row has one label, the leaf of a tree.

    Level by level, the columns `C` are the labels and, behind them, what stands above them: the
    log-probability of a label is the sum, down its path, of each name's among its siblings (the
    hierarchical softmax, Morin and Bengio 2005). Jointly, the columns are the labels, and a softmax
    over all of them gives the probabilities. Either way the label of the highest probability is
    chosen, and the scores tell the macro-F1 of each level.

    >>> from pet_mtl.suite.kind import KindSpec
    >>> spec = KindSpec(labels=("a/x", "a/y", "b"), levels="by_level", above=("a",))
    >>> log_probs = Hierarchy(spec).log_probs(torch.tensor([[0.0, 0.0, 0.0, 0.0]]))
    >>> log_probs.exp().tolist()
    [[0.25, 0.25, 0.5]]
    """

    def __init__(self, spec: KindSpec) -> None:
        super().__init__(spec)
        separator = spec.level_separator
        paths = [path_of(label, separator) for label in spec.labels]
        depth = max(map(len, paths))
        # the names of each level, and each label's; a label that ends above is its own there
        self._levels = []
        for level in range(depth):
            of_labels = [path[min(level, len(path) - 1)] for path in paths]
            names = tuple(dict.fromkeys(of_labels))
            self._levels.append((names, np.array([names.index(name) for name in of_labels])))
        nodes = (*spec.labels, *spec.above)
        parents = [parent_of(node, separator) for node in nodes]
        groups = list(dict.fromkeys(parents))
        places = {parent: place for place, parent in enumerate(groups)}
        # arrays, not tensors: a kind is kept, and a tensor of inference mode cannot be trained with
        self._group = np.array([places[parent] for parent in parents])  # [C]
        self._groups = len(groups)
        # [K, depth] columns down each label's path; `C` is a column of zeros
        column = {node: place for place, node in enumerate(nodes)}
        self._paths = np.array(
            [
                [*(column[name] for name in path), *[len(nodes)] * (depth - len(path))]
                for path in paths
            ]
            if spec.above
            else []
        )

    def width(self, columns: int) -> int:
        return columns - len(self.spec.above)

    def label_scores(self, scores: Tensor) -> Tensor:
        if not self.spec.above:
            return scores
        group, paths = (
            torch.from_numpy(places).to(scores.device) for places in (self._group, self._paths)
        )
        own = scores - _log_sums(scores, group, self._groups)[..., group]  # among its siblings
        return torch.nn.functional.pad(own, (0, 1))[..., paths].sum(-1)

    def log_probs(self, scores: Tensor) -> Tensor:
        return self.label_scores(scores).log_softmax(-1)

    def score(self, gold: Gold, decided: Decided, *, resamples: int = 1000) -> HierarchyScore:
        return score_levels(gold, decided, self.spec.labels, self._levels, resamples=resamples)


def _log_sums(scores: Tensor, group: Tensor, groups: int) -> Tensor:
    """Return the logarithm of the sum of the exponentials of each group's columns, `[…, groups]`.

    Args:
        scores: `[…, C]`.
        group: `[C]` the group of each column; none is empty.
    """
    fixed = scores.detach()
    lowest = fixed.new_full((*scores.shape[:-1], groups), float("-inf"))
    most = lowest.scatter_reduce(-1, group.expand_as(fixed), fixed, "amax")
    parts = (scores - most[..., group]).exp()
    return torch.zeros_like(most).index_add(-1, group, parts).log() + most
