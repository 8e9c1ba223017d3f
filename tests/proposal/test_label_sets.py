"""Cells that hold several labels."""

import pytest

from pet_mtl.proposal.label_sets import labels_of, separator_of


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["价格", "价格|包装", "包装|服务", "服务"], "|"),
        (["a,b", "a", "b, c", "c"], ","),
        (["a、b", "b、a"], "、"),
        (["价格", "价格|包装", "物流"], "|"),
        (["价格、包装", "物流", "包装", "送货"], "、"),
        (["news|tech", "news|sport", "news|art"], None),
        (["a/b", "a", "c", "d"], None),
        (["news/tech", "news/sport", "news/art"], None),
        (["very bad, really", "good"], None),
        (["体育", "财经"], None),
        (["a|", "a|b", "b"], None),  # an empty label
        ([], None),
    ],
)
def test_separators(cells: list[str], separator: str | None) -> None:
    assert separator_of(cells) == separator


@pytest.mark.parametrize(
    ("cell", "separator", "labels"),
    [
        ("a|b", None, ["a|b"]),
        ("a | b|a", "|", ["a", "b"]),
        ('["a", "b"]', "", ["a", "b"]),
        ("[]", "", []),
        ("", None, []),
    ],
)
def test_labels_of(cell: str, separator: str | None, labels: list[str]) -> None:
    assert labels_of(cell, separator) == labels
