"""Tasks of sets and of numbers in the studio: figures, rows and one text are those of other doors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_kinds import write_kinds

from pet_mtl.kinds import fitted_thresholds, kind_of
from pet_mtl.words.loaded import Loaded, load
from pet_mtl.words.try_words import WordTrial

SETS = {"r": ["水"], "b": ["庚", "文"], "g": ["山"]}
CHANGED = {"marks": SETS, "shares": SETS, "alike": {"low": ["无"], "high": ["同"]}}


@pytest.fixture
def loaded(tmp_path: Path, character_backbone: Path) -> Loaded:
    return load(write_kinds(tmp_path, character_backbone), None)


@pytest.fixture
def client(loaded: Loaded, tmp_path: Path, client_of: Callable[[Any], Any]) -> Any:
    from pet_mtl.studio.app import Choice, create_app

    return client_of(create_app(loaded, Choice(place=tmp_path / "cache")))


@pytest.mark.parametrize("name", ["marks", "shares", "alike"])
def test_an_edit_beside_words_try(client: Any, loaded: Loaded, tmp_path: Path, name: str) -> None:
    found = client.run(f"{name}/effect", {"words": CHANGED[name]})
    file = tmp_path / "new.txt"
    lines = [f"{label}  {'  '.join(words)}\n" for label, words in CHANGED[name].items()]
    file.write_text("".join(lines), encoding="utf-8")
    tried = WordTrial(loaded, {name: [file]}, place=tmp_path / "other").run()[name]
    change, (after,) = tried.changes()[0], tried.files
    kind = kind_of(after.task)
    main, share = list(found["figures"])
    assert (main, share) == (
        ("pearson", "near") if name == "alike" else ("macro_f1", "exact_match")
    )
    figure, right = found["figures"][main], found["figures"][share]
    assert figure["before"] == tried.own.score.value(main)
    assert figure["after"] == after.score.value(main)
    assert figure["change"] == pytest.approx(after.score.value(main) - tried.own.score.value(main))
    gold = after.rows.gold
    assert figure["change_ci95"] == list(kind.gain(gold, tried.own.predicted, after.predicted))
    rights = [kind.right(gold, each.predicted) for each in (tried.own, after)]
    assert [right["before"], right["after"]] == [each.mean() for each in rights]
    assert (found["gained"], found["lost"]) == (len(change.gained), len(change.lost))
    assert found["flipped"] == len(change.flipped) > 0
    assert [each["after"] for each in found["labels"]] == [
        each.f1 for each in after.score.per_label.values()
    ]
    assert found["confusion"] == []

    def rows(**asked: Any) -> Any:
        return client.post(f"{name}/rows", {"effect": found["effect"], "size": 200, **asked})

    every = rows()["rows"]
    assert len(every) == len(gold)
    for row, said, now in zip(
        every, kind.written(gold), kind.written(after.predicted), strict=True
    ):
        labels = loaded.suite.tasks[name].verbalizer.labels
        shown = [
            each if name == "alike" else kind.spec.separator.join(labels[k] for k in each)
            for each in (row["gold"], row["after"])
        ]
        assert shown == [said, now]
        assert (row["probability"] is None) == (name == "alike")
    assert [row["right"]["after"] for row in every] == rights[1].tolist()
    assert [row["row"] for row in rows(kind="wrong")["rows"]] == np.flatnonzero(~rights[1]).tolist()
    for what in ("gained", "lost"):
        assert {row["change"] for row in rows(kind=what)["rows"]} <= {what}
    assert rows(kind="flipped")["total"] == found["flipped"]
    asked = {"effect": found["effect"], "kind": "cell", "gold": 0, "predicted": 1}
    assert "only where rows have one label" in str(client.post(f"{name}/rows", asked, 422))
    if name != "alike":
        of_label = {r["row"] for r in every if any(1 in r[s] for s in ("gold", "before", "after"))}
        assert {row["row"] for row in rows(label=1)["rows"]} == of_label
        assert rows(label=99)["total"] == 0


def test_one_text(client: Any, loaded: Loaded) -> None:
    suite = client.get("/api/suite").json()
    assert [task["task"] for task in suite["tasks"]] == ["marks", "shares", "alike", "stars"]
    assert client.get("/api/tasks/alike").json()["kind"] == "similarity"
    sets = {"words": SETS, "fields": {"text": "甲山乙"}, "importance": True}
    found = client.run("marks/inspect", sets)
    probabilities = {each["label"]: each["probability"] for each in found["labels"]}
    assert found["chosen"] == [label for label, p in probabilities.items() if p >= 0.5]
    assert found["label"] == max(probabilities, key=probabilities.__getitem__)
    assert found["said"] == kind_of(loaded.suite.tasks["marks"]).spec.separator.join(
        found["chosen"]
    )
    shares = [word["share"] for each in found["labels"] for word in each["words"]]
    assert sum(shares) == pytest.approx(1)
    assert [unit["text"] for unit in found["importance"]["text"]] == list("甲山乙")
    pair = {"words": CHANGED["alike"], "fields": {"one": "庚", "two": "辛"}}
    found = client.run("alike/inspect", pair)
    high = next(each["probability"] for each in found["labels"] if each["label"] == "high")
    assert float(found["said"]) == pytest.approx(4 * high, rel=1e-3)
    assert (found["chosen"], found["label"]) == ([], "high")


def test_a_set_is_chosen_by_thresholds_of_the_rows(
    client: Any, loaded: Loaded, tmp_path: Path
) -> None:
    """As `rows` and training have them: an equal share is nobody's threshold once there are
    rows."""
    task = loaded.suite.tasks["shares"]
    trial = WordTrial(loaded, {"shares": ()}, place=tmp_path / "other")
    scored, log_probs = trial.score_task(task, "")
    p = kind_of(task).probabilities(log_probs)
    fitted = fitted_thresholds(kind_of(task), scored.rows.gold, log_probs)
    words = dict(zip(task.verbalizer.labels, task.verbalizer.words, strict=True))
    chosen = [
        client.run("shares/inspect", {"words": words, "row": row})["chosen"] for row in range(8)
    ]
    names = np.array(task.verbalizer.labels)
    assert chosen == [names[of_row >= fitted].tolist() for of_row in p[:8]]
    assert chosen != [names[of_row >= 1 / 3].tolist() for of_row in p[:8]]


def test_ends_that_changed_places_in_the_file(client: Any, loaded: Loaded) -> None:
    file = Path(loaded.suite.source)
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("{low: 无关, high: 同}", "{high: 同, low: 无关}"), encoding="utf-8"
    )
    assert "other labels now" in str(client.post("alike/reload", status=422))


def test_thresholds_of_labels_that_changed_places_in_the_file(
    tmp_path: Path, character_backbone: Path, client_of: Callable[[Any], Any]
) -> None:
    from pet_mtl.studio.app import Choice, create_app

    file = write_kinds(tmp_path, character_backbone)
    words, reordered = '{"r": 红, "b": 蓝, "g": 绿}', '{"g": 绿, "r": 红, "b": 蓝}'
    start, given = '    separator: "|"\n', "    thresholds: [0.000001, 0.4, 0.3]\n"
    text = file.read_text(encoding="utf-8").replace(start, start + given)
    file.write_text(text, encoding="utf-8")
    client = client_of(create_app(load(file, None), Choice(place=tmp_path / "cache")))
    shown = client.get("/api/tasks/shares").json()
    before = client.run("shares/effect", {"words": shown["words"]})
    moved = text.replace(words, reordered)  # the first threshold is that of another label now
    file.write_text(moved, encoding="utf-8")
    assert "another `thresholds` now" in str(client.post("shares/reload", status=422))
    both = moved.replace("[0.000001, 0.4, 0.3]", "[0.3, 0.000001, 0.4]")
    file.write_text(both, encoding="utf-8")
    words_now = client.post("shares/reload")["words"]
    after = client.run("shares/effect", {"words": words_now})
    assert after["figures"] == before["figures"]
    tried = WordTrial(load(file, None), {"shares": ()}, place=tmp_path / "other")
    assert after["figures"]["macro_f1"]["after"] == tried.score("shares").score.value("macro_f1")


@pytest.mark.parametrize("lost", ["low", "middle", "high"])
@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_level_that_the_file_lost_comes_back_at_its_place(
    tmp_path: Path,
    character_backbone: Path,
    client_of: Callable[[Any], Any],
    lost: str,
    in_a_file: bool,
) -> None:
    from pet_mtl.studio.app import Choice, create_app

    names = {"low": "悲", "middle": "伤", "high": "喜"}
    suite = write_kinds(tmp_path, character_backbone)
    text, old = suite.read_text(encoding="utf-8"), '{"1": 悲, "2": 伤, "3": 喜}'
    file = tmp_path / "stars.txt" if in_a_file else suite
    between = "  " if in_a_file else ": "
    lines = {name: f"      {name}{between}{word}\n" for name, word in names.items()}
    told = "stars.txt" if in_a_file else f"\n{''.join(lines.values())}".rstrip("\n")
    suite.write_text(text.replace(old, told), encoding="utf-8")
    if in_a_file:
        file.write_text("".join(lines.values()), encoding="utf-8")
    client = client_of(create_app(load(suite, None), Choice(place=tmp_path / "cache")))
    seen = client.get("/api/tasks/stars").json()["words_file"]["digest"]
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(lines[lost], ""), encoding="utf-8")
    # the page sends an object, whose order is any
    words = {"high": ["喜"], "low": ["悲", "水"], "middle": ["伤"]}
    save = {"what": "words", "words": words}
    changed = client.post("stars/save", save | {"seen": seen}, status=409)["changed"]
    client.post("stars/save", save | {"seen": changed["digest"]})
    assert load(suite, None).suite.tasks["stars"].verbalizer.labels == tuple(names)
