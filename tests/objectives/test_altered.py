import numpy as np
import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.collate import Batch, collate
from pet_mtl.cloze.draws import Draws
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.shown import show_prompt
from pet_mtl.data.rows import Rows
from pet_mtl.objectives.altered import altered, choose_share, shortest_prompts, text_fields

TASKS = {
    "news": toys.make_task(
        ["这是{mask}新闻：{title}", "{title}。{mask}"], {"t": ["体育"], "c": ["好"]}, name="news"
    ),
    "pair": toys.make_task(
        "{b}{mask}不{a}", {"1": ["好"], "0": ["坏"]}, name="pair", prefix="类："
    ),
}
ROWS = {
    "news": Rows.of({"title": ["天气" * n for n in range(4)]}, labels=[0, 1, -1, 0]),
    "pair": Rows.of({"a": ["a", "中" * 30, ""], "b": ["中" * 30, "不", "x"]}, labels=[0, 1, 0]),
}
LONGEST = 24


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    return encode_suite(TASKS, ROWS, toys.piece_tokenizer("wordpiece"), LONGEST)


def collated(prompts: Prompts) -> Batch:
    tokenizer = toys.piece_tokenizer("wordpiece")
    items = np.random.default_rng(0).permutation(len(prompts))
    plan = BatchPlan(items, round_up(int(prompts.lengths.max())), int(prompts.variants.sum()))
    return collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)


def test_fields_stand_where_the_prompt_shows_them(prompts: Prompts) -> None:
    tokenizer, batch = toys.piece_tokenizer("wordpiece"), collated(prompts)
    rows = shortest_prompts(batch)
    found = text_fields(prompts, batch, rows)
    for place, item in enumerate(batch.items):
        form = prompts.forms[prompts.form[item]]
        shown = show_prompt(prompts, int(item), tokenizer, form.masks[0])
        ids = batch.input_ids[rows[place]].tolist()
        assert ids[: len(shown)] == [token for token, _ in shown]
        wanted = [kind == "field" for _, kind in shown]
        assert (found[place] > 0).tolist() == wanted + [False] * (len(ids) - len(wanted))
    both = found[[p for p, item in enumerate(batch.items) if prompts.form[item] == 2]]
    assert sorted({tuple(np.unique(row)) for row in both}) == [(0, 1), (0, 1, 2)]


@given(st.floats(0.01, 1), st.integers(0, 99))
def test_a_share_is_chosen_and_one_at_least(share: float, seed: int) -> None:
    may = np.random.default_rng(seed).random((7, 13)) < 0.6
    may[0] = False
    chosen = choose_share(may, Draws(seed, 0, np.arange(7)), share)
    assert not (chosen & ~may).any()
    counts, room = chosen.sum(1), may.sum(1)
    assert (counts >= np.minimum(room, np.floor(share * room).clip(min=1))).all()
    assert (counts <= np.minimum(room, np.ceil(share * room + 1e-9).clip(min=1))).all()


def test_the_share_is_right_on_average() -> None:
    may = np.ones((4000, 7), bool)
    assert choose_share(may, Draws(0, 0, np.arange(4000)), 0.3).mean() == pytest.approx(
        0.3, abs=0.01
    )


def test_no_place_is_chosen_more_often_than_another() -> None:
    may = np.ones((60_000, 3), bool)
    of_places = choose_share(may, Draws(0, 0, np.arange(len(may))), 0.4).mean(0)
    assert of_places == pytest.approx([0.4] * 3, abs=0.01)


def test_targets_belong_to_their_items_and_places(prompts: Prompts) -> None:
    batch = collated(prompts)
    rows = shortest_prompts(batch)
    ids = batch.input_ids.numpy()[rows]
    read = text_fields(prompts, batch, rows) > 0
    chosen = np.arange(len(rows)) % 3 != 1
    made = altered(batch, rows, ids + 1, read, ids, chosen)
    assert made.items.tolist() == np.flatnonzero(chosen).tolist()
    assert len(made.batch.input_ids) % 8 == 0
    assert (made.batch.input_ids[: len(made.items)].numpy() == ids[chosen] + 1).all()
    read_of = batch.attention_mask[rows[chosen]]
    assert (made.batch.attention_mask[: len(made.items)] == read_of).all()
    assert made.batch.tokens == read_of.sum()
    flat = made.batch.input_ids.gather(1, made.batch.slots).flatten()[made.at]
    real = made.targets >= 0
    assert (flat[real] == made.targets[real] + 1).all()
    for item in range(len(rows)):
        own = made.targets[real & (made.owner == item)].tolist()
        assert own == (ids[item][read[item]].tolist() if chosen[item] else [])
    for group in made.batch.groups:  # what learned pieces and conditional norms are found by
        members = [item for item in made.items.tolist() if item in group.items.tolist()]
        places = [made.items.tolist().index(item) for item in members]
        assert sorted(group.prompts[0].tolist()) == sorted(places)


def test_no_item_chosen_is_no_error(prompts: Prompts) -> None:
    batch = collated(prompts)
    rows = shortest_prompts(batch)
    ids = batch.input_ids.numpy()[rows]
    made = altered(batch, rows, ids, ids > 0, ids, np.zeros(len(rows), bool))
    assert made.items.tolist() == []
    assert (made.targets == -1).all()
