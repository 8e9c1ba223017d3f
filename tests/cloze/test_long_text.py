"""Which tokens of long texts stand in prompts, against the slow obvious choice."""

import math

import numpy as np
import pytest
import toys

from pet_mtl.cloze.columns import Columns
from pet_mtl.cloze.encode import Prompts, encode_forms, encode_suite
from pet_mtl.cloze.form import compile_tasks
from pet_mtl.cloze.shown import show_prompt
from pet_mtl.data.rows import Rows
from pet_mtl.suite.task import TaskSpec

DRAW = np.random.default_rng(2)
TOKENIZER = toys.piece_tokenizer("wordpiece")
LENGTHS = [0, 1, 8, 9, 10, 11, 12, 17, 18, 19, 20, 27, 31, 64, 65]
TEXTS = ["".join(DRAW.choice(list(toys.CHINESE), length)) for length in LENGTHS]
MAX = 16


def task(**keys: object) -> TaskSpec:
    made = toys.make_task(["{mask}。{text}", "新闻{text}是{mask}的"], {"0": ["好"], "1": ["坏"]})
    return made.model_copy(update=keys)


def prompts_of(spec: TaskSpec, max_length: int = MAX) -> Prompts:
    rows = {spec.name: Rows.of({"text": TEXTS}, labels=[0, 1, 1] * 5)}
    return encode_suite({spec.name: spec}, rows, TOKENIZER, max_length)


def read(prompts: Prompts) -> dict[tuple[int, int], list[list[int]]]:
    """Return the ids of the prompts of each form and row."""
    found: dict[tuple[int, int], list[list[int]]] = {}
    for n in range(len(prompts)):
        ids = prompts.ids[prompts.starts[n] : prompts.starts[n + 1]].tolist()
        found.setdefault((int(prompts.form[n]), int(prompts.row[n])), []).append(ids)
    return found


def slow(spec: TaskSpec, form: int, text: str) -> list[list[int]]:
    compiled = compile_tasks([spec], TOKENIZER, MAX).forms[form]
    ids = TOKENIZER.encode([text], space_before=False)[0]
    room = compiled.room(MAX)
    width = min(room, len(ids))
    if len(ids) <= room or spec.long_text == "head":
        taken = [ids[:width]]
    elif spec.long_text == "head_tail":
        head = math.ceil(width / 2)
        taken = [ids[:head] + ids[len(ids) - (width - head) :]]
    else:
        count = math.ceil(len(ids) / room)
        starts = [k * (len(ids) - room) // (count - 1) for k in range(count)]
        taken = [ids[start : start + room] for start in starts]
        assert {n for start in starts for n in range(start, start + room)} == set(range(len(ids)))
    done = []
    for of_field in taken:
        prompt: list[int] = []
        for part in compiled.parts:
            prompt += of_field if part.field is not None else list(part.ids)
        done.append(prompt)
    return done


@pytest.mark.parametrize("long_text", ["head", "head_tail", "windows"])
def test_the_slow_choice(long_text: str) -> None:
    spec = task(long_text=long_text)
    found = read(prompts_of(spec))
    for form in range(2):
        for row, text in enumerate(TEXTS):
            assert found[form, row] == slow(spec, form, text), (form, row)


@pytest.mark.parametrize("long_text", ["head", "head_tail", "windows"])
def test_a_page_shows_what_is_read(long_text: str) -> None:
    spec = task(long_text=long_text)
    prompts = prompts_of(spec)
    seen: list[tuple[int, int]] = []
    for item in range(len(prompts)):
        number, row = int(prompts.form[item]), int(prompts.row[item])
        shown, form = show_prompt(prompts, item, TOKENIZER, 1), prompts.forms[number]
        wanted = slow(spec, number, TEXTS[row])[seen.count((number, row))]
        seen.append((number, row))
        assert [token for token, kind in shown if kind != "slot"] == wanted
        constant = [kind for _, kind in shown if kind not in ("field", "slot")]
        assert constant == [part.kind for part in form.parts for _ in part.ids]


def test_labels_and_slots_go_with_each_window() -> None:
    prompts = prompts_of(task(long_text="windows"))
    labels = np.array([0, 1, 1] * 5)
    assert prompts.label.tolist() == labels[prompts.row].tolist()
    assert set(prompts.slot_at[prompts.form == 0].tolist()) == {1}
    assert len(prompts) > 2 * len(TEXTS)


@pytest.mark.parametrize("long_text", ["head_tail", "windows"])
def test_rows_that_fit_are_the_same_prompts(long_text: str) -> None:
    plain, other = prompts_of(task(), 100), prompts_of(task(long_text=long_text), 100)
    for name in ("ids", "starts", "slot_at", "form", "row", "label", "kept"):
        assert np.array_equal(getattr(plain, name), getattr(other, name)), name
    assert plain.ids.dtype == other.ids.dtype


def test_columns_that_are_kept_are_those_of_one_way_to_cut() -> None:
    kept: Columns = {}
    for long_text in ("head", "windows", "head_tail"):
        spec = task(long_text=long_text)
        rows = {spec.name: Rows.of({"text": TEXTS}, labels=[0, 1, 1] * 5)}
        found = encode_forms(
            compile_tasks([spec], TOKENIZER, MAX).forms, rows, TOKENIZER, MAX, kept
        )
        assert np.array_equal(found.ids, prompts_of(spec).ids), long_text


def test_of_two_fields_the_one_that_loses_most_is_moved() -> None:
    spec = toys.make_task(["{one}？{mask}，{two}"], {"0": ["好"], "1": ["坏"]})
    spec = spec.model_copy(update={"long_text": "windows", "columns": {"one": 0, "two": 1}})
    rows = Rows.of({"one": [TEXTS[5], TEXTS[-2]], "two": [TEXTS[-1], TEXTS[4]]})
    prompts = encode_suite({spec.name: spec}, {spec.name: rows}, TOKENIZER, MAX)
    one, two = (
        TOKENIZER.encode(column.to_pylist(), space_before=False) for column in rows.fields.values()
    )
    assert prompts.kept is not None
    for n in range(len(prompts)):
        row, (first, second) = int(prompts.row[n]), prompts.kept[n].tolist()
        ids = prompts.ids[prompts.starts[n] : prompts.starts[n + 1]].tolist()
        at = ids[1 : 1 + first], ids[len(ids) - 1 - second : -1]
        fixed, moved = (at, (one, two)) if row == 0 else (at[::-1], (two, one))
        assert fixed[0] == moved[0][row][: len(fixed[0])]  # the field that loses less stays
        text = moved[1][row]
        assert any(text[k : k + len(fixed[1])] == fixed[1] for k in range(len(text)))
    for row, name in ((0, "two"), (1, "one")):
        count = int((prompts.row == row).sum())
        width = int(prompts.kept[prompts.row == row][0][int(name == "two")])
        assert count == math.ceil(len((one, two)[int(name == "two")][row]) / width)


def test_other_values_are_refused() -> None:
    keys = task().model_dump() | {"verbalizer": task().verbalizer}
    assert "long_text" not in task().model_dump()  # what is stored of a plain task stays
    with pytest.raises(ValueError, match="head_tail"):
        TaskSpec(**keys, long_text="tail")
    with pytest.raises(ValueError, match="is for `long_text: windows`"):
        TaskSpec(**keys, long_text_pooling="max")
