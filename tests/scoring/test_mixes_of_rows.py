"""Which words stand where tasks are learned through: of the row itself, by the patterns' weights, in
every place, in other text too."""

from pathlib import Path

import numpy as np
import pytest
import torch
from chained_toys import write_chained
from default_dtype import default_dtype
from test_mixes import EVERY_PLACE, TEXTS, batch_of, loaded_model, say_surely

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.data.rows import Rows
from pet_mtl.model import mixed_words
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.objectives.altered import altered, masks_of, shortest_prompts
from pet_mtl.scoring.chain import chained_batch

TWO_PATTERNS = [
    'tasks.colour.patterns=["{mask}文：{text}", "{text}。{mask}"]',
    "tasks.colour.pattern_weights=[0.05, 1]",
]
TWICE = (
    'tasks.mood.patterns=["{task:colour}{text}{task:colour}。{mask}!", '
    '"{mask}{task:colour}，{task:colour}{text}"]'
)


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    return write_chained(tmp_path_factory.mktemp("mixed"), toy_backbone, "    detach: false\n")


def test_a_sure_task_says_its_word_in_two_places(
    chained: Path, toy_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_surely(monkeypatch)
    rows = {"mood": Rows.of({"text": TEXTS})}
    mixed, plain = (
        loaded_model(chained, toy_backbone, TWICE, f"tasks.mood.detach={detach}")
        for detach in ("false", "true")
    )
    np.testing.assert_allclose(
        mixed.raw_log_probs(rows)["mood"], plain.raw_log_probs(rows)["mood"], atol=1e-5
    )


def test_patterns_of_the_task_that_is_read_count_by_their_weights(
    chained: Path, toy_backbone: Path
) -> None:
    loaded = loaded_model(chained, toy_backbone, EVERY_PLACE, *TWO_PATTERNS)
    batch = batch_of(loaded, TEXTS)
    wanted = np.exp(loaded.raw_log_probs({"colour": Rows.of({"text": TEXTS})})["colour"])
    for mix in batch.mixes:
        with torch.no_grad():
            found = mixed_words.probabilities(mix, loaded.model(mix.batch))
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_program_with_another_default_reads_the_same(chained: Path, toy_backbone: Path) -> None:
    loaded, rows = loaded_model(chained, toy_backbone), {"mood": Rows.of({"text": TEXTS})}
    wanted = loaded.raw_log_probs(rows)["mood"]
    with default_dtype(torch.float64):
        found = loaded.raw_log_probs(rows)["mood"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted)


def test_each_row_reads_what_is_said_of_itself(chained: Path, toy_backbone: Path) -> None:
    """In a batch that has other rows in each pattern."""
    loaded = loaded_model(chained, toy_backbone, EVERY_PLACE)
    prompts = loaded.encode({"mood": Rows.of({"text": TEXTS})})
    items = np.array([0, 1, 7, 8, 9])  # three of the second pattern
    length = round_up(int(prompts.lengths.max()))
    plan = BatchPlan(items, length, int(prompts.variants[items].sum()))
    batch = chained_batch(loaded.model, prompts, plan, loaded.machine, loaded.tokenizer)
    assert batch.mixed_at is not None
    told, own = [], []  # rows by the numbers of their embeddings, as the mixes have them
    for mix in batch.mixes:
        store = prompts.said["mood", "colour"]
        rows = {int(r): int(store.row[i]) for r, i in zip(mix.row, mix.batch.items, strict=True)}
        told += [rows[number] for number in range(mix.rows)]
        assert mix.pieces.shape[1] == 1
    for group in batch.groups:
        for place, of_lengths in zip(
            group.items, zip(*group.prompts.values(), strict=True), strict=True
        ):
            for prompt in of_lengths:
                (number,) = batch.mixed_at[prompt][batch.mixed_at[prompt] >= 0].tolist()
                own.append((told[number], int(prompts.row[items[place]])))
    assert len(own) == plan.rows
    assert all(one == other for one, other in own)


def test_other_text_has_the_words_of_its_row_too(chained: Path, toy_backbone: Path) -> None:
    """What some loss terms read: with the same text, the same states."""
    loaded = loaded_model(chained, toy_backbone, EVERY_PLACE)
    batch = batch_of(loaded, TEXTS)
    rows = shortest_prompts(batch)
    ids = batch.input_ids.numpy()[rows]
    chosen = np.arange(len(rows)) % 3 != 1
    made = altered(batch, rows, ids, ids == loaded.tokenizer.mask_id, ids, chosen)
    assert isinstance(loaded.model, ClozeModel)
    with torch.no_grad():
        found, wanted = loaded.model.hidden(made.batch), loaded.model.hidden(batch)
    masks = masks_of(batch, rows)
    for place, item in enumerate(made.items.tolist()):
        own = slice(int(masks[item]))
        torch.testing.assert_close(found[place, own], wanted[rows[item], own])
