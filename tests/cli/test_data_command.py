"""`pet-mtl data check` and `pet-mtl data clean`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import toy_suite

Call = Callable[..., Any]


def test_check(call: Call, suite: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("新闻\n\n别的\n", "utf-8")
    ran = call("data", "check", "--patterns", suite, "--corpus", "corpus.txt")
    assert ran.code == 0, ran.err
    assert "topic/train" in ran.out
    assert ran.out.splitlines()[-1].startswith("verdict: fit to train on, with ")
    ran = call("data", "check", "--patterns", suite, "--json")
    assert ran.code == 0
    assert ran.json["verdict"] == "warning"
    assert ran.json["tasks"]["pair"]["dev"]["rows"] == 8


def test_dev_rows_inside_train_exit_1(call: Call, suite: Path) -> None:
    train, dev = (suite.parent / f"topic.{part}.tsv" for part in ("train", "dev"))
    train.write_text(train.read_text("utf-8") + dev.read_text("utf-8"), "utf-8")
    ran = call("data", "check", "--patterns", suite)
    assert ran.code == 1
    assert (
        "error: topic/dev: 12 of 12 rows (100.0 %) stand in topic/train too (topic.dev.tsv:1, "
    ) in ran.out
    ran = call("data", "check", "--patterns", suite, "--json")
    assert (ran.code, ran.json["verdict"]) == (1, "error")


def test_clean_then_check(call: Call, suite: Path, tmp_path: Path) -> None:
    train, dev = (suite.parent / f"topic.{part}.tsv" for part in ("train", "dev"))
    broken = "x-1\t断开的\n一行\tnews\n"
    train.write_text(train.read_text("utf-8") + dev.read_text("utf-8") + broken, "utf-8")
    assert call("data", "check", "--patterns", suite).code == 1
    ran = call("data", "clean", "--patterns", suite, "--out", "mended")
    assert ran.code == 0, ran.err
    assert "dropped 12: its text is a dev or test row" in ran.out
    assert "x-1\t断开的一行\tnews" in (tmp_path / "mended" / "topic.train.tsv").read_text("utf-8")
    assert call("data", "check", "--patterns", suite, "--data-root", "mended").code == 0
    ran = call("data", "clean", "--patterns", suite, "--out", "again", "--json")
    assert len(ran.json["files"]) == 4


def test_some_tasks_and_other_settings(
    call: Call, suite: Path, tmp_path: Path, checkpoint: Path, refuse: Callable[..., str]
) -> None:
    (suite.parent / "topic.dev.tsv").unlink()
    some = ("--patterns", suite, "--tasks", "topic", "-s", "tasks.topic.data.dev=null")
    ran = call("data", "check", *some, "--json")
    assert ran.code == 0, ran.err
    assert {name: list(parts) for name, parts in ran.json["tasks"].items()} == {"topic": ["train"]}
    assert call("data", "clean", *some, "--out", tmp_path / "mended").code == 0
    assert [file.name for file in (tmp_path / "mended").glob("*.tsv")] == ["topic.train.tsv"]
    message = refuse("data", "check", "--model", checkpoint, "--tasks", "topic")
    assert "`-s` and `--tasks` are for a pattern file" in message


def test_wrong_input(suite: Path, refuse: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    clean = ("data", "clean", "--patterns", suite, "--out")
    assert "the output folder is not empty" in refuse(*clean, "full")
    assert "unknown way `some`" in refuse(*clean, "new", "--conflicts", "some")
    assert "no such data file" in refuse(*clean, "new", "--data-root", "absent")
    assert "no such data file" in refuse(
        "data", "check", "--patterns", suite, "--data-root", "absent"
    )
    assert "no such data file" in refuse(
        "data", "check", "--patterns", suite, "--corpus", "absent.txt"
    )
    check = ("data", "check", "--patterns", suite)
    assert "no checkpoint judges the labels" in refuse(*check, "--most", 3)
    assert "no pre-training text" in refuse(*check, "--text-key", "body")


def test_pairs_out_of_plain_text(call: Call, tmp_path: Path) -> None:
    text = "昨天老师去了北京的图书馆。他们在那里看了很多旧书。晚上大家一起坐车回家。\n\n" * 9
    (tmp_path / "text.txt").write_text(text, "utf-8")
    ran = call(
        "data",
        "pairs",
        tmp_path / "text.txt",
        "--rows",
        6,
        "--out",
        tmp_path / "pairs.jsonl",
        "--json",
    )
    assert ran.code == 0, ran.err
    assert set(ran.json["rows"]) == {"entailment", "neutral", "contradiction"}
    assert len((tmp_path / "pairs.jsonl").read_text("utf-8").splitlines()) == 6
    ran = call("data", "pairs", "--out", tmp_path / "other.jsonl")
    assert ran.code == 2
    assert "--corpus FILES" in ran.err


def test_rows_out_of_training_rows(call: Call, tmp_path: Path, backbone: Path) -> None:
    toy_suite.write_suite(tmp_path, backbone)
    vary = ("data", "vary", "--patterns", tmp_path / "toy.yaml")
    made = ("--out", tmp_path / "made")
    ran = call(*vary, *made, "--tasks", "pair", "--recombined", 3, "--json")
    assert ran.code == 0, ran.err
    made_rows = (tmp_path / "made" / "pair.csv").read_text("utf-8").splitlines()
    assert ran.json["rows"] == {"pair": len(made_rows)}
    for options, said in (
        (("--rate", "0"), "--rate: found 0"),
        (("--rate", "nan"), "--rate: found nan"),
        (("--copies", "0"), "nothing is asked for"),
        (("--copies", "0", "--recombined", "3", "--rate", "0.1"), "have nothing to act on"),
        (("--tasks", "nix"), "no task `nix`"),
        (("--model", "nix"), "there is no model `nix`"),
        (made, "not empty"),
    ):
        ran = call(*vary, "--out", tmp_path / "other", *options)
        assert (ran.code, said in ran.err) == (2, True), ran.err
    assert not (tmp_path / "other").exists()
