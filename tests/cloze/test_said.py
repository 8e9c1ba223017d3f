"""Words of other tasks in prompts: the ids are those of a pattern that has the words as text."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import toys

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts, encode_forms, encode_suite
from pet_mtl.cloze.form import compile_forms, compile_tasks
from pet_mtl.cloze.said import with_words
from pet_mtl.cloze.shown import show_prompt
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.objectives.altered import shortest_prompts, text_fields
from pet_mtl.suite.task import TaskSpec

FIRST = {"a": ["好"], "b": ["真好", "好"], "c": ["good news"]}
LABELS = {"0": ["不是"], "1": ["坏"]}
TEXTS = ["天气", "", "good news is" * 3, "科技新闻" * 9]
PATTERNS = [
    "{task:first}的{mask}。{text}",
    "{mask}{task:first}{text}",
    "{task:first}{mask} {text}",
    "{text} {task:first}，{mask}，{task:first}",
    "It is {mask} {text} {task:first}.",
]


def tasks(pattern: str) -> dict[str, TaskSpec]:
    first = toys.make_task("{text}{mask}", FIRST, name="first")
    second = toys.make_task(pattern, LABELS, name="second", prefix="类：")
    return {"first": first, "second": second}


def prompts_of(store: Prompts, tokenizer: PieceTokenizer) -> list[list[list[int]]]:
    """Return each item's prompts, masks in, without padding."""
    found = []
    for item in range(len(store)):
        masks = store.forms[store.form[item]].masks
        plan = BatchPlan(np.array([item]), round_up(int(store.lengths[item])), len(masks))
        batch = collate(store, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
        rows = [int(row) for row in batch.groups[0].prompts.values()]
        found.append([batch.input_ids[r][batch.attention_mask[r] == 1].tolist() for r in rows])
        for row, count in zip(rows, masks, strict=True):
            slots = batch.slots[row][:count]
            assert (batch.input_ids[row][slots] == tokenizer.mask_id).all()
    return found


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "metaspace"])
def test_as_if_the_words_were_text(kind: str, pattern: str) -> None:
    tokenizer, suite = toys.piece_tokenizer(kind), tasks(pattern)
    rows = {"second": Rows.of({"text": TEXTS[:3]}, labels=[0, 1, 0])}
    store = encode_suite(suite, rows, tokenizer, 64)
    assert list(store.said) == [("second", "first")]
    said = np.array([0, 1, 2])
    assert store.said_at is not None
    told = with_words(store, np.arange(3), np.repeat(said[:, None], store.said_at.shape[1], 1))
    assert (np.diff(told.starts) <= np.diff(store.starts) + store.forms[1].said_length).all()
    for item, word in enumerate(words[0] for words in FIRST.values()):
        plain = suite["second"].model_copy(
            update={"patterns": (pattern.replace("{task:first}", word),)}
        )
        alone = {"second": rows["second"].take(np.array([item]))}
        forms = compile_forms(plain, tokenizer, 64).forms
        (wanted,) = prompts_of(encode_forms(forms, alone, tokenizer, 64), tokenizer)
        assert prompts_of(told, tokenizer)[item] == wanted


def test_words_are_never_cut() -> None:
    tokenizer, suite = toys.piece_tokenizer("wordpiece"), tasks(PATTERNS[0])
    rows = {"second": Rows.of({"text": TEXTS}, labels=[0] * 4)}
    store = encode_suite(suite, rows, tokenizer, 20)
    assert store.lengths.max() == 20
    told = with_words(store, np.arange(4), np.full((4, 1), 1))
    for item in range(4):
        shown = show_prompt(told, item, tokenizer, 2, [1])
        assert prompts_of(told, tokenizer)[item][-1] == [token for token, _ in shown]
        assert tokenizer.encode(["真好"])[0] == [token for token, _ in shown[3:5]]
        fields = [token for token, kind in shown if kind == "field"]
        assert fields == tokenizer.encode([TEXTS[item]])[0][: len(fields)]
        assert shown[-1][1] == "special"


def test_rows_are_prompts_of_the_task_that_is_read() -> None:
    tokenizer, suite = toys.piece_tokenizer("wordpiece"), tasks(PATTERNS[0])
    suite["third"] = toys.make_task("{task:second}{task:first}{mask}{text}", LABELS, name="third")
    rows = {"third": Rows.of({"text": TEXTS}, labels=[0] * 4)}
    store = encode_suite(suite, rows, tokenizer, 64)
    assert sorted(store.said) == [("third", "first"), ("third", "second")]
    inner = store.said["third", "second"]
    assert list(inner.said) == [("second", "first")]
    assert (inner.label == -1).all()
    alone = encode_suite(suite, {"second": replace(rows["third"])}, tokenizer, 64)
    assert np.array_equal(inner.ids, alone.ids)


def test_what_cannot_know_the_other_task() -> None:
    tokenizer, suite = toys.piece_tokenizer("wordpiece"), tasks(PATTERNS[0])
    rows = {"second": Rows.of({"text": TEXTS}, labels=[0] * 4)}
    forms: Sequence[object] = compile_forms(suite["second"], tokenizer, 64).forms
    with pytest.raises(PetMtlError, match="needs the other task's prediction"):
        encode_forms(forms, rows, tokenizer, 64)  # type: ignore[arg-type]
    with pytest.raises(PetMtlError, match="reads what `first` predicts, and that task is left out"):
        compile_tasks([suite["second"]], tokenizer, 64)
    with pytest.raises(PetMtlError, match="leaves no room"):
        compile_tasks(suite.values(), tokenizer, 10)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_where_the_text_is(pattern: str) -> None:
    tokenizer, suite = toys.piece_tokenizer("wordpiece"), tasks(pattern)
    rows = {"second": Rows.of({"text": TEXTS}, labels=[0] * 4)}
    store = encode_suite(suite, rows, tokenizer, 64)
    assert store.said_at is not None
    said = np.repeat(np.array([[0], [1], [2], [1]]), store.said_at.shape[1], 1)
    told, items = with_words(store, np.arange(4), said), np.arange(4)
    plan = BatchPlan(items, 64, 16)
    batch = collate(told, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
    batch = replace(batch, said=said)
    chosen = shortest_prompts(batch)
    fields = text_fields(store, batch, chosen)
    for item, text in enumerate(TEXTS):
        ids = batch.input_ids[chosen[item]].numpy()[fields[item] == 1].tolist()
        (whole,) = tokenizer.encode([text])
        assert ids == whole[: len(ids)]
        assert len(ids) == len(whole) or item == 3
