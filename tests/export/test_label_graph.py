"""The exported graph against `pet_mtl.load`, for all ways to read words of several lengths."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import pet_mtl
from pet_mtl.cloze.encode import encode_forms
from pet_mtl.data.rows import Rows
from pet_mtl.export.label_graph import LabelGraph, PromptPlace, prompt_places
from pet_mtl.export.possible import require_graph
from pet_mtl.scoring.loaded import LoadedCheckpoint

ROWS = [("一条新闻", "体育天气"), ("坏" * 20, ""), ("科", "天 气，文化？"), ("", "真好")]
WORDS = 'tasks.pair.verbalizer={"0": [好, 真好], "1": [坏, 这是坏的]}'


@pytest.mark.parametrize(
    ("slots", "masks"), [("exact", [1, 2, 4]), ("2", [1, 4]), ("1", [4]), ("shared", [4])]
)
def test_every_value_of_slots(make: Callable[..., Path], slots: str, masks: list[int]) -> None:
    checkpoint = make(WORDS, f"tasks.pair.slots={slots}")
    loaded = LoadedCheckpoint(checkpoint)
    task = loaded.suite.tasks["pair"]
    compiled = loaded.compiled.of_task("pair")
    assert prompt_places(compiled.forms) == [PromptPlace(0, number) for number in masks]
    columns = {"one": [one for one, _ in ROWS], "two": [two for _, two in ROWS]}
    store = encode_forms(compiled.forms, {"pair": Rows.of(columns)}, loaded.tokenizer, 32)
    ids = np.full((len(ROWS), len(masks), 32), loaded.tokenizer.pad_id)
    mask = np.zeros_like(ids)
    for row in range(len(ROWS)):
        text = store.ids[store.starts[row] : store.starts[row + 1]].tolist()
        at = int(store.slot_at[row])
        for place, number in enumerate(masks):
            prompt = [*text[:at], *[loaded.tokenizer.mask_id] * number, *text[at:]]
            ids[row, place, : len(prompt)] = prompt
            mask[row, place, : len(prompt)] = 1
    bias = torch.tensor(loaded.calibration["pair"].bias)
    head = require_graph(loaded, task)
    graph = LabelGraph(loaded.mlm.float(), head, compiled, task.aggregation, bias).eval()
    slot = torch.from_numpy(store.slot_at.astype(np.int64))[:, None].expand(-1, len(masks))
    with torch.inference_mode():
        found = graph(torch.from_numpy(ids), torch.from_numpy(mask), slot).exp().numpy()
    wanted = [p.probabilities for p in pet_mtl.load(checkpoint).predict(ROWS, "pair")]
    np.testing.assert_allclose(found, [list(p.values()) for p in wanted], atol=1e-5)
    assert np.ptp(found[:, 0]) > 0.01
