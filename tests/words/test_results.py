"""What a change of words changes, counted by hand."""

from dataclasses import replace

import numpy as np
import toys
from target_tasks import number_task

from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.metrics.classification import score_predictions
from pet_mtl.words.results import Change, Scored, Tried, entry_json, event_json, tried_json

TASK = toys.make_task("{text}{mask}", {"x": ["好"], "y": ["坏"], "z": ["是"]})
SETS = toys.make_task(
    "{text}{mask}", {"x": ["好"], "y": ["坏"], "z": ["是"]}, kind="multi_label", no=["不"]
)
NUMBERS, OTHER_NUMBERS = {"0": ["好"], "4": ["坏"]}, {"0": ["红"], "4": ["坏"]}
GOLD = [0, 0, 1, 1, 2]
ROWS = Rows.of({"text": list("abcde")}, labels=GOLD, path="dev.tsv")


def scored(predicted: list[int], name: str) -> Scored:
    found = np.array(predicted)
    score = score_predictions(ROWS.labels, found, TASK.verbalizer.labels)
    return Scored(name, TASK, ROWS, score, found, 0.01234567, cached=name != "old.txt")


OLD = scored([0, 1, 1, 0, 0], "old.txt")  # right: rows 0, 2
NEW = scored([0, 0, 2, 0, 1], "new.txt")  # right: rows 0, 1


def test_change() -> None:
    change = Change(OLD, NEW)
    assert change.flipped.tolist() == [1, 2, 4]
    assert change.gained.tolist() == [1]
    assert change.lost.tolist() == [2]
    assert change.f1 == {
        "x": NEW.score.per_label["x"].f1 - OLD.score.per_label["x"].f1,
        "y": -0.5,
        "z": 0.0,
    }
    assert [flip["change"] for flip in change.flips(9)] == ["gained", "lost", "flipped"]
    assert change.flips(1) == [
        {
            "row": "dev.tsv: row 2",
            "text": "b",
            "gold": "x",
            "before": "y",
            "after": "x",
            "change": "gained",
        }
    ]


def test_nothing_changes() -> None:
    change = Change(OLD, OLD)
    assert (len(change.flipped), len(change.gained), len(change.lost), change.flips(5)) == (
        0,
        0,
        0,
        [],
    )
    assert set(change.f1.values()) == {0.0}


def test_json() -> None:
    found = tried_json({"toy": Tried(OLD, (OLD, NEW))}, model="m", zero_shot=True)
    assert {key: found[key] for key in ("model", "zero_shot")} == {"model": "m", "zero_shot": True}
    old, new = found["tasks"]["toy"]
    assert (old["change"], old["cached"], new["cached"], old["seconds"]) == (
        None,
        False,
        True,
        0.0123,
    )
    assert (new["verbalizer"], new["rows"]) == ("new.txt", 5)
    assert new["macro_f1"] == NEW.score.macro_f1
    assert new["change"]["from"] == "old.txt"
    assert {key: new["change"][key] for key in ("gained", "lost", "flipped")} == {
        "gained": 1,
        "lost": 1,
        "flipped": 3,
    }
    assert new["change"]["macro_f1"] == NEW.score.macro_f1 - OLD.score.macro_f1
    assert "rows" not in new["change"]


def test_figures_have_their_titles_in_tables() -> None:
    from pet_mtl.words.tables import change_line, tried_table

    kind = kind_of(SETS)
    gold = np.eye(5, 3, dtype=np.float32)
    found = gold[::-1] > 0
    score = kind.score(gold, found, resamples=1)
    tried = Scored("v.txt", SETS, replace(ROWS, targets=gold), score, found, 0.1, cached=True)
    table = tried_table("toy", Tried(tried, (tried,)), "m")
    names = [str(column.header) for column in table.columns]
    assert {"macro-F1", "micro-F1", "exact match"} <= set(names)
    figures = [column for column in table.columns if str(column.header) == "micro-F1"]
    assert figures[0].justify == "right"
    line = change_line("toy", Change(tried, tried))
    assert "micro-F1 " in line
    assert "exact match " in line


def test_words_of_a_task_of_numbers_have_no_f1() -> None:
    from pet_mtl.words.tables import change_tables

    gold = np.array([0, 1, 2, 3, 4], np.float32)
    old, new = (number_task(verbalizer=toys.make_verbalizer(w)) for w in (NUMBERS, OTHER_NUMBERS))
    kind, rows = kind_of(old), replace(ROWS, targets=gold)
    both = [
        Scored("v.txt", task, rows, kind.score(gold, found, resamples=1), found, 0.1, cached=True)
        for task, found in ((old, gold), (new, gold[::-1].copy()))
    ]
    labels, flips = change_tables(Change(*both), flips=True)
    cells = [[str(cell) for cell in column.cells] for column in labels.columns]
    assert cells == [["0"], ["红"], ["好"], ["–"], ["–"]]
    assert flips.row_count == 4  # of five, the one in the middle stays


def test_event() -> None:
    event = event_json("toy", Change(OLD, NEW))
    assert {**event, "task": None} == {"task": None, **entry_json(NEW, Change(OLD, NEW), 20)}
    assert event["task"] == "toy"
    assert len(event["change"]["rows"]) == 3
