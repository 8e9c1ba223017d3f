import numpy as np
import pytest
import torch
import toys
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import oracle_prompt

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows

TASKS = {
    "news": toys.make_task(
        ["这是一条{mask}新闻：{title}", "{title}。{mask}"],
        {"t": ["体育", "好"], "c": ["科技新闻"]},
        name="news",
    ),
    "equal": toys.make_task(
        "{a}{mask}{b}", {"1": ["好", "真"], "0": ["坏"]}, name="equal", prefix="分类："
    ),
    "shared": toys.make_task(
        "{mask}：{a}", {"1": ["体育"], "0": ["坏"]}, name="shared", slots="shared"
    ),
    "unused": toys.make_task("{mask}{a}", {"1": ["好"], "0": ["坏"]}, name="unused"),
}
ROWS = {
    "news": Rows.of({"title": ["天气" * n for n in range(6)]}, labels=[0, 1, -1, 0, 1, 0]),
    "equal": Rows.of(
        {"a": ["a", "[MASK]", "", "中" * 99, "x"], "b": ["中" * 99, "b", "", "c", "?"]},
        labels=[1, 0, 1, 0, -1],
    ),
    "shared": Rows.of({"a": ["good [SEP]", ""]}, labels=[0, 1]),
}
MAX_LENGTH = 30


@pytest.fixture(scope="module")
def prompts(word_pieces: PieceTokenizer) -> Prompts:
    return encode_suite(TASKS, ROWS, word_pieces, MAX_LENGTH)


def build(prompts: Prompts, plan: BatchPlan, tokenizer: PieceTokenizer) -> Batch:
    return collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)


def check(prompts: Prompts, plan: BatchPlan, batch: Batch, tokenizer: PieceTokenizer) -> None:
    """Compare a batch with prompts written by hand, one row at a time."""
    assert batch.items.tolist() == plan.items.tolist()
    assert batch.input_ids.dtype == batch.slots.dtype == torch.int64
    seen_items, seen_rows, tokens = [], [], 0
    for group in batch.groups:
        form = prompts.forms[group.form]
        assert tuple(group.prompts) == form.masks
        seen_items += group.items.tolist()
        for place, label in zip(group.items.tolist(), group.labels.tolist(), strict=True):
            item = plan.items[place]
            assert prompts.form[item] == group.form
            assert label == ROWS[form.task].labels[prompts.row[item]]
        for masks, rows in group.prompts.items():
            assert len(rows) == len(group.items)
            for place, row in zip(group.items.tolist(), rows.tolist(), strict=True):
                text = ROWS[form.task].text(prompts.row[plan.items[place]])
                task = TASKS[form.task]
                ids, slots = oracle_prompt(task, form.pattern, text, masks, tokenizer, MAX_LENGTH)
                padding = plan.length - len(ids)
                assert batch.input_ids[row].tolist() == ids + [tokenizer.pad_id] * padding
                assert batch.attention_mask[row].tolist() == [1] * len(ids) + [0] * padding
                most = batch.slots.shape[1]
                assert batch.slots[row].tolist() == (slots + [slots[-1]] * most)[:most]
                seen_rows.append(row)
                tokens += len(ids)
    assert sorted(seen_items) == list(range(len(plan.items)))
    assert sorted(seen_rows) == list(range(len(seen_rows)))
    assert batch.tokens == tokens
    blank = slice(len(seen_rows), None)
    assert (batch.input_ids[blank] == tokenizer.pad_id).all()
    assert (batch.attention_mask[blank].sum(1) == 1).all()
    assert (batch.slots[blank] == 0).all()
    assert len(batch.input_ids) <= max(plan.rows, len(seen_rows))


@pytest.mark.parametrize("budget", [1, 100, 240, 4096])
def test_batches_are_what_string_building_gives(
    prompts: Prompts, word_pieces: PieceTokenizer, budget: int
) -> None:
    for plan in cut_batches(prompts, np.arange(len(prompts)), budget):
        check(prompts, plan, build(prompts, plan, word_pieces), word_pieces)


@given(
    items=st.lists(st.integers(0, 18), min_size=1, max_size=12, unique=True),
    rows=st.integers(1, 50),
)
@settings(max_examples=40)
def test_any_choice_of_items_in_any_order(items: list[int], rows: int) -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    store = encode_suite(TASKS, ROWS, tokenizer, MAX_LENGTH)
    assert len(store) == 19
    plan = BatchPlan(np.array(items), 32, rows)
    check(store, plan, build(store, plan, tokenizer), tokenizer)


def test_a_part_full_batch_gets_few_different_heights(
    prompts: Prompts, word_pieces: PieceTokenizer
) -> None:
    ids = {"mask_id": word_pieces.mask_id, "pad_id": word_pieces.pad_id}
    few = [BatchPlan(np.arange(12, 12 + count), 32, 100) for count in range(1, 6)]
    heights = {len(collate(prompts, plan, **ids, training=True).input_ids) for plan in few}
    assert heights == {8}
    while_scoring = [collate(prompts, plan, **ids) for plan in few]
    assert [len(batch.input_ids) for batch in while_scoring] == [
        sum(map(len, (rows for group in batch.groups for rows in group.prompts.values())))
        for batch in while_scoring
    ]
    assert len(build(prompts, BatchPlan(np.arange(12, 15), 32, 4), word_pieces).input_ids) == 4


def test_moving_a_batch_keeps_it(prompts: Prompts, word_pieces: PieceTokenizer) -> None:
    batch = build(prompts, BatchPlan(np.arange(4), 32, 8), word_pieces)
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    assert {
        moved.input_ids.device.type,
        moved.slots.device.type,
        moved.attention_mask.device.type,
    } == {"meta"}
    for group in moved.groups:
        assert {t.device.type for t in (group.items, group.labels, *group.prompts.values())} == {
            "meta"
        }


def test_ids_beyond_sixteen_bits_arrive(word_pieces: PieceTokenizer) -> None:
    tokenizer = PieceTokenizer(toys.word_piece_tokenizer(70_000))
    store = encode_suite(
        {"unused": TASKS["unused"]}, {"unused": Rows.of({"a": ["好中"]})}, tokenizer, 16
    )
    batch = build(store, BatchPlan(np.arange(1), 8, 1), tokenizer)
    shown = tokenizer.tokenizer.convert_ids_to_tokens(batch.input_ids[0].tolist())
    assert shown == ["[CLS]", "[MASK]", "好", "中", "[SEP]", "[PAD]", "[PAD]", "[PAD]"]
    narrow = encode_suite(
        {"unused": TASKS["unused"]}, {"unused": Rows.of({"a": ["好中"]})}, word_pieces, 16
    )
    assert (narrow.ids.dtype, store.ids.dtype) == (np.uint16, np.int32)


def test_learned_pieces_beyond_sixteen_bits_arrive() -> None:
    """They are numbered behind the vocabulary."""
    size = 2**16 - 1
    tokenizer = PieceTokenizer(toys.word_piece_tokenizer(size - len(toys.word_piece_tokenizer())))
    assert tokenizer.vocab_size == size
    task = toys.make_task("{soft:3}{a}{mask}", {"x": ["good"], "y": ["bad"]})
    store = encode_suite({"toy": task}, {"toy": Rows.of({"a": ["news"]})}, tokenizer, 16)
    batch = build(store, BatchPlan(np.arange(1), 8, 1), tokenizer)
    assert batch.input_ids[0, 1:4].tolist() == [size, size + 1, size + 2]
