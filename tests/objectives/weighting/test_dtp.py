import json
import math

import pytest

from pet_mtl.objectives.weighting import TaskStep, build_weighting
from pet_mtl.objectives.weighting.dtp import GAMMA, RATE

LABELS = {"a": 3, "b": 2}


def test_the_formula_over_running_means() -> None:
    weighting = build_weighting("dtp", LABELS, {})
    kappa = {"a": 1 / 3, "b": 1 / 2}
    for a, b in [(0.5, 0.25), (1.0, None), (0.75, 0.5)]:
        wanted = {t: -((1 - k) ** GAMMA) * math.log(k) for t, k in kappa.items()}
        assert weighting.weights() == pytest.approx(wanted)
        step = {"a": TaskStep(1.0, 4, right=a)} | (
            {"b": TaskStep(1.0, 8, right=b)} if b is not None else {}
        )
        weighting.update(step)
        kappa["a"] = (1 - RATE) * kappa["a"] + RATE * a
        if b is not None:
            kappa["b"] = (1 - RATE) * kappa["b"] + RATE * b


def test_the_harder_task_counts_more_and_none_is_left() -> None:
    weighting = build_weighting("dtp", LABELS, {})
    for _ in range(500):
        weighting.update({"a": TaskStep(1.0, 4, right=0.0), "b": TaskStep(0.1, 4, right=1.0)})
    weights = weighting.weights()
    assert weights["a"] == pytest.approx(-0.99 * math.log(0.01))
    assert weights["b"] == pytest.approx(-0.01 * math.log(0.99))
    assert weights["b"] > 0


def test_what_it_remembers_is_plain_data_and_all_there_is() -> None:
    state: dict[str, object] = {}
    unbroken = build_weighting("dtp", LABELS, {})
    for number in range(5):
        weighting = build_weighting("dtp", LABELS, state := json.loads(json.dumps(state)))
        step = {"a": TaskStep(1.0, 4, right=number / 4)}
        weighting.update(step)
        unbroken.update(step)
    assert weighting.weights() == unbroken.weights()
