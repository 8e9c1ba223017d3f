import numpy as np
import pytest
import toys
from oracle import cut_fields

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import encode_forms
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.cloze.plain_form import compile_plain
from pet_mtl.cloze.shown import show_prompt
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError

WORDS = {"0": ["好", "真好"], "1": ["坏"], "2": ["不是"]}
TEXTS = {
    "b": ["good", "", "天气" * 30, "x [MASK] y [SEP]"],
    "a": ["中国", "b" * 9, "文" * 40, ""],
    "c": ["z"] * 4,
}


def make_tasks() -> dict[str, toys.TaskSpec]:
    """`pair` has two patterns over two of its three columns; `single` shares the rows."""
    pair = toys.make_task(
        ["是{mask}：{b}，{a}", "{a}{mask}{b}"], WORDS, name="pair", prefix="分类："
    )
    single = toys.make_task("{mask}{a}", {"x": ["好"], "y": ["坏"]}, name="single")
    columns = {"c": 0, "b": 1, "a": 2, "label": 3}
    return {"pair": pair.model_copy(update={"columns": columns}), "single": single}


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "metaspace", "python"])
def test_rows_are_fields_between_special_tokens(kind: str) -> None:
    tokenizer, tasks = toys.piece_tokenizer(kind), make_tasks()
    rows = Rows.of(TEXTS, labels=[0, 1, 2, 0])
    forms = compile_tasks(tasks.values(), tokenizer, 24, compile_plain).forms
    prompts = encode_forms(forms, dict.fromkeys(tasks, rows), tokenizer, 24)
    assert [(form.task, form.pattern, form.num_labels) for form in prompts.forms] == [
        ("pair", 0, 3),
        ("single", 0, 2),
    ]
    assert len(prompts) == 8
    for item in range(8):
        fields = (
            ["b", "a"] if item < 4 else ["a"]
        )  # in the order of the columns; `c` is in no pattern
        pieces = [tokenizer.encode([TEXTS[field][item % 4]])[0][:24] for field in fields]
        room = 24 - len(tokenizer.start_ids) - len(fields) * len(tokenizer.end_ids)
        wanted = list(tokenizer.start_ids)
        for ids, keep in zip(pieces, cut_fields([len(ids) for ids in pieces], room), strict=True):
            wanted += [*ids[:keep], *tokenizer.end_ids]
        assert prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist() == wanted
        shown = show_prompt(prompts, item, tokenizer, 0)
        assert [token for token, _ in shown] == wanted
        assert {kind for _, kind in shown} <= {"special", "field"}
        assert len(wanted) <= 24
    assert prompts.lengths.tolist() == np.diff(prompts.starts).tolist()
    assert prompts.variants.tolist() == [1] * 8
    assert prompts.label.tolist() == [0, 1, 2, 0] * 2


def test_batches_hold_no_mask_and_read_the_first_token(word_pieces: PieceTokenizer) -> None:
    tasks = make_tasks()
    forms = compile_tasks(tasks.values(), word_pieces, 24, compile_plain).forms
    prompts = encode_forms(forms, dict.fromkeys(tasks, Rows.of(TEXTS)), word_pieces, 24)
    for plan in [*cut_batches(prompts, np.arange(8), 60), BatchPlan(np.arange(8), 24, 30)]:
        batch = collate(prompts, plan, mask_id=word_pieces.mask_id, pad_id=word_pieces.pad_id)
        assert not (batch.input_ids == word_pieces.mask_id).any()
        assert batch.slots.tolist() == [[0]] * len(batch.input_ids)
        for group in batch.groups:
            assert list(group.prompts) == [0]
            for item, row in zip(plan.items[group.items.numpy()], group.prompts[0], strict=True):
                ids = prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist()
                assert batch.input_ids[row][batch.attention_mask[row] != 0].tolist() == ids


def test_no_room_for_the_text(word_pieces: PieceTokenizer) -> None:
    task = make_tasks()["pair"]
    assert compile_plain(task, word_pieces, 8)
    with pytest.raises(PetMtlError, match="take 3 of 4 tokens"):
        compile_plain(task, word_pieces, 4)
