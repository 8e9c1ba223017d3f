from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pet_mtl.cloze.batch import LENGTH_STEP, cut_batches, round_up
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import Form


def make_prompts(
    lengths: list[int], forms: list[int], word_lengths: list[tuple[int, ...]]
) -> Prompts:
    """Make a store of prompts of given lengths (without masks); contents do not matter."""
    compiled = tuple(
        Form("toy", number, (), tuple(sorted(set(of_form))), len(of_form))
        for number, of_form in enumerate(word_lengths)
    )
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    zeros = np.zeros(len(lengths), np.int32)
    ids = np.full(starts[-1], 7, np.uint16)
    return Prompts(
        ids,
        starts,
        zeros,
        np.array(forms, np.int32),
        np.arange(len(lengths), dtype=np.int32),
        zeros,
        compiled,
    )


stores = st.lists(st.tuples(st.integers(1, 90), st.integers(0, 2)), min_size=1, max_size=60)


@given(store=stores, budget=st.integers(1, 400), part=st.floats(0, 1))
@settings(max_examples=150)
def test_every_item_is_in_one_batch_within_the_budget(
    store: list[tuple[int, int]], budget: int, part: float
) -> None:
    prompts = make_prompts(
        [n for n, _ in store], [form for _, form in store], [(1, 1), (1, 3), (2, 3, 5)]
    )
    wanted = np.random.default_rng(0).permutation(len(store))[: max(1, int(part * len(store)))]
    plans = list(cut_batches(prompts, wanted, budget))
    assert sorted(np.concatenate([plan.items for plan in plans]).tolist()) == sorted(
        wanted.tolist()
    )
    longest = [int(prompts.lengths[plan.items].max()) for plan in plans]
    for plan, most in zip(plans, longest, strict=True):
        assert plan.length % LENGTH_STEP == 0
        assert most <= plan.length < most + LENGTH_STEP
        count = int(prompts.variants[plan.items].sum())
        assert 1 <= count <= plan.rows
        assert plan.rows * plan.length <= budget or len(plan.items) == 1
    assert longest == sorted(longest, reverse=True)


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=80), budget=st.integers(64, 400))
def test_batches_of_one_length_have_one_size_but_for_the_last(
    lengths: list[int], budget: int
) -> None:
    prompts = make_prompts(lengths, [0] * len(lengths), [(1, 1)])
    plans = list(cut_batches(prompts, np.arange(len(lengths)), budget))
    sizes = defaultdict(list)
    for plan in plans[:-1]:
        sizes[plan.length].append(len(plan.items))
        assert len(plan.items) == plan.rows == max(1, budget // plan.length // 2 * 2)
    assert all(len(set(of_length)) == 1 for of_length in sizes.values())


@pytest.mark.parametrize(
    ("variants", "rows"), [(1, 16), (3, 15), (5, 15), (7, 14), (8, 16), (9, 9), (17, 17)]
)
def test_no_prompt_of_a_full_batch_is_blank(variants: int, rows: int) -> None:
    """Rows of several prompts each need not fill the budget; what they leave is not computed."""
    words = tuple(range(1, variants + 1))
    prompts = make_prompts([20 - variants] * 40, [0] * 40, [words])
    *full, last = cut_batches(prompts, np.arange(40), 16 * 20)
    assert full
    for plan in full:
        assert plan.rows == rows == variants * len(plan.items)
        batch = collate(prompts, plan, mask_id=1, pad_id=0)
        assert len(batch.input_ids) == rows
    assert last.rows == max(16, variants)


def test_no_items() -> None:
    prompts = make_prompts([5, 6], [0, 0], [(1, 1)])
    assert list(cut_batches(prompts, np.array([], dtype=np.int64), 64)) == []


@pytest.mark.parametrize(
    ("length", "rounded"), [(0, 0), (1, 4), (4, 4), (8, 8), (9, 12), (128, 128)]
)
def test_round_up(length: int, rounded: int) -> None:
    assert round_up(length) == rounded


def test_the_masks_of_the_longest_word_count() -> None:
    prompts = make_prompts([4, 4], [0, 1], [(1, 1), (1, 6)])
    assert prompts.lengths.tolist() == [5, 10]
    (plan, other) = cut_batches(prompts, np.arange(2), 16)
    assert (plan.items.tolist(), plan.length, plan.rows) == ([1], 12, 2)
    assert (other.items.tolist(), other.length) == ([0], 8)


def test_other_masks_change_lengths_and_variants_and_nothing_else() -> None:
    prompts = make_prompts([5, 9, 7], [0, 1, 1], [(1, 1), (1, 3)])
    assert prompts.lengths.tolist() == [6, 12, 10]
    other = prompts.with_masks(2)
    assert other.lengths.tolist() == [7, 11, 9]
    assert other.variants.tolist() == [1, 1, 1]
    assert other.ids is prompts.ids
    assert prompts.variants.tolist() == [1, 2, 2]  # as they were
