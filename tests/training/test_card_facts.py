"""What a run writes into its model card."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.storage.trained_on import write_trained_on
from pet_mtl.suite.suite import Suite
from pet_mtl.training.card_facts import card_facts
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]


def test_the_model_card(make_suite: MakeSuite, tmp_path: Path) -> None:
    """Scores with intervals of the best step, calibrated, and which dev rows were trained on."""
    suite = make_suite(epochs=1)
    data = load_suite_data(suite)
    colour = data["colour"]
    assert colour.dev is not None
    data["colour"] = replace(colour, dev=Rows.concat([colour.dev, colour.train.take(np.arange(3))]))
    result = train(suite, tmp_path / "run", data=data)
    text = (tmp_path / "run" / "checkpoint" / "README.md").read_text(encoding="utf-8")
    found = {
        (each.task_name, each.metric_type): each.metric_value
        for each in ModelCard(text).data.eval_results or ()
    }
    assert len(found) == 6
    for name, score in result.scores.items():
        told = score.to_json()
        assert found[name, "f1"] == pytest.approx(told["macro_f1"], abs=1e-6)
        assert found[name, "accuracy"] == pytest.approx(told["accuracy"], abs=1e-6)
        low, high = told["macro_f1_ci95"]
        assert f"| {low:.4f} to {high:.4f} | {told['examples']} |" in text
    seen = int(np.isin(row_keys(data["colour"].dev), colour.train_keys).sum())
    assert seen >= 3
    assert f"| colour | 22 | {seen} | " in text
    assert str(tmp_path) not in text
    assert str(Path(suite.model).parent) not in text
    last = (tmp_path / "run" / "last" / "README.md").read_text(encoding="utf-8")
    assert ModelCard(last).data.eval_results is None


def test_what_other_tasks_and_the_backbone_read(suite: Suite, tmp_path: Path) -> None:
    rows = Rows.of({"text": ["a", "b", "c", "d"]})
    keys = row_keys(rows)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    seen = {"colour": keys[:1], "mood": keys[1:3], "pair": keys[:0]}
    facts = card_facts(suite, tmp_path, {"colour": rows}, seen)
    wanted = {"dev": 4, "train": 1, "other_tasks": 2, "backbone": None}
    assert facts.overlap == {"colour": wanted}
    assert facts.license == "mit"
    write_trained_on(tmp_path, {"colour": keys[3:], "other": keys})
    facts = card_facts(suite, tmp_path, {"colour": rows}, seen)
    assert facts.overlap == {"colour": wanted | {"backbone": 1}}
