import numpy as np
import pytest

from pet_mtl.cloze.batch import LENGTH_STEP
from pet_mtl.pretraining.schedule import RowSchedule, cut_rows

LENGTHS = np.random.default_rng(0).integers(3, 65, 3000)


def schedule(batch_tokens: int = 512, seed: int = 1) -> RowSchedule:
    return RowSchedule(LENGTHS, batch_tokens=batch_tokens, seed=seed)


def test_an_epoch_holds_every_row_once_within_the_budget() -> None:
    steps = schedule().epoch(0)
    assert sorted(np.concatenate([plan.items for plan in steps]).tolist()) == list(
        range(len(LENGTHS))
    )
    for plan in steps:
        assert len(plan.items) <= plan.rows
        assert plan.rows * plan.length <= 512
        assert LENGTHS[plan.items].max() <= plan.length < LENGTHS[plan.items].max() + LENGTH_STEP


def test_padding_is_small_and_lengths_are_mixed_over_the_steps() -> None:
    steps = schedule().epoch(0)
    assert sum(plan.length * len(plan.items) for plan in steps) < 1.15 * LENGTHS.sum()
    assert np.std([plan.length for plan in steps[:20]]) > 5


def test_epochs_differ_and_the_seed_decides() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate([plan.items for plan in schedule(seed=seed).epoch(epoch)]).tolist()  # type: ignore[no-any-return]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


@pytest.mark.parametrize("step", [0, 1, 150, 451, 900])
def test_any_step_can_be_gone_back_to(step: int) -> None:
    made = schedule()
    straight = made.from_step(0)
    for _ in range(step):
        next(straight)
    again = made.from_step(step)
    for _ in range(5):
        (epoch, plan, last), (other_epoch, other, other_last) = next(straight), next(again)
        assert (epoch, last, plan.items.tolist()) == (other_epoch, other_last, other.items.tolist())


def test_the_number_of_steps() -> None:
    made = schedule()
    epochs = [len(made.epoch(number)) for number in range(2)]
    assert made.steps(2.0) == sum(epochs)
    assert made.steps(1.5) == epochs[0] + round(0.5 * epochs[1])
    assert made.steps(100.0, 7) == 7
    assert made.steps(0.001) == 1
    assert made.steps(1.0, 0) == 0
    flags = [last for _, (_, _, last) in zip(range(sum(epochs)), made.from_step(0), strict=False)]
    assert [number for number, last in enumerate(flags, start=1) if last] == [
        epochs[0],
        sum(epochs),
    ]


def test_a_row_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    plans = list(cut_rows(np.array([5, 100, 7]), np.arange(3), 32))
    assert [plan.items.tolist() for plan in plans] == [[1], [2, 0]]
