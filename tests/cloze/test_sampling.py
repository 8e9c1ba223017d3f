from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import Form
from pet_mtl.cloze.sampling import Schedule, split_step


def make_prompts(
    tasks: list[tuple[int, int]], seed: int = 0, word_lengths: tuple[int, ...] = (1, 1)
) -> Prompts:
    """Make the store of `(rows, patterns)` tasks in the order of `encode_suite`; lengths are drawn,
    ids are zeros."""
    masks, labels = tuple(sorted(set(word_lengths))), len(word_lengths)
    forms, form, row = [], [], []
    for number, (rows, patterns) in enumerate(tasks):
        for pattern in range(patterns):
            form += [len(forms)] * rows
            row += range(rows)
            forms.append(Form(f"task{number}", pattern, (), masks, labels))
    lengths = np.random.default_rng(seed).integers(3, 60, len(form))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    zeros = np.zeros(len(form), np.int32)
    ids = np.zeros(starts[-1], np.uint16)
    return Prompts(
        ids, starts, zeros, np.array(form, np.int32), np.array(row, np.int32), zeros, tuple(forms)
    )


def schedule(
    tasks: list[tuple[int, int]],
    *,
    temperature: float = 0.75,
    batch_tokens: int = 256,
    seed: int = 1,
) -> Schedule:
    return Schedule(
        make_prompts(tasks), temperature=temperature, batch_tokens=batch_tokens, seed=seed
    )


def drawn(of: Schedule, epoch: int) -> dict[str, list[tuple[int, int]]]:
    """Return the (pattern, row) pairs that an epoch shows, by task."""
    out: dict[str, list[tuple[int, int]]] = {}
    for plan in of.epoch(epoch):
        for item in plan.items:
            form = of.prompts.forms[of.prompts.form[item]]
            out.setdefault(form.task, []).append((form.pattern, int(of.prompts.row[item])))
    return out


def as_lists(steps: list[tuple[int, BatchPlan]]) -> list[tuple[int, list[int], int, int]]:
    return [(epoch, plan.items.tolist(), plan.length, plan.rows) for epoch, plan in steps]


task_lists = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 3)), min_size=1, max_size=4
).filter(lambda tasks: any(rows for rows, _ in tasks))


@given(
    tasks=task_lists,
    temperature=st.floats(0, 1),
    budget=st.integers(1, 600),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_draws_follow_the_temperature_and_passes_are_without_replacement(
    tasks: list[tuple[int, int]], temperature: float, budget: int, seed: int
) -> None:
    of = Schedule(make_prompts(tasks), temperature=temperature, batch_tokens=budget, seed=seed)
    total = sum(rows for rows, _ in tasks)
    weights = {f"task{i}": rows**temperature for i, (rows, _) in enumerate(tasks) if rows}
    for task, weight in weights.items():
        assert abs(of.draws[task] - max(1.0, total * weight / sum(weights.values()))) <= 0.5 + 1e-6
    shown: dict[str, list[tuple[int, int]]] = {task: [] for task in weights}
    for epoch in range(3):
        of_epoch = drawn(of, epoch)
        assert {task: len(pairs) for task, pairs in of_epoch.items()} == of.draws
        for task, pairs in of_epoch.items():
            shown[task] += pairs
    for number, (rows, patterns) in enumerate(tasks):
        if not rows:
            continue
        pairs = shown[f"task{number}"]
        times = Counter(row for _, row in pairs)
        # without replacement, going on where the last epoch stopped: no row is a full pass ahead of
        # another
        counts = [times[row] for row in range(rows)]
        assert max(counts) - min(counts) <= 1
        # another pattern on each pass: a row's patterns are used equally often
        for row in range(rows):
            of_row = Counter(pattern for pattern, r in pairs if r == row)
            uses = [of_row[pattern] for pattern in range(patterns)]
            assert max(uses) - min(uses) <= 1


@given(tasks=task_lists, budget=st.integers(1, 600), start=st.integers(0, 40))
@settings(max_examples=40)
def test_any_step_can_be_gone_back_to(
    tasks: list[tuple[int, int]], budget: int, start: int
) -> None:
    of = schedule(tasks, batch_tokens=budget)
    whole = as_lists(list(islice(of.from_step(0), start + 12)))
    again = schedule(tasks, batch_tokens=budget)
    assert as_lists(list(islice(again.from_step(start), 12))) == whole[start:]


@given(tasks=task_lists, budget=st.integers(1, 600))
@settings(max_examples=30)
def test_steps_keep_the_budget(tasks: list[tuple[int, int]], budget: int) -> None:
    of = schedule(tasks, batch_tokens=budget)
    for plan in of.epoch(0):
        assert len(plan.items)
        assert plan.rows * plan.length <= budget or len(plan.items) == 1
        assert of.prompts.lengths[plan.items].max() <= plan.length


@pytest.mark.parametrize(
    ("temperature", "draws"),
    [(1.0, [1000, 100, 10]), (0.0, [370, 370, 370]), (0.5, [784, 248, 78])],
)
def test_draws(temperature: float, draws: list[int]) -> None:
    of = schedule([(1000, 2), (100, 1), (10, 1)], temperature=temperature)
    assert list(of.draws.values()) == draws


def test_a_tiny_task_is_drawn_at_least_once() -> None:
    assert schedule([(10_000, 1), (1, 1)], temperature=1.0).draws["task1"] == 1
    assert schedule([(1, 1)]).draws == {"task0": 1}


def test_a_task_with_patterns_shows_different_ones_in_one_pass() -> None:
    pairs = drawn(schedule([(90, 3)], temperature=1.0), 0)["task0"]
    assert (
        Counter(pattern for pattern, _ in pairs) == {0: 30, 1: 30, 2: 30}
        or len({p for p, _ in pairs}) == 3
    )
    assert len({row for _, row in pairs}) == 90


def test_seeds_and_epochs_give_different_orders() -> None:
    tasks = [(50, 1), (30, 2)]
    orders = {
        (seed, epoch): str(
            [plan.items.tolist() for plan in schedule(tasks, seed=seed).epoch(epoch)]
        )
        for seed in (1, 2)
        for epoch in (0, 1)
    }
    assert len(set(orders.values())) == 4
    assert orders[1, 1] == str([plan.items.tolist() for plan in schedule(tasks, seed=1).epoch(1)])


def test_which_rows_come_first_differs_by_seed_task_and_pass() -> None:
    def first(seed: int) -> list[set[int]]:
        of = schedule([(40, 1), (40, 1), (1, 1)], temperature=0.0, seed=seed)  # 27 draws each
        pairs = drawn(of, 0)
        return [{row for _, row in pairs[f"task{number}"]} for number in (0, 1)]

    one, other = first(1)
    assert one != other
    assert one != first(2)[0]
    of = schedule([(40, 1), (10, 1), (10, 1)], temperature=0.0)  # 20 draws each: half a pass
    halves = [{row for _, row in drawn(of, epoch)["task0"]} for epoch in (0, 1, 2)]
    assert halves[0] | halves[1] == set(range(40))
    assert halves[0] != halves[2]


def test_the_order_of_steps_differs_by_seed_and_epoch() -> None:
    """Of tasks with one row each, every epoch draws the same rows."""
    orders = {
        str([plan.items.tolist() for plan in schedule([(1, 1)] * 30, seed=seed).epoch(epoch)])
        for seed in (1, 2)
        for epoch in (0, 1)
    }
    assert len(orders) == 4


def test_long_and_short_steps_are_mixed() -> None:
    lengths = [plan.length for plan in schedule([(300, 1)]).epoch(0)]  # of one pool
    assert len(lengths) > 30
    assert abs(np.corrcoef(np.arange(len(lengths)), lengths)[0, 1]) < 0.5


def test_tasks_are_mixed_within_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pet_mtl.cloze.sampling._POOL_STEPS", 2)
    test_tasks_are_mixed_within_steps()


def test_tasks_are_mixed_within_steps() -> None:
    of = schedule([(400, 1), (400, 1)], temperature=1.0, batch_tokens=1024)
    mixed = [
        len(set(of.prompts.form[plan.items].tolist())) == 2
        for plan in of.epoch(0)
        if len(plan.items) > 8
    ]
    assert np.mean(mixed) > 0.9


def test_lengths_are_together_within_steps() -> None:
    of = schedule([(3000, 1)], batch_tokens=1024)
    real = sum(int(of.prompts.lengths[plan.items].sum()) for plan in of.epoch(0))
    padded = sum(len(plan.items) * plan.length for plan in of.epoch(0))
    assert real / padded > 0.85


@pytest.mark.parametrize("epochs", [1, 2.0, 3, 0.5, 1.5, 0.001, 2.25])
def test_number_of_steps(epochs: float) -> None:
    of = schedule([(60, 2), (20, 1)])
    sizes = [len(of.epoch(number)) for number in range(4)]
    whole = int(epochs)
    rest = epochs - whole
    assert of.ends(epochs)[-1] == sum(sizes[:whole]) + (
        max(1, round(rest * sizes[whole])) if rest else 0
    )
    if not rest:
        assert [epoch for epoch, _ in islice(of.from_step(0), of.ends(epochs)[-1] + 1)][-2:] == [
            whole - 1,
            whole,
        ]


@given(count=st.integers(1, 40), parts=st.integers(1, 12), spare=st.integers(0, 8))
def test_split_steps_hold_each_item_once(count: int, parts: int, spare: int) -> None:
    plan = BatchPlan(np.arange(100, 100 + count), 48, count + spare)
    pieces = split_step(plan, parts)
    assert sorted(np.concatenate([piece.items for piece in pieces]).tolist()) == plan.items.tolist()
    assert len(pieces) == min(parts, count)
    assert all(len(piece.items) and piece.length == 48 for piece in pieces)
    (rows,) = {piece.rows for piece in pieces}
    assert max(len(piece.items) for piece in pieces) <= rows < plan.rows / parts + 1
