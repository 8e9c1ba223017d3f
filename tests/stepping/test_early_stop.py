"""When a run ends before its last step."""

import pytest

from pet_mtl.stepping.early_stop import note_score, stops
from pet_mtl.storage.state import Progress


def stopped_after(setting: int | str | None, scores: list[float], planned: int) -> int | None:
    progress = Progress()
    for number, score in enumerate(scores, start=1):
        note_score(progress, score)
        if stops(setting, progress, planned):
            return number
    return None


FALLING = [0.4, 0.625, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]


@pytest.mark.parametrize(
    ("setting", "scores", "planned", "expected"),
    [
        (None, FALLING, 10, None),
        (2, FALLING, 10, 4),
        ("auto", FALLING, 10, 7),
        ("auto", FALLING, 32, 10),  # a quarter of them
        ("auto", FALLING, 40, None),
        ("auto", [0.5, 0.46] * 20, 40, None),  # below, but near
        ("auto", [0.6, 0.5, 0.5, 0.5, 0.5, 0.58, 0.5, 0.5, 0.5, 0.5], 10, None),  # not in a row
        ("auto", [0.6, 0.5, 0.5, 0.5, 0.5, 0.7, 0.5, 0.5, 0.5, 0.5], 10, None),  # a best between
        ("auto", [0.9, 0.1, 0.1], 3, None),  # few evaluations never stop
    ],
)
def test_stops(
    setting: int | str | None, scores: list[float], planned: int, expected: int | None
) -> None:
    assert stopped_after(setting, scores, planned) == expected


def test_the_best_is_remembered() -> None:
    progress = Progress(step=7)
    assert note_score(progress, 0.5)
    assert (progress.best_score, progress.best_step, progress.stale) == (0.5, 7, 0)
    assert not note_score(progress, 0.5)
    assert (progress.stale, progress.sunk) == (1, 0)
