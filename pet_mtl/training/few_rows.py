"""The learning rate of few rows, where a backbone or its size has one of its own for them."""

import re

from pet_mtl.console import say
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.suite.auto import recommend
from pet_mtl.suite.suite import Suite
from pet_mtl.training.given import Given

_FOR_FEW = re.compile(r", for fewer than [\d,]+ rows$")


def lower_rate(suite: Suite, given: Given) -> Suite:
    """Return the suite with the rate for few rows, where it was `auto` and they are."""
    return _rate_for(suite, given.rows)


def settle_rate(suite: Suite, rows: int) -> Suite:
    """Return the suite with the rate that `auto` is for so many rows, whatever rows it is trained
    on: runs that are compared have one rate."""
    suite = _rate_for(suite, rows)
    chosen = dict(suite.chosen)
    if reason := chosen.pop("learning_rate", None):
        say(f"train.learning_rate: {suite.train.learning_rate:.6g} ({reason})")
    return suite.model_copy(update={"chosen": chosen})


def _rate_for(suite: Suite, rows: int) -> Suite:
    reason = suite.chosen.get("learning_rate")
    if reason is None:
        return suite
    rate, most = recommend(suite_model(suite))[0].rate_for(rows)
    if most is None:
        return suite
    train = suite.train.model_copy(update={"learning_rate": rate})
    # the suite of a resumed run says it already
    said = f"{_FOR_FEW.sub('', reason)}, for fewer than {most:,} rows"
    return suite.model_copy(
        update={"train": train, "chosen": {**suite.chosen, "learning_rate": said}}
    )
