"""Labels in an order, such as 1 to 5 stars: how far off a decision is counts too."""

import numpy as np

from pet_mtl.kinds.classification import Classification
from pet_mtl.kinds.kind import Decided, Gold
from pet_mtl.metrics.ordered import OrderedScore, score_ordered


class Ordered(Classification):
    """A row has one label of a scale.

    Loss, probabilities and decision are those of classification; the scores tell the mean absolute
    error beside them. Labels that are numbers count as these, others by their places.
    """

    def score(self, gold: Gold, decided: Decided, *, resamples: int = 1000) -> OrderedScore:
        labels, values = self.spec.labels, np.array(self.spec.values)
        return score_ordered(gold, decided, labels, values, resamples=resamples)
