"""Texts in several parts."""

from collections.abc import Callable

import pytest

from pet_mtl.audit.overlap import check_overlap
from pet_mtl.audit.parts import Part

MakePart = Callable[..., Part]


def test_dev_rows_inside_train_are_an_error(make_part: MakePart) -> None:
    train, dev = (
        make_part(["新车上市", "天气", "Ａ股"]),
        make_part(["a股", "新闻", "天 气"], name="dev"),
    )
    for parts in ([train, dev], [dev, train]):
        figures, (finding,) = check_overlap(parts)
        assert figures == [{"rows_of": "toy/dev", "in": "toy/train", "rows": 2, "of": 3}]
        assert (finding.level, finding.where) == ("error", ("dev: row 1", "dev: row 3"))


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ({"name": "test"}, {"name": "train"}, "error"),
        ({"name": "dev"}, {"name": "test"}, "warning"),
        ({"name": "dev"}, {"name": "unlabelled"}, "warning"),
        ({"name": "train"}, {"name": "unlabelled"}, "note"),
        ({"name": "dev"}, {"name": "train", "task": "other"}, "warning"),
        ({"name": "train"}, {"name": "train", "task": "other"}, "note"),
        ({"name": "train"}, {"name": "dev", "task": "other"}, "warning"),
        ({"name": "dev"}, {"name": "dev", "task": "other"}, "note"),  # of one text, two answers
    ],
)
def test_levels(
    make_part: MakePart, one: dict[str, str], other: dict[str, str], level: str
) -> None:
    figures, findings = check_overlap(
        [make_part(["a", "b"], **one), make_part(["b", "c"], **other)]
    )
    assert [finding.level for finding in findings] == [level]
    assert figures[0]["rows"] == 1


def test_none(make_part: MakePart) -> None:
    assert check_overlap([make_part(["a"]), make_part(["b"], name="dev")]) == ([], [])
