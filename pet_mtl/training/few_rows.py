"""The learning rate of few rows, where a backbone has one of its own for them."""

from pathlib import Path

from pet_mtl.storage.pretrained import resolve_model
from pet_mtl.suite.auto import FEW_ROWS, read_record
from pet_mtl.suite.suite import Suite
from pet_mtl.training.given import Given

_FOR_FEW = f", for fewer than {FEW_ROWS:,} rows"


def lower_rate(suite: Suite, given: Given) -> Suite:
    """Return the suite with the backbone's rate for few rows, where it was `auto` and they are."""
    reason = suite.chosen.get("learning_rate")
    if reason is None or given.rows >= FEW_ROWS:
        return suite
    own = read_record(Path(resolve_model(suite.model)))
    if own is None or own.few_rows_learning_rate is None:
        return suite
    train = suite.train.model_copy(update={"learning_rate": own.few_rows_learning_rate})
    said = reason.removesuffix(_FOR_FEW) + _FOR_FEW  # the suite of a resumed run says it already
    return suite.model_copy(
        update={"train": train, "chosen": {**suite.chosen, "learning_rate": said}}
    )
