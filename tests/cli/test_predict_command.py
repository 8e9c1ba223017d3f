"""`pet-mtl predict` and `pet_mtl.load` where all is well, and how the Python door refuses."""

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pet_mtl
from pet_mtl.errors import PetMtlError

Call = Callable[..., Any]
LABELS = {"topic": {"news", "sport", "tech art"}, "pair": {"0", "1"}}


@pytest.fixture
def rows(checkpoint: Path) -> list[str]:
    """Options for two files: one with ids and no labels, one with labels that nobody knows."""
    Path("topic.tsv").write_text('id 9\t体育\n007\t"一条\n3\t科技\n', encoding="utf-8")
    Path("pair.tsv").write_text("这\t是\t?\n不\t是\t1\n", encoding="utf-8")
    return ["--data", "topic=topic.tsv", "--data", "pair=pair.tsv"]


def test_jsonl(call: Call, checkpoint: Path, rows: list[str]) -> None:
    ran = call("predict", checkpoint, *rows, "--out", "deep/out")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == ["deep/out/topic.jsonl", "deep/out/pair.jsonl"]
    found = [
        json.loads(line)
        for line in Path("deep/out/topic.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["id"] for row in found] == ["id 9", "007", "3"]
    assert all(row["label"] in LABELS["topic"] and 1 / 3 < row["probability"] <= 1 for row in found)
    found = [
        json.loads(line)
        for line in Path("deep/out/pair.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["id"] for row in found] == ["0", "1"]
    assert sorted(path.name for path in Path("deep/out").iterdir()) == ["pair.jsonl", "topic.jsonl"]


def test_json(call: Call, checkpoint: Path, rows: list[str]) -> None:
    assert call("predict", checkpoint, *rows, "--out", "out", "--json").json == {
        "files": ["out/topic.jsonl", "out/pair.jsonl"]
    }


def test_csv(call: Call, checkpoint: Path, rows: list[str]) -> None:
    assert call("predict", checkpoint, *rows, "--out", "out", "--format", "csv").code == 0
    with Path("out/topic.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["id"] for row in found] == ["id 9", "007", "3"]
    assert {row["label"] for row in found} <= LABELS["topic"]


def test_the_contest_format(call: Call, checkpoint: Path, rows: list[str]) -> None:
    ran = call("predict", checkpoint, *rows, "--out", "out", "--format", "tianchi")
    names = ["topic_predict.json", "pair_predict.json"]
    assert ran.out.splitlines() == [f"out/{name}" for name in [*names, "submission.zip"]]
    lines = Path("out/topic_predict.json").read_text(encoding="utf-8").splitlines()
    assert [list(json.loads(line)) for line in lines] == [["id", "label"]] * 3
    assert lines[0].startswith('{"id": "id 9", "label": "')
    with zipfile.ZipFile("out/submission.zip") as archive:
        assert archive.namelist() == names
        assert archive.read(names[0]) == Path("out/topic_predict.json").read_bytes()


def test_other_label_words_keep_the_labels(call: Call, checkpoint: Path, rows: list[str]) -> None:
    Path("words.txt").write_text('"tech art" 天\nsport 真\nnews 新\n', encoding="utf-8")
    ran = call("predict", checkpoint, *rows, "--out", "out", "--verbalizer", "topic=words.txt")
    assert ran.code == 0, ran.err
    found = [
        json.loads(line)
        for line in Path("out/topic.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert {row["label"] for row in found} <= LABELS["topic"]
    assert "does nothing" not in ran.err
    idle = "`--verbalizer topic=words.txt` does nothing: no rows of `topic` are given"
    ran = call("predict", checkpoint, *rows[2:], "--out", "out", "--verbalizer", "topic=words.txt")
    assert f"warning: {idle}" in ran.err


def test_the_python_door_says_what_the_command_says(
    call: Call, checkpoint: Path, rows: list[str]
) -> None:
    call("predict", checkpoint, *rows, "--out", "out")
    found = [
        json.loads(line)
        for line in Path("out/topic.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    model = pet_mtl.load("model")
    assert model.tasks == ("topic", "pair")
    texts = ["体育", '"一条', "科技"]
    predictions = model.predict(texts)  # one task only has a single field
    assert [(p.label, round(p.probability, 6)) for p in predictions] == [
        (r["label"], r["probability"]) for r in found
    ]
    assert predictions == model.predict([{"title": text} for text in texts])
    assert predictions == model.predict(texts, task="topic")
    for prediction in predictions:
        assert set(prediction.probabilities) == LABELS["topic"]
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert (
            max(prediction.probabilities, key=prediction.probabilities.__getitem__)
            == prediction.label
        )
    (pair,) = model.predict([{"one": "这", "two": "是", "more": "fields do no harm"}])
    assert set(pair.probabilities) == LABELS["pair"]
    assert model.predict([]) == []


@pytest.mark.parametrize(
    ("rows", "task", "message"),
    [
        (["好"], "nothing", "no task `nothing`"),
        (["好"], "pair", "rows[0] gives no text for the field `one`"),
        ([{"one": "好"}], None, "the task cannot be told from the rows"),
        ([{"title": "好"}, {"text": "好"}], None, ("rows[1] gives no text for the field `title`")),
        ([{"title": 3}], None, "rows[0] gives no text for the field `title`"),
        ([None], "topic", "rows[0] gives no text for the field `title`"),
        ([None], None, "the task cannot be told from the rows"),
        ([3], None, "the task cannot be told from the rows"),
        ("好", "topic", "`rows` is one text"),
        ({"title": "好"}, "topic", "`rows` is one row"),
    ],
)
def test_the_python_door_refuses(trained: Path, rows: Any, task: str | None, message: str) -> None:
    model = pet_mtl.load(trained / "checkpoint")
    with pytest.raises(PetMtlError) as caught:
        model.predict(rows, task=task)
    assert message in str(caught.value)
    assert "hint: " in str(caught.value)


def test_the_python_door_refuses_other_folders(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="this is no pet-mtl checkpoint"):
        pet_mtl.load(str(tmp_path))


def test_stopped_shards_say_how_to_go_on(
    call: Call, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pet_mtl.bulk.run.predict_shards", stopped)
    data = ["--data", "topic=suite/topic.dev.tsv", "--shard-rows", "2", "--out", "my shards"]
    ran = call("predict", checkpoint, *data)
    assert ran.code == 130
    assert "the same command with `--out 'my shards'` goes on" in ran.err


def test_shards_are_counted_in_words(call: Call, checkpoint: Path) -> None:
    Path("topic.tsv").write_text("1\t体育\n2\t新闻\n", encoding="utf-8")
    data = ["--data", "topic=topic.tsv", "--out", "out", "--shard-rows"]
    assert "2 rows in 1 shard, 1 of them made now: out" in call("predict", checkpoint, *data, 2).err
    Path("topic.tsv").write_text("1\t体育\n", encoding="utf-8")
    assert "1 row in 1 shard, 1 of" in call("predict", checkpoint, *data[:3], "o", data[-1], 1).err


def test_shards_of_the_hub_are_refused(refuse: Callable[..., str], checkpoint: Path) -> None:
    data = ("--data", "topic=hub:clue/clue:tnews/test", "--out", "out", "--shard-rows", "2")
    said = refuse("predict", checkpoint, *data)
    assert "--data topic=hub:clue/clue:tnews/test: shards are of a file" in said
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shard-rows", "2", "--task", "pair"), "--task pair: `--data TASK=FILE` names the task"),
        (("--shard-rows", "2", "--workers", "4"), "--workers 4: only Ray has workers"),
        (("--workers", "4"), "hint: add `--engine ray`, or leave `--workers` out"),
        (("--format", "tianchi", "--top-k", "2"), "files hold ids and labels alone"),
        (
            ("--format", "tianchi", "--echo"),
            "hint: leave `--top-k`, `--probabilities` and `--echo`",
        ),
        (("--engine", "ray", "--task", "pair"), "--task pair: `--data TASK=FILE` names the task"),
    ],
)
def test_options_that_would_not_be_heard(
    refuse: Callable[..., str], checkpoint: Path, options: tuple[str, ...], words: str
) -> None:
    Path("topic.tsv").write_text("1\t体育\n", encoding="utf-8")
    data = ("--data", "topic=topic.tsv", "--out", "out")
    assert words in refuse("predict", checkpoint, *data, *options)
