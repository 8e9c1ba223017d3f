"""Texts in several parts."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
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


def test_pairs_are_those_that_have_a_text_in_common_in_their_order(
    make_part: MakePart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only they are compared: of a thousand tasks all pairs would take a minute."""
    rng = np.random.default_rng(0)
    parts = [
        make_part([str(text) for text in rng.integers(0, 60, 4)], task=f"t{number // 2}", name=name)
        for number, name in enumerate(["train", "dev"] * 10)
    ]
    pairs = [
        {one.title, other.title}
        for one, other in combinations(parts, 2)
        if set(one.keys.tolist()) & set(other.keys.tolist())
    ]
    compared: list[int] = []
    isin = np.isin
    monkeypatch.setattr(np, "isin", lambda a, b: compared.append(1) or isin(a, b))
    figures, _ = check_overlap(parts)
    assert [{found["rows_of"], found["in"]} for found in figures] == pairs
    assert len(compared) == len(pairs) < 190
