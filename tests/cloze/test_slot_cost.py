"""The factor against counting the tokens of all prompts that a batch holds."""

import numpy as np
import pytest
import toys

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.slot_cost import slot_cost_notes, slot_costs
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows

WORDS = {"x": ["好", "体育新闻"], "y": ["科技", "坏"], "z": ["真天气"]}
ROWS = {"a": ["good", "", "天气" * 30, "中国新闻"], "b": ["中国", "b" * 9, "c", ""]}


def store(tokenizer: PieceTokenizer, slots: str | int) -> Prompts:
    patterns = ["这是{mask}：{a}", "{b}。{mask}？{a}"]
    tasks = {
        "toy": toys.make_task(patterns, WORDS, name="toy", slots=slots),
        "other": toys.make_task("{a}{mask}", {"x": "好", "y": "坏"}, name="other"),
    }
    rows = {name: Rows.of(ROWS, labels=[0, 1, 0, 1]) for name in tasks}
    return encode_suite(tasks, rows, tokenizer, 40)


def tokens(tokenizer: PieceTokenizer, prompts: Prompts) -> int:
    items = np.array(
        [i for i in range(len(prompts)) if prompts.forms[prompts.form[i]].task == "toy"]
    )
    plan = BatchPlan(items, 40, int(prompts.variants[items].sum()))
    return collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id).tokens


@pytest.mark.parametrize(("slots", "numbers"), [("exact", (1, 2, 3, 4)), (2, (1, 4)), (1, (4,))])
def test_cost(word_pieces: PieceTokenizer, slots: str | int, numbers: tuple[int, ...]) -> None:
    prompts, shared = store(word_pieces, slots), store(word_pieces, "shared")
    costs = slot_costs(prompts)
    assert list(costs) == ["toy", "other"]
    assert costs["toy"].numbers == numbers
    assert costs["toy"].tokens == tokens(word_pieces, prompts)
    assert costs["toy"].shared == tokens(word_pieces, shared)
    assert costs["other"].factor == 1
    notes = slot_cost_notes(prompts)
    if slots != "exact":
        assert notes == []
        return
    assert notes == [
        "toy: its label words need 4 prompts a row, one for each number of pieces: "
        f"{tokens(word_pieces, prompts) / tokens(word_pieces, shared):.1f} × the tokens of "
        "`slots: shared` (-s tasks.toy.slots=shared, or =2 for at most two prompts)"
    ]


def test_forms_without_rows_cost_nothing(word_pieces: PieceTokenizer) -> None:
    task = toys.make_task("{a}{mask}", WORDS, name="toy")
    other = toys.make_task("{a}{mask}", WORDS, name="other")
    rows = {"other": Rows.of(ROWS, labels=[0, 1, 0, 1])}
    prompts = encode_suite({"toy": task, "other": other}, rows, word_pieces, 40)
    assert slot_costs(prompts)["toy"].factor == 1
    assert [note.split(":")[0] for note in slot_cost_notes(prompts)] == ["other"]
