"""The learning rate of few rows, where a backbone has one of its own for them."""

from pathlib import Path

from pet_mtl.console import say
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.suite.auto import FEW_ROWS, read_record
from pet_mtl.suite.suite import Suite
from pet_mtl.training.given import Given

_FOR_FEW = f", for fewer than {FEW_ROWS:,} rows"


def lower_rate(suite: Suite, given: Given) -> Suite:
    """Return the suite with the backbone's rate for few rows, where it was `auto` and they are."""
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
    if reason is None or rows >= FEW_ROWS:
        return suite
    own = read_record(Path(suite_model(suite)))
    if own is None or own.few_rows_learning_rate is None:
        return suite
    train = suite.train.model_copy(update={"learning_rate": own.few_rows_learning_rate})
    said = reason.removesuffix(_FOR_FEW) + _FOR_FEW  # the suite of a resumed run says it already
    return suite.model_copy(
        update={"train": train, "chosen": {**suite.chosen, "learning_rate": said}}
    )
