"""The settings that `init` writes, and what it says of them."""

import pytest

from pet_mtl.proposal.settings import propose_settings
from pet_mtl.storage.pretrained import load_pieces, resolve_model


@pytest.mark.parametrize(
    ("model", "rows", "rate"),
    [
        ("zh-mini", 300, "0.0004"),
        ("zh-small", 300, "0.0001"),  # its own for few rows to learn from
        ("zh-small", 5_500, "0.0001"),  # without those held out
        ("zh-small", 5_600, "0.0002"),
    ],
)
def test_the_rate_that_training_takes_is_told(model: str, rows: int, rate: str) -> None:
    tokenizer = load_pieces(resolve_model(model))
    found = propose_settings(rows, [["新闻"]], ["{mask}"], tokenizer, model)
    value, reason = found["learning_rate"]
    assert (value, reason.rpartition(" ")[2]) == ("auto", rate)
