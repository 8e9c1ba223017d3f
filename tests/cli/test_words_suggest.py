"""`pet-mtl words suggest`: from the training rows alone, with gains on held-out ones, into the
user's own file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.suite.verbalizer import read_verbalizer
from pet_mtl.words.suggest import run as suggest_run
from pet_mtl.words.suggest.judge import Judge

Call = Callable[..., Any]
Refuse = Callable[..., str]
COMMENTED = '# mine\nnews  闻   # first\n\nsport  体 育\n"tech art"  科 # last\n'


@pytest.fixture
def suggest(call: Call, suite: Path, tmp_path: Path) -> Call:
    """Run the command on the toy suite."""
    return lambda *more: call(
        "words", "suggest", "topic", "--patterns", suite, "--cache", tmp_path / "cache", *more
    )


def test_json(suggest: Call) -> None:
    ran = suggest("--json", "--most", "3")
    assert ran.code == 0, ran.err
    told = ran.json
    assert {key: told[key] for key in ("task", "zero_shot", "calibration", "written")} == {
        "task": "topic",
        "zero_shot": True,
        "calibration": "prior",
        "written": None,
    }
    assert told["rows"] == {"fitting": 15, "held_out": 15}
    assert list(told["labels"]) == ["news", "sport", "tech art"]
    own = {word for label in told["labels"].values() for word in label["words"]}
    for label in told["labels"].values():
        assert 1 <= len(label["suggestions"]) <= 3
        gains = [each["fitting_gain"] for each in label["suggestions"]]
        assert gains == sorted(gains, reverse=True)
        for each in label["suggestions"]:
            assert each["word"] not in own
            assert each["change"] in ("add", "replace")
            assert each["gain_ci95"][0] <= each["gain"] <= each["gain_ci95"][1]
            assert set(each["methods"]) <= {"petal", "automatic", "neighbours"}
    assert told["proposal"]["words"].keys() == told["labels"].keys()
    assert suggest("--json", "--most", "3").json == told


def test_words_of_other_tasks_are_told(suggest: Call) -> None:
    Path("pair.json").write_text('{"0": "no", "1": "yes"}', encoding="utf-8")
    told = suggest("--verbalizer", "pair=pair.json").err
    assert "`--verbalizer pair=pair.json` does nothing: the words are for `topic`" in told


def test_words_of_a_task_that_is_read_count(call: Call, suite: Path, tmp_path: Path) -> None:
    later = """\
  later:
    patterns: "{task:topic}{mask}。{title}"
    verbalizer: topic.txt
    columns: {title: 1, label: 2}
    data: {train: topic.train.tsv}
train:
"""
    suite.write_text(suite.read_text(encoding="utf-8").replace("train:\n", later), encoding="utf-8")
    Path("read.txt").write_text('news 天\nsport 气\n"tech art" 真\n', encoding="utf-8")
    args = ("words", "suggest", "later", "--patterns", suite, "--cache", tmp_path / "cache")
    ran = call(*args, "--json", "--verbalizer", "topic=read.txt")
    assert ran.code == 0, ran.err
    assert "does nothing" not in ran.err
    assert ran.json != call(*args, "--json").json


def test_a_kind_whose_rows_have_one_label_as_well_is_refused_with_the_kinds_that_go(
    suite: Path, refuse: Refuse
) -> None:
    text = suite.read_text(encoding="utf-8").replace("  pair: ", "  pair:\n    kind: entailment")
    suite.write_text(text, encoding="utf-8")
    words = refuse("words", "suggest", "pair", "--patterns", suite)
    assert "`ordered` without `levels` and for `multi_label`, not for `kind: entailment`" in words
    assert "one label" not in words


def test_unlikely_words_are_left_out(suggest: Call) -> None:
    ran = suggest("--json", "--min-prior", "1e-12")
    assert ran.json == suggest("--json").json
    assert "candidates have a prior of 1e-12 or more" in ran.err
    none = suggest("--min-prior", "1")
    assert none.code == 2
    assert "--min-prior 1: no candidate is left" in none.err


def test_a_table(suggest: Call) -> None:
    ran = suggest()
    assert ran.code == 0, ran.err
    assert (
        ", the pattern file's, not trained on tasks: this is about words to train with" in ran.err
    )
    for word in (
        "label",
        "suggestion",
        "change",
        "gain on fitting rows",
        "all changes together",
        "tech art",
    ):
        assert word in ran.out


def test_only_the_files_of_training_rows_are_read(suggest: Call, suite: Path) -> None:
    expected = suggest("--json").json
    (suite.parent / "topic.dev.tsv").unlink()
    assert suggest("--json").json == expected


def test_the_state_of_each_row_is_read_once(suggest: Call) -> None:
    assert "topic" in suggest("--json").err
    suggest("--seed", "5")
    assert len(list(Path("cache").iterdir())) >= 2  # an entry for each number of masks


@pytest.mark.parametrize("gain", [0.25, 0.0])
def test_write_keeps_comments_and_order(
    suggest: Call, monkeypatch: pytest.MonkeyPatch, gain: float
) -> None:
    real = Judge.held_out_gain
    monkeypatch.setattr(Judge, "held_out_gain", lambda *all_: (gain, real(*all_)[1]))
    monkeypatch.setattr(
        suggest_run, "propose", lambda judge, own, ranked: ((ranked[0][0].word,), *own[1:])
    )
    file = Path("mine.txt")
    file.write_text(COMMENTED, encoding="utf-8")
    ran = suggest("--write", file, "--json")
    assert ran.code == 0, ran.err
    text = file.read_text(encoding="utf-8")
    if not gain:
        assert ran.json["written"] is None
        assert "no change gains on the held-out rows: mine.txt stays as it is" in ran.err
        assert text == COMMENTED
        assert "new.txt is not written" in suggest("--write", "new.txt").err
        assert not Path("new.txt").exists()
        return
    assert ran.json["written"] == "mine.txt"
    low = ran.json["proposal"]["gain_ci95"][0]
    assert ("may be luck: keep the words that mean their label" in ran.err) == (low <= 0)
    word = ran.json["labels"]["news"]["suggestions"][0]["word"]
    assert text == COMMENTED.replace("news  闻", f"news  {word}")
    assert (
        dict(zip(read_verbalizer(file).labels, map(list, read_verbalizer(file).words), strict=True))
        == (ran.json["proposal"]["words"])
    )


def test_what_is_saved_meanwhile_is_kept(suggest: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    real, file = Judge.held_out_gain, Path("mine.txt")

    def save_and_gain(*all_: Any) -> tuple[float, Any]:
        file.write_text(COMMENTED + "# saved\n", encoding="utf-8")
        return 0.25, real(*all_)[1]

    monkeypatch.setattr(Judge, "held_out_gain", save_and_gain)
    file.write_text(COMMENTED, encoding="utf-8")
    ran = suggest("--write", file, "--json")
    assert ran.code == 1
    assert "mine.txt: the file was changed while words were searched for" in ran.err
    assert ran.json["written"] is None
    assert file.read_text(encoding="utf-8") == COMMENTED + "# saved\n"


def test_a_file_that_is_there_gives_the_words_to_start_from(suggest: Call) -> None:
    Path("mine.txt").write_text('news 新\nsport 体\n"tech art" 科\n', encoding="utf-8")
    told = suggest("--write", "mine.txt", "--json").json
    assert told["labels"]["news"]["words"] == ["新"]


def test_a_checkpoint(call: Call, checkpoint: Path, trained: Path, tmp_path: Path) -> None:
    ran = call(
        "words", "suggest", "pair", "--model", checkpoint, "--cache", tmp_path / "cache", "--json"
    )
    assert ran.code == 0, ran.err
    assert (ran.json["zero_shot"], ran.json["calibration"]) == (
        False,
        "none",
    )  # the run kept none for this task
    assert "may have been trained on these rows" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "words suggest nothing: no task `nothing`"),
        (
            ["topic", "--write", "words.json"],
            "words.json: only verbalizer files of pet-mtl's own format",
        ),
        (["topic", "--write", "other.txt"], "and other.txt the right verbalizer?"),
        (
            ["topic", "--limit", "4"],
            ("task `topic` has too few training rows to suggest words from"),
        ),
        (["topic", "--data-root", "nowhere"], "nowhere"),
    ],
)
def test_wrong_use(
    refuse: Refuse, suite: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    Path("words.json").write_text('{"a": "x"}', encoding="utf-8")
    Path("other.txt").write_text("a x\nb y\n", encoding="utf-8")
    assert words in refuse(
        "words", "suggest", *arguments, "--patterns", suite, "--cache", tmp_path / "cache"
    )
