"""What is found out before the first step and changes the suite that is trained and stored: a list
of steps from suite to suite, so that resuming and scoring know nothing of them."""

from collections.abc import Callable

from pet_mtl.suite.suite import Suite
from pet_mtl.training.automatic_words import find_words
from pet_mtl.training.few_rows import lower_rate
from pet_mtl.training.given import Given
from pet_mtl.training.pattern_accuracy import weigh_patterns
from pet_mtl.training.prior_filter import filter_words

Step = Callable[[Suite, Given], Suite]

# in this order: words are found, then dropped, and patterns are weighed with those that stay
STEPS: tuple[Step, ...] = (lower_rate, find_words, filter_words, weigh_patterns)


def prepare(suite: Suite, given: Given) -> Suite:
    """Return the suite after all steps; one that asks for none of them comes back as it is."""
    for step in STEPS:
        suite = step(suite, given)
    return suite
