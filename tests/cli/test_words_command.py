"""`pet-mtl words`: check and try."""

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
OTHER = {
    "other.txt": 'news 闻\nsport 天气\n"tech art" 科技\n',
    "third.txt": 'news 体育\nsport 中\n"tech art" 好 坏\n',
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def others(tmp_path: Path) -> list[str]:
    for name, text in OTHER.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [option for name in OTHER for option in ("--verbalizer", f"topic={name}")]


def test_check(call: Call, suite: Path) -> None:
    ran = call("words", "check", "--patterns", suite)
    assert ran.code == 0, ran.err
    assert re.search(r"sport +体 +体 +1 +0\.\d+ +\d+\.\d%", ran.out)
    assert re.search(r"真好 +真 好 +2 +\S+ +", ran.out)
    found = call("words", "check", "--patterns", suite, "--json").json
    assert list(found["tasks"]) == ["topic", "pair"]
    assert found["errors"] == []


def test_check_finds_errors(call: Call, suite: Path) -> None:
    (suite.parent / "topic.txt").write_text(
        'news 龘\nsport 体\n"tech art" 体 科\n', encoding="utf-8"
    )
    ran = call("words", "check", "--patterns", suite)
    assert ran.code == 1
    assert "topic.txt:1: the tokenizer of the model cannot write the label word" in ran.err
    assert 'topic.txt:2: labels "sport" and "tech art" share the word "体"' in ran.err
    assert "unknown: 龘" in ran.out
    ran = call("words", "check", "--patterns", suite, "--json")
    assert (ran.code, len(ran.json["errors"])) == (1, 2)


def test_check_counts_the_rest_of_many_warnings(call: Call, suite: Path) -> None:
    words = " ".join(f"好{a}{b}" for a in "新闻体育科技" for b in "新闻体育")
    (suite.parent / "topic.txt").write_text(
        f'news {words}\nsport 好\n"tech art" 坏\n', encoding="utf-8"
    )
    ran = call("words", "check", "--patterns", suite)
    assert ran.err.count("warning: ") == 21
    more = int(re.search(r"warning: and (\d+) more problems", ran.err)[1])  # type: ignore[index]
    asked = call("words", "check", "--patterns", suite, "--json").json
    assert len(asked["warnings"]) == 20 + more


def test_check_says_where_a_length_is_set(call: Call, suite: Path) -> None:
    suite.write_text(suite.read_text().replace("max_length: 32", "max_length: 500"))
    ran = call("words", "check", "--patterns", suite)
    assert (ran.code, ran.out) == (2, "")
    assert "hint: set `train.max_length: 64` in the file of `--patterns`" in ran.err


def test_check_other_words_with_a_checkpoint(
    call: Call, checkpoint: Path, others: list[str]
) -> None:
    ran = call("words", "check", "--model", checkpoint, *others[:2], "--json")
    assert ran.code == 0, ran.err
    assert ran.json["tasks"]["topic"]["labels"]["sport"]["words"][0]["word"] == "天气"


def test_try_scores_as_score_does(call: Call, checkpoint: Path, others: list[str]) -> None:
    ran = call("words", "try", "--model", checkpoint, *others, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["model"], ran.json["zero_shot"]) == (str(checkpoint), False)
    assert f"model: {checkpoint}, trained with its own label words" in ran.err
    assert list(ran.json["tasks"]) == ["topic"]
    entries = ran.json["tasks"]["topic"]
    assert [entry["verbalizer"] for entry in entries] == list(OTHER)
    for entry in entries:
        scored = call(
            "score", checkpoint, "--verbalizer", f"topic={entry['verbalizer']}", "--json"
        ).json
        wanted = scored["checkpoints"][0]["tasks"]["topic"]
        for key in ("macro_f1", "accuracy", "macro_f1_ci95", "per_label"):
            assert entry[key] == wanted[key]
        assert entry["rows"] == wanted["examples"]
        assert 0 < entry["seconds"] < 60
    own = call("words", "try", "--model", checkpoint, "--json").json["tasks"]
    stored = call("score", checkpoint, "--json").json["checkpoints"][0]["tasks"]
    assert {name: [each["macro_f1"] for each in task] for name, task in own.items()} == {
        name: [task["macro_f1"]] for name, task in stored.items()
    }


def test_the_second_time_is_cached(call: Call, checkpoint: Path, others: list[str]) -> None:
    def cached(*more: str) -> list[bool]:
        return [
            each["cached"]
            for each in call("words", "try", "--model", checkpoint, *others, "--json", *more).json[
                "tasks"
            ]["topic"]
        ]

    # own words have one piece; the first file adds two, so the second has all it needs
    assert cached() == [False, True]
    assert cached() == [True, True]
    assert cached("--rows", "train") == [
        True,
        True,
    ]  # other words had their calibration fitted on them
    assert cached("--cache", "elsewhere") == [False, True]
    assert list(Path("elsewhere").iterdir())


def test_try_zero_shot(call: Call, suite: Path, others: list[str]) -> None:
    ran = call("words", "try", "--patterns", suite, *others, "--limit", "5")
    assert ran.code == 0, ran.err
    assert "zero-shot" in ran.out
    assert ", the pattern file's, not trained on tasks" in ran.err
    assert re.search(r"other\.txt +5 +0\.\d{4} \([+-]0\.\d{4}\)", ran.out)
    assert re.search(r"sport +天气 +体 育 ", ran.out)
    assert (
        call("words", "try", "--patterns", suite, "--limit", "5", "--json").json["zero_shot"]
        is True
    )


def test_a_checkpoint_on_other_patterns(call: Call, checkpoint: Path, suite: Path) -> None:
    ran = call("words", "try", "--patterns", suite, "--model", checkpoint, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["zero_shot"] is False
    own = call("words", "try", "--model", checkpoint, "--json").json
    assert ran.json["tasks"]["pair"][0]["macro_f1"] == own["tasks"]["pair"][0]["macro_f1"]


def test_shared_slots_zero_shot_are_warned_of(call: Call, suite: Path) -> None:
    suite.write_text(
        suite.read_text().replace('verbalizer: {"0"', 'slots: shared\n    verbalizer: {"0"')
    )
    ran = call("words", "try", "--patterns", suite)
    assert ran.code == 0, ran.err
    assert "warning: pair: `slots: shared` means little before training" in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rows", "test"], "unknown rows `test`"),
        (["--verbalizer", "topic"], "must have the form TASK=FILE"),
        (["--verbalizer", "none=other.txt"], "no task `none`"),
        (["--verbalizer", "topic=missing.txt"], "missing.txt"),
        (["--verbalizer", "topic=labels.txt"], 'adds "x", "y"'),
        (["--model", "nowhere"], "there is no model `nowhere`"),
        (["--model", "run"], "did you mean `run/checkpoint`?"),
    ],
)
def test_wrong_input(
    call: Call, suite: Path, trained: Path, others: list[str], options: list[str], message: str
) -> None:
    Path("labels.txt").write_text("x 好\ny 坏\n", encoding="utf-8")
    Path("run").symlink_to(trained)
    ran = call("words", "try", "--patterns", suite, *options)
    assert (ran.code, ran.out) == (2, ""), ran
    assert message in ran.err


@pytest.mark.parametrize("command", [("try",), ("suggest", "topic")])
def test_a_pattern_without_room_names_its_file(
    call: Call, suite: Path, command: tuple[str, ...]
) -> None:
    text = suite.read_text(encoding="utf-8")
    text = text.replace("{mask}。{title}", "是" * 40 + "{mask}{title}")
    suite.write_text(text, encoding="utf-8")
    ran = call("words", *command, "--patterns", suite)
    assert (ran.code, ran.out) == (2, "")
    assert f"error: {suite}: task `topic`: pattern " in ran.err


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="the system has no names for pipes")
def test_words_from_a_pipe(call: Call, checkpoint: Path, others: list[str]) -> None:
    asked = [("words", "try", "--model", checkpoint, "--json"), ("score", checkpoint, "--json")]
    wanted = [call(*command, *others[:2]) for command in asked]
    reading, writing = os.pipe()
    os.write(writing, OTHER["other.txt"].encode())
    os.close(writing)
    piped = ("--verbalizer", f"topic=/dev/fd/{reading}")
    try:
        ran = [call(*command, *piped) for command in asked]
        watched = call(*asked[0], *piped, "--watch")
    finally:
        os.close(reading)
    for one, other in zip(wanted, ran, strict=True):
        assert other.code == 0, other.err
        assert re.findall(r'"macro_f1": [^,]+', other.out) == re.findall(
            r'"macro_f1": [^,]+', one.out
        )
    assert (watched.code, watched.out) == (2, "")
    assert "a pipe cannot be watched" in watched.err


def test_rows_without_dev(call: Call, suite: Path) -> None:
    suite.write_text(re.sub(r", dev: \w+\.dev\.tsv", "", suite.read_text()))
    ran = call("words", "try", "--patterns", suite)
    assert (ran.code, ran.out) == (2, "")
    assert "hint: use the training rows: `--rows train`" in ran.err
    assert call("words", "try", "--patterns", suite, "--rows", "train").code == 0


@pytest.mark.parametrize("rows", ["dev", "train"])
def test_a_task_of_unlabelled_rows_alone(call: Call, suite: Path, rows: str) -> None:
    """It is left out, and asked for alone it is not sent to rows that it has not either."""
    text = suite.read_text()
    suite.write_text(
        re.sub(r"train: pair\S+ dev: \S+?(?=[,}])", "unlabelled: pair.train.tsv", text)
    )
    told = {"dev": "dev", "train": "training"}[rows]
    ran = call("words", "try", "--patterns", suite, "--rows", rows, "--json")
    assert ran.code == 0, ran.err
    assert list(ran.json["tasks"]) == ["topic"]
    assert f"warning: task `pair` has no {told} rows\n" in ran.err
    suite.write_text(
        re.sub(r"train: topic\S+ dev: \S+?(?=[,}])", "unlabelled: x", suite.read_text())
    )
    ran = call("words", "try", "--patterns", suite, "--rows", rows)
    assert f"error: no task has {told} rows\n" in ran.err
    assert "--rows train" not in ran.err


def test_a_checkpoint_of_a_model_as_it_is_was_not_trained(call: Call, suite: Path) -> None:
    assert call("checkpoint", "zh-mini", "--patterns", suite, "--out", "made").code == 0
    ran = call("words", "try", "--model", "made", "--data-root", suite.parent, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["zero_shot"] is True
    assert "model: made, not trained on tasks" in ran.err


class Steps:
    """Edits of a user, one each time the watcher sleeps for long; then Ctrl-C."""

    def __init__(self, steps: list[Callable[[], object]]) -> None:
        self.steps: Iterator[Callable[[], object]] = iter(steps)

    def __call__(self, seconds: float) -> None:
        if seconds < 0.1:
            return
        step = next(self.steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    from pet_mtl.words import try_words, watch

    def plan(*steps: Callable[[], object]) -> None:
        monkeypatch.setattr(try_words, "saved", partial(watch.saved, sleep=Steps(list(steps))))

    return plan


def save(text: str) -> Callable[[], None]:
    """Save as editors do: another file, renamed."""

    def write() -> None:
        Path("new").write_text(text, encoding="utf-8")
        os.replace("new", "other.txt")  # noqa: PTH105

    return write


def test_watch(call: Call, checkpoint: Path, others: list[str], edit: Callable[..., None]) -> None:
    edit(
        save('news 坏\nsport 天气\n"tech art" 科技\n'),
        save('news\nsport 天气\n"tech art" 科技\n'),
        lambda: Path("other.txt").unlink(),
        save('news 龘\nsport 天气\n"tech art" 科技\n'),
        save(OTHER["third.txt"]),
    )
    ran = call("words", "try", "--model", checkpoint, *others[:2], "--watch")
    assert ran.code == 0, ran.err
    assert "watching; Ctrl-C ends" in ran.err
    assert 'other.txt:1: label "news" has no label word' in ran.err
    assert 'cannot write the label word "龘"' in ran.err
    lines = re.findall(
        r"^topic other\.txt: macro-F1 .* gained, .* lost, .* flipped, 0\.\d+ s$",
        ran.out,
        re.MULTILINE,
    )
    assert len(lines) == 2


def test_watch_json(
    call: Call, checkpoint: Path, others: list[str], edit: Callable[..., None]
) -> None:
    edit(save(OTHER["third.txt"]), save(OTHER["other.txt"]))
    ran = call("words", "try", "--model", checkpoint, *others, "--watch", "--json")
    assert ran.code == 0, ran.err
    start, there, back = map(json.loads, ran.out.splitlines())
    first, third = start["tasks"]["topic"]
    assert there["macro_f1"] == third["macro_f1"]
    assert back["macro_f1"] == first["macro_f1"]
    for event in (there, back):
        assert (event["task"], event["verbalizer"], event["cached"]) == ("topic", "other.txt", True)
    assert there["change"]["gained"] == back["change"]["lost"]
    assert there["change"]["flipped"] == back["change"]["flipped"] == len(back["change"]["rows"])


def test_watch_without_files(call: Call, suite: Path) -> None:
    text = suite.read_text(encoding="utf-8").replace(
        "topic.txt", "{news: 闻, sport: 天气, tech art: 科技}"
    )
    suite.write_text(text, encoding="utf-8")
    ran = call("words", "try", "--patterns", suite, "--watch")
    assert (ran.code, ran.out) == (2, "")
    assert "no task has a verbalizer file to watch" in ran.err


def test_watch_sees_what_is_saved_while_the_model_is_loaded(
    call: Call, suite: Path, edit: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pet_mtl.words import loaded

    def slowly(*args: Any, **options: Any) -> Any:
        (suite.parent / "topic.txt").write_text(OTHER["third.txt"], encoding="utf-8")
        return load_backbone(*args, **options)

    load_backbone = loaded.load_backbone
    monkeypatch.setattr(loaded, "load_backbone", slowly)
    edit(lambda: None, lambda: None)
    ran = call("words", "try", "--patterns", suite, "--watch", "--json")
    assert ran.code == 0, ran.err
    assert "pair: not watched, since its words are in no file of their own" in ran.err
    start, now = map(json.loads, ran.out.splitlines())
    assert now["task"] == "topic"
    ran = call("words", "try", "--patterns", suite, "--json")
    (there,) = json.loads(ran.out)["tasks"]["topic"]
    assert now["macro_f1"] == there["macro_f1"] != start["tasks"]["topic"][0]["macro_f1"]
