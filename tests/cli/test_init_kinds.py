"""`pet-mtl init` proposes kinds of task where names say so, and `train` and `score` take them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

Call = Callable[..., Any]
QUALITY = ["很差", "差", "一般", "好", "很好"]
ZH, EN = "这家店第{}次来，味道不错", "a film of the year {}"


def written(folder: Path, header: str, rows: Sequence[Sequence[object]]) -> Path:
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    (folder / "t.csv").write_text("".join(line + "\n" for line in lines), "utf-8")
    return folder / "t.csv"


def rows_of(labels: Sequence[object], text: str = ZH, count: int = 60) -> list[list[object]]:
    return [[text.format(n), labels[n % len(labels)]] for n in range(count)]


def pairs_of(labels: Sequence[object], count: int = 60) -> list[list[object]]:
    texts = [ZH.format(n) for n in range(count + 1)]
    return [[texts[n], texts[n + 1], labels[n % len(labels)]] for n in range(count)]


def proposed(
    call: Call, file: Path, backbone: Path, *more: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the task's section and what `--json` prints."""
    options = ("--out", file.parent, "--model", backbone, "--force", "--json")
    ran = call("init", file, *options, *more)
    assert ran.code == 0, ran.err
    tree = YAML(typ="safe", pure=True).load(file.parent / "t.yaml")
    return tree["tasks"]["t"], ran.json


TENTHS = [f"{n / 10:.1f}" for n in range(0, 51, 3)]
KINDS: dict[str, tuple[str, list[list[object]], dict[str, Any], list[str]]] = {
    "stars": ("text,stars", rows_of([5, 1, 3, 2, 4]), {"kind": "ordered"}, list("12345")),
    "half stars": (
        "text,rating",
        rows_of(["10.0", "0.5", "2.0"]),
        {"kind": "ordered"},
        ["0.5", "2.0", "10.0"],
    ),
    "words of a scale": (
        "text,label",
        rows_of([*reversed(QUALITY)]),
        {"kind": "ordered"},
        QUALITY,
    ),
    "low, medium, high": (
        "text,priority",
        rows_of(["low", "medium", "high"], EN),
        {"kind": "ordered"},
        ["low", "medium", "high"],
    ),
    "scores from 0 to 5": (
        "sentence1,sentence2,genre,score",
        [[a, b, "ab"[n % 2], c] for n, (a, b, c) in enumerate(pairs_of(TENTHS))],
        {"kind": "similarity", "range": [0, 5]},
        ["low", "high"],
    ),
    "scores from 0 to 1, all different": (
        "text1,text2,similarity",
        [[a, b, f"{n / 300:.4f}"] for n, (a, b, _) in enumerate(pairs_of([0], 300))],
        {"kind": "similarity", "range": [0, 1]},
        ["low", "high"],
    ),
    "leaves of a tree": (
        "text,label",
        rows_of(["体育/足球", "体育/篮球", "生活/美食", "其他", "生活/旅游"]),
        {"levels": "joint"},
        ["体育/篮球", "体育/足球", "其他", "生活/旅游", "生活/美食"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", KINDS)
def test_a_kind_is_proposed_trained_and_scored(
    call: Call, tmp_path: Path, backbone: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    header, rows, keys, labels = KINDS[case]
    task, told = proposed(call, written(tmp_path, header, rows), backbone)
    assert {key: task.get(key) for key in keys} == keys
    assert {key: told.get(key) for key in keys} == keys
    words = (tmp_path / "t.words.txt").read_text("utf-8")
    lines = [line.split()[0] for line in words.splitlines() if not line.startswith("#")]
    assert sorted(lines) == sorted(labels)
    assert lines == labels or "levels" in keys  # from the lowest to the highest
    ran = call("train", "--patterns", "t.yaml", "-s", "train.max_steps=2", "--out", "r", "--json")
    assert ran.code == 0, ran.err
    score = call("score", "r/checkpoint", "--data", "t=t.csv", "--json")
    assert score.code == 0, score.err
    found = score.json["checkpoints"][0]["tasks"]["t"]
    assert found["examples"] == len(rows)
    figure = {"ordered": "mae", "similarity": "pearson", None: "levels"}[keys.get("kind")]
    assert figure in found
    ran = call("predict", "r/checkpoint", "--data", "t=t.csv", "--out", "-")
    assert ran.code == 0, ran.err
    first = json.loads(ran.out.splitlines()[0])
    assert "value" in first if "range" in keys else first["label"] in labels


@pytest.mark.parametrize("case", [case for case in KINDS if "all different" not in case])
def test_plain_labels_can_be_asked_for(
    call: Call, tmp_path: Path, backbone: Path, case: str
) -> None:
    header, rows, *_ = KINDS[case]
    options = ("--kind", "classification", "--label", header.split(",")[-1])
    task, told = proposed(call, written(tmp_path, header, rows), backbone, *options)
    assert not {"kind", "range", "levels"} & (set(task) | set(told))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("text,label", rows_of([1, 2, 3, 4, 5])),
        ("review,label", rows_of([1, 2, 3, 4, 5])),
        ("text,category", rows_of([0, 1, 2])),
        ("text,label", rows_of(range(100, 117))),
        ("text,rating", rows_of([100, 101, 102])),
        ("text,label", rows_of(["negative", "neutral", "positive"], EN)),
        ("text,score", rows_of(TENTHS)),  # one text
        ("question,answer,score", pairs_of([0, 1, 2, 3, 4, 5])),
        ("sentence1,sentence2,similarity", pairs_of([0, 1])),
        ("sentence1,sentence2,label", pairs_of(["0.0", "1.0"])),
        ("text,label", rows_of(["news/tech", "news/sport", "news/art"], EN)),
    ],
)
def test_plain_labels_stay_plain(
    call: Call, tmp_path: Path, backbone: Path, header: str, rows: list[list[object]]
) -> None:
    task, told = proposed(call, written(tmp_path, header, rows), backbone)
    assert not {"kind", "range", "levels"} & (set(task) | set(told))
    assert task["columns"]["label"] == header.split(",")[-1]


def test_whole_numbers_beside_missing_ones_are_plain_codes(
    call: Call, tmp_path: Path, backbone: Path
) -> None:
    """pandas makes floats of them; the verbalizer has what the same rows without gaps have."""
    file = written(tmp_path, "text,label", rows_of(["0.0", "1.0", ""]))
    _, printed = proposed(call, file, backbone)
    assert list(printed["labels"]) == ["0", "1"]


def test_the_pattern_file_and_the_output_say_why(
    call: Call, tmp_path: Path, backbone: Path
) -> None:
    file = written(tmp_path, "text,stars", rows_of([1, 2, 3, 4, 5]))
    ran = call("init", file, "--out", tmp_path, "--model", backbone)
    assert "levels of a scale (1 < 2 < 3 < 4 < 5)" in ran.out
    assert "`--kind classification`" in ran.out
    line = next(line for line in (tmp_path / "t.yaml").read_text().splitlines() if "kind:" in line)
    assert "codes: delete it" in line


def test_a_person_may_ask_for_a_kind(
    call: Call, tmp_path: Path, backbone: Path, refuse: Callable[..., str]
) -> None:
    file = written(tmp_path, "text,label", rows_of([-1, 1, 0]))
    task, _ = proposed(call, file, backbone, "--kind", "ordered")
    assert task["kind"] == "ordered"
    words = (tmp_path / "t.words.txt").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in words if not line.startswith("#")] == ["-1", "0", "1"]
    task, _ = proposed(call, file, backbone, "--kind", "similarity")
    assert (task["kind"], task["range"]) == ("similarity", [-1, 1])
    options = ("--out", tmp_path, "--model", backbone, "--force", "--kind")
    file = written(tmp_path, "text,label", rows_of(["体育", "财经"]))
    assert "the order of the labels of column `label` is not known" in refuse(
        "init", file, *options, "ordered"
    )
    assert "holds what is no number" in refuse("init", file, *options, "similarity")
    assert "`multi_label`, `ordered` or `similarity`" in refuse("init", file, *options, "x")
