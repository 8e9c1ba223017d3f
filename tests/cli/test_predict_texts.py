"""`pet-mtl predict` for texts at hand: arguments, stdin, lines, and what stands beside a label."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pet_mtl

Call = Callable[..., Any]
Refuse = Callable[..., str]
WORDS = {"news": "新闻", "sport": "体育", "tech art": "科技"}


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def give(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


def labels_of(texts: list[Any], task: str = "topic") -> list[str]:
    return [found.label for found in pet_mtl.load("model").predict(texts, task=task)]


def test_texts_as_arguments(call: Call, checkpoint: Path) -> None:
    ran = call("predict", checkpoint, "体育", "一条科技", "--task", "topic")
    assert ran.code == 0, ran.err
    lines = [line.split("\t") for line in ran.out.splitlines()]
    assert [line[0] for line in lines] == labels_of(["体育", "一条科技"])
    for label, word, probability in lines:
        assert word == main_word(label)
        assert 1 / 3 < float(probability) <= 1


def test_a_text_in_the_consoles_encoding(call: Call, checkpoint: Path) -> None:
    """Python hands on bytes that are not of the locale's encoding as lone surrogates."""
    given = "体育新闻".encode("gbk").decode("utf-8", "surrogateescape")
    ran = call("predict", checkpoint, given, "--task", "topic", "--echo", "--format", "jsonl")
    assert json.loads(ran.out)["text"] == "体育新闻"


@pytest.mark.parametrize("text", [b"\xff\xff".decode("utf-8", "surrogateescape"), "\ud800"])
def test_a_text_that_is_none(refuse: Refuse, checkpoint: Path, text: str) -> None:
    words = refuse("predict", checkpoint, text, "--task", "topic")
    assert "a text is neither UTF-8 nor GB18030" in words


def test_a_device_is_no_text(refuse: Refuse, checkpoint: Path) -> None:
    words = refuse("predict", checkpoint, os.devnull, "--task", "topic")
    assert f"{os.devnull}: not a regular file" in words
    assert "`pet-mtl predict CHECKPOINT -`" in words


def main_word(label: str) -> str:
    suite = pet_mtl.load("model")._loaded.suite
    verbalizer = suite.tasks["topic"].verbalizer
    return verbalizer.words[verbalizer.labels.index(label)][0]


def test_the_task_need_not_be_named_where_one_task_takes_one_text(
    call: Call, checkpoint: Path
) -> None:
    named = call("predict", checkpoint, "体育", "--task", "topic").out
    assert call("predict", checkpoint, "体育").out == named


@pytest.mark.parametrize("texts", [["这", "是"], ["这\t是"]])
def test_a_pair(call: Call, checkpoint: Path, texts: list[str]) -> None:
    ran = call("predict", checkpoint, *texts, "--task", "pair", "--json")
    assert ran.json["task"] == "pair"
    assert [found["label"] for found in ran.json["predictions"]] == labels_of(
        [{"one": "这", "two": "是"}], "pair"
    )


def test_half_a_pair_is_refused(refuse: Refuse, checkpoint: Path) -> None:
    words = refuse("predict", "model", "这", "--task", "pair")
    assert "a row of task `pair` is 2 texts (one, two), found 1" in words


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_stdin(call: Call, checkpoint: Path, stdin: Callable[[bytes], None], encoding: str) -> None:
    stdin("体育新闻\r\n\n一条科技，好\n".encode(encoding))
    ran = call("predict", checkpoint, "--echo")
    assert ran.code == 0, ran.err
    lines = [line.split("\t") for line in ran.out.splitlines()]
    texts = ["体育新闻", "", "一条科技，好"]  # lines out are in step with lines in
    assert [line[-1] for line in lines] == texts
    assert [line[0] for line in lines] == labels_of(texts)


@pytest.mark.parametrize("name", ["new.txt", "new.lines", "new"])
def test_a_file_of_one_text_a_line(
    call: Call, checkpoint: Path, stdin: Callable[[bytes], None], name: str
) -> None:
    content = '体育\n\n"一条, 科技\n'
    Path(name).write_text(content, encoding="utf-8")
    stdin(content.encode())
    by_stdin = call("predict", checkpoint).out
    by_file = call("predict", checkpoint, name)
    assert by_file.code == 0, by_file.err
    assert by_file.out == by_stdin
    assert len(by_file.out.splitlines()) == 3


def test_names_of_files_among_texts(call: Call, refuse: Refuse, checkpoint: Path) -> None:
    ran = call("predict", checkpoint, "new.csv", "体育.txt", "体育 a.csv", "--task", "topic")
    assert len(ran.out.splitlines()) == 3
    assert [line for line in ran.err.splitlines() if "its name is read as a text" in line] == [
        f"warning: there is no file {name}: its name is read as a text"
        for name in ("new.csv", "体育.txt")
    ]
    Path("new.csv.gz").write_bytes(b"")
    told = refuse("predict", checkpoint, "体育", "new.csv.gz", "--task", "topic")
    assert "new.csv.gz: one file is read by its name, and several texts are given" in told
    Path("new.xlsx").write_bytes(b"PK")
    told = refuse("predict", checkpoint, "new.xlsx", "--task", "topic")
    assert "unknown data format `.xlsx`" in told


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_header_behind_a_blank_line_is_no_row(
    call: Call, checkpoint: Path, stdin: Callable[[bytes], None], encoding: str
) -> None:
    content = "\ntitle\n体育，好\n\n科技，好\n".encode(encoding)
    Path("new.txt").write_bytes(content)
    stdin(content)
    for ran in (
        call("predict", checkpoint, "--header"),
        call("predict", checkpoint, "new.txt", "--header"),
    ):
        assert ran.code == 0, ran.err
        assert len(ran.out.splitlines()) == 3
    refused = call("predict", checkpoint, "new.txt")
    assert "looks like a header" in refused.err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_blank_lines_alone_are_no_texts(
    refuse: Refuse, checkpoint: Path, stdin: Callable[[bytes], None], encoding: str
) -> None:
    stdin("\n\r\n".encode(encoding))
    assert "stdin: there are no texts" in refuse("predict", checkpoint)


def test_tables_on_stdout_are_those_of_files(call: Call, checkpoint: Path) -> None:
    Path("odd.csv").write_bytes('title\n"一\r\n二\x1b[31m"\n'.encode())
    for name in ("csv", "tsv", "jsonl"):
        options = ["--data", "topic=odd.csv", "--header", "--format", name, "--echo"]
        assert call("predict", checkpoint, *options, "--out", name).code == 0
        (written,) = Path(name).iterdir()
        shown = call("predict", checkpoint, *options, "--out", "-")
        assert shown.out.encode() == written.read_bytes()
    assert "\r\n二\x1b[31m" in Path("csv/topic.csv").read_bytes().decode()


def test_lines_of_pairs(call: Call, checkpoint: Path, stdin: Callable[[bytes], None]) -> None:
    stdin("这\t是\n不\t是\n".encode())
    ran = call("predict", checkpoint, "--task", "pair", "--json")
    assert [found["id"] for found in ran.json["predictions"]] == ["0", "1"]


def test_a_table_on_stdin_is_no_list_of_texts(
    refuse: Refuse, checkpoint: Path, stdin: Callable[[bytes], None]
) -> None:
    stdin("1\t体育\tnews\n".encode())
    words = refuse("predict", "model")
    assert "stdin:1: a line has another number of texts than task `topic`" in words
    assert "--data topic=FILE" in words


@pytest.mark.parametrize("content", ["text\n好\n", "标题\n好\n", "title\n好\n"])
def test_a_header_is_no_text(
    call: Call,
    refuse: Refuse,
    checkpoint: Path,
    stdin: Callable[[bytes], None],
    content: str,
) -> None:
    stdin(content.encode())
    words = refuse("predict", "model")
    assert "stdin:1: the first line looks like a header" in words
    assert "`--header`" in words
    stdin(content.encode())
    assert len(call("predict", checkpoint, "--header").out.splitlines()) == 1
    stdin(content.encode())
    assert len(call("predict", checkpoint, "--no-header").out.splitlines()) == 2


@pytest.mark.parametrize("header", ["编号\t新闻标题", "id\ttext", "qid\tfoo"])
def test_a_header_of_a_table_of_positions(call: Call, checkpoint: Path, header: str) -> None:
    Path("rows.tsv").write_text(f"{header}\n7\t体育\n", encoding="utf-8")
    options = ("predict", checkpoint, "--data", "topic=rows.tsv", "--out", "out")
    ran = call(*options, "--format", "tianchi")
    assert ran.code == 2
    assert "rows.tsv:1: the first line looks like a header" in ran.err
    assert not Path("out").exists()
    assert call(*options, "--header").code == 0
    (line,) = Path("out/topic.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["id"] == "7"


def test_details(call: Call, checkpoint: Path) -> None:
    options = ("--top-k", "2", "--probabilities", "--echo")
    ran = call("predict", checkpoint, "体育", "--task", "topic", *options, "--json")
    (found,) = ran.json["predictions"]
    (known,) = pet_mtl.load("model").predict(["体育"], task="topic")
    assert found["text"] == "体育"
    assert found["probabilities"] == pytest.approx(known.probabilities, abs=1e-6)
    ranked = sorted(known.probabilities, key=lambda label: -known.probabilities[label])
    assert [one["label"] for one in found["top"]] == ranked[:2]
    assert [one["word"] for one in found["top"]] == [main_word(label) for label in ranked[:2]]
    assert found["top"][0] == {key: found[key] for key in ("label", "probability", "word")}
    line = call("predict", checkpoint, "体育", "--task", "topic", *options).out.strip().split("\t")
    assert line[::3] == [*ranked, "体育"]


def test_details_in_files(call: Call, checkpoint: Path) -> None:
    Path("pair.tsv").write_text("这\t是,\n", encoding="utf-8")
    options = ("--data", "pair=pair.tsv", "--top-k", "9", "--probabilities", "--echo")
    ran = call("predict", checkpoint, *options, "--out", "out", "--format", "csv")
    assert ran.code == 0, ran.err
    text = Path("out/pair.csv").read_text("utf-8")
    (row,) = csv.DictReader(io.StringIO(text))
    assert {row["label"], row["label_2"]} == {"0", "1"}
    assert float(row["p_0"]) + float(row["p_1"]) == pytest.approx(1, abs=1e-5)
    assert (row["text_one"], row["text_two"]) == ("这", "是,")
    assert call("predict", checkpoint, *options, "--out", "-", "--format", "csv").out == text


def test_the_old_files_have_their_first_columns(call: Call, checkpoint: Path) -> None:
    Path("pair.tsv").write_text("这\t是\n", encoding="utf-8")
    ran = call("predict", checkpoint, "--data", "pair=pair.tsv", "--out", "-", "--format", "csv")
    assert ran.out.splitlines()[0] == "id,label,probability,word"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["好", "--data", "topic=a.tsv", "--out", "o"], "give either texts or `--data`"),
        (["好", "--task", "nothing"], "no task `nothing`"),
        (["好", "--format", "tianchi"], "add `--out DIR`"),
        (["好", "--format", "csv", "--json"], "--format csv: `--json` has its own form"),
        (["a.csv", "--header", "--task", "topic"], "--header: texts in quotes have no first line"),
        (["--data", "topic=a.tsv", "--data", "pair=b.tsv", "--out", "-"], "add `--out DIR`"),
        (["好", "--top-k", "0"], ""),
    ],
)
def test_wrong_use(call: Call, checkpoint: Path, arguments: list[str], message: str) -> None:
    ran = call("predict", "model", *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_nothing_to_predict(
    refuse: Refuse, checkpoint: Path, stdin: Callable[[bytes], None]
) -> None:
    stdin(b"\n\n")
    assert "stdin: there are no texts" in refuse("predict", "model")
