"""`predict --rank`: rows that should be labelled next."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
TEXTS = ["体育", "一条", "科技", "新闻文化", "好坏", "这是中国"]


@pytest.fixture
def file(checkpoint: Path) -> str:
    lines = [f"r{number}\t{text}\n" for number, text in enumerate(TEXTS)]
    Path("topic.tsv").write_text("".join(lines), encoding="utf-8")
    return "topic=topic.tsv"


def test_ranked_by_the_probabilities_of_a_plain_call(
    call: Call, checkpoint: Path, file: str
) -> None:
    plain = call("predict", checkpoint, "--data", file, "--out", "-", "--probabilities", "--json")
    margins = {}
    for row in plain.json["predictions"]:
        first, second = sorted(row["probabilities"].values())[:-3:-1]
        margins[row["id"]] = 1 - (first - second)
    ran = call("predict", checkpoint, "--data", file, "--out", "ranked", "--rank", "margin")
    assert ran.code == 0, ran.err
    lines = Path("ranked/topic.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert [row["id"] for row in found] == sorted(margins, key=lambda i: -margins[i])
    for row in found:
        assert row["uncertainty"] == pytest.approx(margins[row["id"]], abs=1e-5)
        assert row["text"] == TEXTS[int(row["id"][1:])]


@pytest.mark.parametrize("kind", ["entropy", "margin", "least_confidence", "diverse"])
def test_most_and_other_formats(call: Call, checkpoint: Path, file: str, kind: str) -> None:
    options = ("--rank", kind, "--most", "2")
    ran = call("predict", checkpoint, "--data", file, "--out", "out", *options, "--format", "csv")
    assert ran.code == 0, ran.err
    with Path("out/topic.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 2
    assert all(0 <= float(row["uncertainty"]) <= 1 for row in rows)
    ran = call("predict", checkpoint, "--task", "topic", *TEXTS, *options)
    cells = [line.split("\t") for line in ran.out.splitlines()]
    assert [line[-1] for line in cells] == [row["text"] for row in rows]


def test_parquet(call: Call, checkpoint: Path, file: str) -> None:
    import pyarrow.parquet as pq

    ran = call(
        "predict", checkpoint, "--data", file, "--out", "o", "--rank", "entropy",
        "--format", "parquet",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    table = pq.read_table("o/topic.parquet")
    doubt = table["uncertainty"].to_pylist()
    assert len(doubt) == len(TEXTS)
    assert doubt == sorted(doubt, reverse=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rank", "luck"), "unknown ranking `luck`"),
        (("--most", "3"), "no ranking whose rows it counts"),
        (("--rank", "entropy", "--format", "tianchi"), "hold all rows"),
        (("--rank", "entropy", "--shard-rows", "5"), "hold all rows"),
    ],
)
def test_wrong_options(
    refuse: Callable[..., str], checkpoint: Path, file: str, options: tuple[str, ...], words: str
) -> None:
    assert words in refuse("predict", checkpoint, "--data", file, "--out", "out", *options)
