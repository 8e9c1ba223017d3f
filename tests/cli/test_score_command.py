"""`pet-mtl score` where all is well."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture
def stored(trained: Path) -> dict[str, Any]:
    """The dev scores that training had."""
    metrics: dict[str, Any] = json.loads((trained / "checkpoint" / "pet_mtl.json").read_text())[
        "metrics"
    ]["tasks"]
    return metrics


def test_json(call: Call, checkpoint: Path, stored: dict[str, Any]) -> None:
    ran = call("score", checkpoint, "--json")
    assert ran.code == 0, ran.err
    assert list(ran.json) == ["checkpoints"]
    (one,) = ran.json["checkpoints"]
    assert set(one) == {
        *("path", "method", "parameters", "tasks", "mean_macro_f1"),
        *("samples_per_second", "tokens_per_second", "peak_memory_gb"),
    }
    assert one["path"] == str(checkpoint)
    assert list(one["tasks"]) == ["topic", "pair"]
    for name, task in one["tasks"].items():
        assert {key: task[key] for key in ("macro_f1", "accuracy")} == pytest.approx(stored[name])
        low, high = task["macro_f1_ci95"]
        assert 0 <= low <= task["macro_f1"] <= high <= 1
        assert {key: set(value) for key, value in task["per_label"].items()} == {
            label: {"precision", "recall", "f1", "support"}
            for label in {"topic": ("news", "sport", "tech art"), "pair": ("0", "1")}[name]
        }
    assert one["mean_macro_f1"] == pytest.approx(
        sum(task["macro_f1"] for task in stored.values()) / 2
    )
    assert one["tokens_per_second"] > one["samples_per_second"] > 0  # of one batch too
    assert one["peak_memory_gb"] > 0


def test_checkpoints_stand_side_by_side_whole(call: Call, checkpoint: Path, tmp_path: Path) -> None:
    others = [
        shutil.copytree(checkpoint, tmp_path / f"a folder with a long name {number}")
        for number in (1, 2)
    ]
    ran = call("score", checkpoint, *others)
    assert ran.code == 0, ran.err
    assert len(re.findall(r"macro-F1 \[95 %\]", ran.out)) == 3
    assert ran.out.count("(+0.0000)") == 2 * 3  # both against the first: two tasks and the mean
    for folder in (checkpoint, *others):
        assert str(folder) in ran.out
    both = call("score", checkpoint, others[0], "--json").json["checkpoints"]
    assert [one["path"] for one in both] == [str(checkpoint), str(others[0])]
    assert both[0]["tasks"] == both[1]["tasks"]


def test_what_a_model_cannot_read_is_told_with_its_name(call: Call, checkpoint: Path) -> None:
    other = shutil.copytree(checkpoint, "other")
    Path("rows.tsv").write_text("1\tꙮꙮ ꀀꀁ\tnews\n2\tꙮꙮ ꀀꀁ\tsport\n", encoding="utf-8")
    ran = call("score", checkpoint, other, "--data", "topic=rows.tsv")
    for folder in (checkpoint, other):
        assert f"warning: {folder}: topic: the model cannot read 100 %" in ran.err


def test_labels(call: Call, checkpoint: Path) -> None:
    ran = call("score", checkpoint, "--labels")
    assert ran.code == 0, ran.err
    assert re.search(r"label +word +precision +recall +F1 +support", ran.out)
    assert re.search(r"tech art +科 +0\.\d{4}", ran.out)
    assert re.search(r"0 +好 +[01]\.\d{4}", ran.out)
    assert "support" not in call("score", checkpoint).out


def test_given_rows(call: Call, checkpoint: Path) -> None:
    Path("rows.tsv").write_text("7\t体育\tsport\n8\t科技\ttech art\n", encoding="utf-8")
    (one,) = call("score", "model", "--data", "topic=rows.tsv", "--json").json["checkpoints"]
    assert {name: task["examples"] for name, task in one["tasks"].items()} == {"topic": 2}
    assert one["tasks"]["topic"]["per_label"]["news"]["support"] == 0


def test_label_words_of_tasks_without_rows_are_told(
    call: Call, checkpoint: Path, suite: Path
) -> None:
    Path("rows.tsv").write_text("7\t体育\tsport\n", encoding="utf-8")
    Path("yes.txt").write_text("0 不\n1 是\n", encoding="utf-8")
    told = "warning: `--verbalizer pair=yes.txt` does nothing: no rows of `pair` are given"
    given = ("--data", "topic=rows.tsv", "--verbalizer", "pair=yes.txt")
    for model in (("model", "model"), ("model", "--patterns", str(suite))):
        assert call("score", *model, *given).err.count(told) == 1
    needed = ("--data", "topic=rows.tsv", "--verbalizer", "topic=words.txt")
    Path("words.txt").write_text('"tech art" 科\nnews 闻\nsport 体\n', encoding="utf-8")
    assert "does nothing" not in call("score", "model", *needed).err


def test_shared_slots_are_warned_of_where_nothing_was_trained(
    call: Call, suite: Path, backbone: Path, checkpoint: Path
) -> None:
    warning = "warning: pair: `slots: shared` means little before training"
    given = ("--patterns", suite, "-s", "tasks.pair.slots=shared")
    assert warning in call("score", backbone, *given).err
    assert warning not in call("score", checkpoint, *given).err


def test_rows_that_have_moved(call: Call, checkpoint: Path, suite: Path, trained: Path) -> None:
    (suite.parent / "topic.train.tsv").unlink()  # dev rows have a file of their own
    one = call("score", checkpoint, "--data-root", "suite", "--json").json["checkpoints"][0]
    assert one["tasks"] == call("score", checkpoint, "--json").json["checkpoints"][0]["tasks"]


def test_other_label_words(call: Call, checkpoint: Path) -> None:
    def scores(*options: str) -> Any:
        ran = call("score", checkpoint, "--calibration", "none", "--json", *options)
        return ran.json["checkpoints"][0]["tasks"]

    before = scores()
    same = Path("same.txt")
    same.write_text('"tech art" 科\nnews 闻\nsport 体 育\n', encoding="utf-8")
    assert scores("--verbalizer", "topic=same.txt") == before
    # The toy model says one label for all rows: with the words of two labels exchanged, it says the
    # other one.
    (said,) = [label for label, each in before["topic"]["per_label"].items() if each["recall"]]
    words = {"news": "闻", "sport": "体 育", "tech art": "科"}
    other = next(label for label in words if label != said)
    words[said], words[other] = words[other], words[said]
    Path("other.txt").write_text(
        "".join(f'"{label}" {word}\n' for label, word in words.items()), encoding="utf-8"
    )
    after = scores("--verbalizer", "topic=other.txt")
    assert list(after["topic"]["per_label"]) == list(before["topic"]["per_label"])
    assert after["topic"]["per_label"][other]["recall"] == 1
    assert after["topic"]["per_label"][said]["recall"] == 0
    assert after["pair"] == before["pair"]


def test_bad_rows_are_skipped_as_far_as_allowed(call: Call, checkpoint: Path) -> None:
    Path("rows.tsv").write_text("1\t好\tnews\n2\t好\twhat\n3\n4\t坏\tsport\n", encoding="utf-8")
    ran = call("score", checkpoint, "--data", "topic=rows.tsv", "--skip-bad-rows", "2", "--json")
    assert ran.json["checkpoints"][0]["tasks"]["topic"]["examples"] == 2
    assert ('warning: topic: skipped 2 bad rows (rows.tsv:2: label "what" is not in') in ran.err
    assert "rows.tsv:3: row has 1 column, expected 3" in ran.err
    shutil.copytree(checkpoint, "other")  # which is said once, however many are scored
    both = call("score", checkpoint, "other", "--data", "topic=rows.tsv", "--skip-bad-rows", "2")
    assert both.code == 0, both.err
    assert both.err.count("rows.tsv:2: ") == both.err.count("skipped 2 bad rows") == 1
    refused = call("score", checkpoint, "--data", "topic=rows.tsv", "--skip-bad-rows", "1")
    assert (refused.code, refused.out) == (2, "")
    assert "rows.tsv:2: " in refused.err
    assert "rows.tsv:3: " in refused.err


def test_the_mean_of_two_checkpoints(call: Call, checkpoint: Path) -> None:
    ran = call("average", checkpoint, checkpoint, "--out", "mean")
    assert (ran.code, ran.out) == (0, "mean\n"), ran.err
    scored = call("score", checkpoint, "mean", "--calibration", "none", "--json").json[
        "checkpoints"
    ]
    assert scored[0]["tasks"] == scored[1]["tasks"]
    again = call("average", checkpoint, checkpoint, "--out", "mean")
    assert again.code == 2
    assert "mean: the folder is there already" in again.err
