"""Suggestions for tasks of sets are worth what the task's own scoring gives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toys
from sklearn.metrics import f1_score
from toy_kinds import write_kinds
from toy_runs import CHARACTERS

from pet_mtl.data.suite_data import load_train
from pet_mtl.kinds import build_kind, fitted_thresholds, kind_of
from pet_mtl.words.loaded import Loaded, load
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.suggest.run import _divided, suggest
from pet_mtl.words.trial import Trial


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("sets")
    toys.write_bert(folder / "model", CHARACTERS, initializer_range=0.1)
    file = write_kinds(folder, folder / "model")
    # words of two lengths; one of `no` that no row holds
    text = file.read_text(encoding="utf-8").replace(
        "no: 同\n", "no: [同, 相反]\n    threshold: 0.3\n"
    )
    text = text.replace('"b": 蓝', '"b": [蓝, 木水]')
    file.write_text(text.replace("    separator", "    aggregation: max\n    separator"), "utf-8")
    return load(file, None)


@pytest.mark.parametrize(("name", "fits"), [("marks", False), ("shares", True)])
def test_gains_are_those_of_the_words_that_are_scored_anew(
    loaded: Loaded, name: str, fits: bool, tmp_path: Path
) -> None:
    found = suggest(loaded, name, most=3, place=tmp_path)
    task, settings = loaded.suite.tasks[name], loaded.suite.train
    assert task.fits_thresholds == fits
    rows = load_train(task, Path(loaded.suite.base), settings.seed)
    rows, fitting = _divided(rows, task, settings.seed)
    trial = Trial(loaded.model, {name: rows}, settings.max_length, StateCache(None, ""))
    parts = slice(0, fitting), slice(fitting, None)

    def macro_f1(words: tuple[tuple[str, ...], ...]) -> np.ndarray:
        verbalizer = task.verbalizer.model_copy(update={"words": words})
        log_probs = trial.log_probs(task.model_copy(update={"verbalizer": verbalizer}))
        kind = kind_of(task)
        if fits:
            fitted = fitted_thresholds(kind, rows.gold[:fitting], log_probs[:fitting])
            kind = build_kind(replace(task.kind_spec, thresholds=fitted))
        sides = rows.gold > 0, kind.decide(log_probs)
        scores = [
            f1_score(*(side[part] for side in sides), average="macro", zero_division=0)
            for part in parts
        ]
        return np.array(scores)

    own = task.verbalizer.words
    before = macro_f1(own)
    assert (found.to_json()["calibration"], found.before) == ("none", pytest.approx(before[1]))
    for label, suggestions in enumerate(found.ranked):
        for each in suggestions:
            kept = own[label] if each.change == "add" else ()
            new = (*kept, found.candidates[each.word])
            gains = macro_f1((*own[:label], new, *own[label + 1 :])) - before
            assert [each.fitting_gain, each.gain] == pytest.approx(gains, abs=1e-9)
    assert found.proposal != found.own
    proposed = tuple(tuple(found.words(of_label)) for of_label in found.proposal)
    assert found.gain == pytest.approx(macro_f1(proposed)[1] - before[1])
