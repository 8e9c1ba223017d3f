import json
import math

import pytest

from pet_mtl.objectives.weighting import TaskStep, build_weighting

LABELS = {"a": 3, "b": 2, "c": 7}


def test_the_formula_over_means_of_epochs() -> None:
    weighting = build_weighting("dwa", LABELS, {})
    epochs = [
        {"a": [(3.0, 1), (1.0, 3)], "b": [(1.0, 5)], "c": [(0.5, 2)]}
    ]  # (loss, rows) of each step
    epochs.append({"a": [(1.0, 4)], "b": [(0.9, 1), (0.7, 1)], "c": [(0.5, 2)]})
    for epoch, tasks in enumerate(epochs):
        weighting.begin(epoch)
        for task, steps in tasks.items():
            for loss, rows in steps:
                assert weighting.weights() == {"a": 1.0, "b": 1.0, "c": 1.0}
                weighting.update({task: TaskStep(loss, rows)})
    weighting.begin(2)  # the first two are whole
    weighting.update({"a": TaskStep(9.0, 1)})
    powers = {"a": math.exp(1.0 / 1.5 / 2), "b": math.exp(0.8 / 1.0 / 2), "c": math.exp(1 / 2)}
    wanted = {task: 3 * power / sum(powers.values()) for task, power in powers.items()}
    assert weighting.weights() == pytest.approx(wanted)
    assert sum(weighting.weights().values()) == pytest.approx(3)


def test_what_it_remembers_is_plain_data_and_all_there_is() -> None:
    state: dict[str, object] = {}
    whole = build_weighting("dwa", LABELS, state)
    for epoch in range(4):
        whole = build_weighting("dwa", LABELS, state := json.loads(json.dumps(state)))
        whole.begin(epoch)
        whole.update({task: TaskStep(1 / (epoch + n + 1), 3) for n, task in enumerate(LABELS)})
    unbroken = build_weighting("dwa", LABELS, {})
    for epoch in range(4):
        unbroken.begin(epoch)
        unbroken.update({task: TaskStep(1 / (epoch + n + 1), 3) for n, task in enumerate(LABELS)})
    assert whole.weights() == unbroken.weights() != {"a": 1.0, "b": 1.0, "c": 1.0}


def test_the_third_epoch_has_its_weights_from_its_first_step_on() -> None:
    """Liu et al. 2019: the weights of epoch e are those of L(e - 1) / L(e - 2), whatever happens in
    it."""
    weighting = build_weighting("dwa", {"a": 3, "b": 2}, {})
    losses = {"a": [2.0, 1.0, 0.8, 0.7], "b": [1.0, 0.9, 0.5, 0.4]}
    for epoch in range(4):
        for _ in range(3):
            weighting.begin(epoch)
            if epoch < 2:
                wanted = {"a": 1.0, "b": 1.0}
            else:
                powers = {
                    t: math.exp(of_task[epoch - 1] / of_task[epoch - 2] / 2)
                    for t, of_task in losses.items()
                }
                wanted = {task: 2 * power / sum(powers.values()) for task, power in powers.items()}
            assert weighting.weights() == pytest.approx(wanted), epoch
            weighting.update({task: TaskStep(losses[task][epoch], 4) for task in losses})


def test_a_spike_after_rows_learned_by_heart_is_no_overflow() -> None:
    weighting = build_weighting("dwa", {"a": 3, "b": 2}, {})
    for epoch, loss in enumerate([1e-13, 50.0]):
        weighting.begin(epoch)
        weighting.update({"a": TaskStep(loss, 4), "b": TaskStep(1.0, 4)})
    weighting.begin(2)
    assert weighting.weights() == pytest.approx({"a": 2.0, "b": 0.0})
