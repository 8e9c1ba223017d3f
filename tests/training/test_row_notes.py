"""What the rows of a run say before its first step."""

import pytest

from pet_mtl.suite.task import SplitSpec
from pet_mtl.training.row_notes import _more_dev, _uneven, wilson_half_width


@pytest.mark.parametrize("rows", [1, 6, 92, 1000])
def test_the_interval_is_that_of_the_slow_formula(rows: int) -> None:
    z, p = 1.959964, 0.5
    middle = (p + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * (p * (1 - p) / rows + z * z / (4 * rows * rows)) ** 0.5
    assert middle == pytest.approx(0.5)
    assert wilson_half_width(rows) == pytest.approx(half)


@pytest.mark.parametrize(
    ("counts", "rare"),
    [
        ({"a": 800, "b": 12, "c": 3, "d": 1}, "d 1, c 3, b 12"),
        ({"a": 800, "b": 12}, "b 12"),
        ({"a": 50, "b": 40, "c": 30}, ""),
        ({"a": 9, "b": 1}, ""),
        ({"a": 9, "b": 0}, ""),
        ({}, ""),
    ],
)
def test_rare_labels(counts: dict[str, int], rare: str) -> None:
    said = _uneven(counts)
    assert said.startswith(f"rare labels: {rare} (") if rare else not said
    assert not rare or "`-s train.logit_adjustment=0.3`" in said


def test_who_holds_a_fifth_out_or_has_dev_files_is_not_told_to_hold_out_more() -> None:
    assert _more_dev(SplitSpec(split=0.1)) == "hold out more (`data.dev: {split: 0.2}`)"
    for dev in (SplitSpec(split=0.2), ("dev.tsv",)):
        assert "seeds" in _more_dev(dev)
