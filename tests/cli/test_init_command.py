"""`pet-mtl init`: what it writes, `train` accepts at once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

Call = Callable[..., Any]
ENGLISH = [
    {"uid": f"{topic}-{n}", "headline": f"{text} {n}", "topic": topic, "extra": [n]}
    for n in range(6)
    for text, topic in (("a good match", "sport"), ("shares fell again", "business"))
]
HARD = [
    *((f'he said "a, b" and {n}', "C# and co") for n in range(4)),
    *((f"it's {n}: {{x}} \\ #no", "very bad") for n in range(4)),
    ("the only one", "so: 'so'"),
]


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


FILES: dict[str, tuple[str, bytes]] = {
    "json lines, English labels": ("news.jsonl", "\n".join(map(json.dumps, ENGLISH)).encode()),
    "hard labels and texts, odd name": (
        "我的 数据 (v2) #1 [x]'.csv",
        (
            "What was said,Its kind\n" + "".join(f"{quoted(a)},{quoted(b)}\n" for a, b in HARD)
        ).encode(),
    ),
    "tabs, digits, no header": (
        "~t.tsv",
        "".join(
            f"{n}\t{'体育新闻' if n % 2 else '天气真好'}{n}\t{100 + n % 2}\n" for n in range(9)
        ).encode(),
    ),
    "GB18030, semicolons": (
        "g.csv",
        (
            "内容;标签\n" + "".join(f"新闻{n}，好;{'好' if n % 3 else '坏'}\n" for n in range(9))
        ).encode("gb18030"),
    ),
    "pairs": (
        "pairs.csv",
        "".join(
            (f"it is good {n},it is bad {n},{('entailment', 'neutral')[n % 2]}\n") for n in range(6)
        ).encode(),
    ),
    "one row each": ("one.tsv", b"text\tlabel\ngood news\tgood\nbad news\tbad\n"),
    "missing labels, true and false": (
        "b.json",
        json.dumps(
            [{"text": f"news {n}", "label": (True, False, None)[n % 3]} for n in range(12)]
        ).encode(),
    ),
    "broken rows": (
        "broken.csv",
        b'text,label\n"good" news,a\nbad,b,c\nnews,b\nmore news,a\nfine,b\n',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_train_accepts_it_at_once(
    call: Call, tmp_path: Path, backbone: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, content = FILES[kind]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    ran = call("init", Path("in") / name, "--out", "made", "--model", backbone, "--json")
    assert ran.code == 0, ran.err
    pattern_file = Path(ran.json["patterns"])
    assert YAML(typ="safe", pure=True).load(pattern_file)["version"] == 1
    ran = call(
        "train", "--patterns", pattern_file, "-s", "train.max_steps=2", "--out", "run", "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.json["steps"] == 2


def test_a_task_never_seen(
    call: Call, tmp_path: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news.jsonl").write_bytes(FILES["json lines, English labels"][1])
    ran = call("init", "news.jsonl", "--model", backbone)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "found: JSON, an object a row; headline = headline, label = topic, id = uid",
        "labels: 2, business → business, sport → sport",
        "wrote news.words.txt",
        "wrote news.yaml",
    ]
    assert "now: pet-mtl train --patterns news.yaml" in ran.err
    tree = YAML(typ="safe", pure=True).load(tmp_path / "news.yaml")
    assert tree["tasks"]["news"] == {
        "prefix": "news: ",
        "patterns": "It is {mask}. {headline}",
        "verbalizer": "news.words.txt",
        "columns": {"headline": "headline", "label": "topic", "id": "uid"},
        "data": {"train": "news.jsonl", "dev": {"split": 0.1}},
        "metric": "macro_f1",
    }
    text = (tmp_path / "news.yaml").read_text("utf-8")
    for key in (
        "prefix",
        "patterns",
        "verbalizer",
        "columns",
        "data",
    ):  # a comment stands before each
        assert text[: text.index(f"    {key}:")].splitlines()[-1].lstrip().startswith("#")


def test_guesses_are_marked(
    call: Call, tmp_path: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.tsv").write_bytes(FILES["tabs, digits, no header"][1])
    ran = call("init", "t.tsv", "--task", "mine", "--model", backbone, "--json")
    assert ran.json["labels"] == {
        "100": {"word": "天气", "guess": True, "rows": 5},
        "101": {"word": "体育新闻", "guess": True, "rows": 4},
    }
    assert ran.json["columns"] == {"text": 1, "label": 2, "id": 0}
    assert "100  天气    # GUESS, 5 rows" in (tmp_path / "mine.words.txt").read_text("utf-8")


def test_nothing_is_overwritten(
    call: Call, tmp_path: Path, backbone: Path, refuse: Callable[..., str]
) -> None:
    file = tmp_path / "t.tsv"
    file.write_bytes(FILES["one row each"][1])
    arguments = ("init", file, "--out", tmp_path, "--model", backbone)
    (tmp_path / "t.words.txt").write_text("mine")
    assert "the file exists already" in refuse(*arguments)
    assert call(*arguments, "--force").code == 0
    assert (tmp_path / "t.words.txt").read_text() != "mine"
    data = tmp_path / "x.data.jsonl"
    data.write_bytes(FILES["missing labels, true and false"][1])
    assert "this is the data file itself" in refuse(
        "init", data, "--out", tmp_path, "--model", backbone, "--force"
    )


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (b"", [], "the file is empty"),
        (b"some words\nand more\n", [], "this is no table"),
        (b"a b c\tx y\nc d e\tz w\n", [], "no label column found"),
        (b"text\tlabel\na b\tx\nc d\tx\n", [], "has one label only"),
        (b"a b\tx\nc d\ty\n", ["--task", "My Task"], "`My Task` is not a task name"),
        (b"a b\tx\nc d\ty\n", ["--task", "a" * 201], "use 200 characters at most"),
        (b"a b\tx\nc d\ty\n", ["--task", ""], "--task : `` is not a task name"),
        (b"text\tlabel\na b\tx\nc d\ty\n", ["--label", "z"], "no column `z`"),
        ((b"text\tlabel\na b\tx\nc d\ty\n"), ["--model", "nowhere"], "there is no model `nowhere`"),
        (b"text\tlabel\na b\tx\nc d\ty\n", ["--model", "a" * 300], "there is no model `aaa"),
    ],
)
def test_wrong_input(
    tmp_path: Path,
    backbone: Path,
    refuse: Callable[..., str],
    content: bytes,
    arguments: list[str],
    message: str,
) -> None:
    file = tmp_path / "t.tsv"
    file.write_bytes(content)
    words = refuse("init", file, "--out", tmp_path / "out", "--model", backbone, *arguments)
    assert message in words
    if "label column" in message:
        assert "`--label COLUMN`" in words


HEADER = {"id": "编号", "text": "内容", "label": "标签"}


def reviews(separator: str, header: bool) -> str:
    lines = [separator.join(HEADER.values())] if header else []
    rows = ((f"10{n}", f'新闻{n}，好, "或"', "好" if n % 3 else "坏") for n in range(9))
    return "".join(
        line + "\n"
        for line in (
            *lines,
            *(
                separator.join([i, f'"{t.replace(chr(34), chr(34) * 2)}"', label])
                for i, t, label in rows
            ),
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "separator", "encoding", "header"),
    [
        ("a.csv", ";", "gb18030", True),
        ("a.csv", ",", "utf-16", True),
        ("a.txt", "|", "utf-8", True),
        ("a.csv", ";", "gb18030", False),
    ],
)
def test_the_file_that_init_read_is_predicted_and_scored(
    call: Call,
    tmp_path: Path,
    backbone: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    separator: str,
    encoding: str,
    header: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = reviews(separator, header)
    Path(name).write_bytes(text.encode(encoding))
    ran = call("init", name, "--model", backbone, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["copy"] == ("a.data.jsonl" if header else "a.data.csv")
    ran = call("train", "--patterns", "a.yaml", "-s", "train.max_steps=1", "--out", "run")
    assert ran.code == 0, ran.err
    data = ("--data", f"a={name}")
    ran = call("predict", "run/checkpoint", *data, "--echo", "--out", "-")
    assert ran.code == 0, ran.err
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["id"] for row in found] == [f"10{n}" for n in range(9)]
    assert found[1]["text"] == '新闻1，好, "或"'
    assert (
        call("score", "run/checkpoint", *data, "--json").json["checkpoints"][0]["tasks"]["a"][
            "examples"
        ]
        == 9
    )
    # without ids and labels
    Path("new.csv").write_bytes(("内容\n" if header else "").encode() + '"好, 新闻"\n'.encode())
    ran = call("predict", "run/checkpoint", "--data", "a=new.csv", "--echo", "--out", "-")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["id"] == "0"
    assert json.loads(ran.out)["text"] == "好, 新闻"


def made(
    call: Call, tmp_path: Path, backbone: Path, name: str, lines: list[str], *more: object
) -> Any:
    (tmp_path / name).write_text("".join(line + "\n" for line in lines), "utf-8")
    return call("init", tmp_path / name, "--out", tmp_path, "--model", backbone, *more)


def test_sets_of_labels_are_said_by_name(call: Call, tmp_path: Path, backbone: Path) -> None:
    cells = ["good", "good|bad", "bad|news", "news"]
    lines = ["text,label", *(f"film number {n},{cells[n % 4]}" for n in range(24))]
    ran = made(call, tmp_path, backbone, "t.csv", lines)
    assert ran.code == 0, ran.err
    assert '`separator: "|"`' in ran.out
    assert "`kind: multi_label`" in ran.out
    task = YAML(typ="safe", pure=True).load(tmp_path / "t.yaml")["tasks"]["t"]
    assert (task["kind"], task["separator"]) == ("multi_label", "|")
    ran = made(call, tmp_path, backbone, "t.csv", lines, "--kind", "classification", "--force")
    assert "kind" not in YAML(typ="safe", pure=True).load(tmp_path / "t.yaml")["tasks"]["t"]


def test_lists_under_nested_keys(call: Call, tmp_path: Path, backbone: Path) -> None:
    sets = [["good"], ["good", "bad"], []]
    rows = [
        {"data": {"text": f"film {n}"}, "annotation": {"labels": sets[n % 3], "by": [{"x": 1}]}}
        for n in range(24)
    ]
    ran = made(call, tmp_path, backbone, "t.jsonl", [json.dumps(row) for row in rows], "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["kind"], ran.json["separator"]) == ("multi_label", "")
    assert ran.json["columns"]["label"] == "annotation.labels"
    assert {name: label["rows"] for name, label in ran.json["labels"].items()} == {
        "good": 16,
        "bad": 8,
    }
    one = [{"data": {"text": f"film {n}"}, "meta": {"by": [{"x": 1}]}} for n in range(9)]
    ran = made(call, tmp_path, backbone, "u.jsonl", [json.dumps(row) for row in one])
    assert "`meta.by` holds objects" in ran.err


def test_a_blank_beside_lists_is_a_missing_label(
    call: Call, tmp_path: Path, backbone: Path
) -> None:
    sets = [["good"], ["good", "bad"], " "]
    rows = [json.dumps({"text": f"film {n}", "label": sets[n % 3]}) for n in range(24)]
    ran = made(call, tmp_path, backbone, "t.jsonl", rows, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["kind"], ran.json["left_out"]) == ("multi_label", 8)


def test_the_copy_keeps_carriage_returns(call: Call, tmp_path: Path, backbone: Path) -> None:
    lines = [f'"新\r闻{n}";{"好坏"[n % 2]}' for n in range(12)]
    ran = made(call, tmp_path, backbone, "t.csv", lines)
    assert ran.code == 0, ran.err
    assert (tmp_path / "t.data.csv").read_bytes().startswith('"新\r闻0",好\n'.encode())


def test_three_texts_by_position(call: Call, tmp_path: Path, backbone: Path) -> None:
    lines = [f"甲{n},乙{n}话,丙{n}语,{'好坏'[n % 2]}" for n in range(9)]
    texts = [word for place in "012" for word in ("--text", place)]
    ran = made(call, tmp_path, backbone, "t.csv", lines, "--no-header", *texts)
    assert ran.code == 0, ran.err
    assert "{text_0} {text_1} {text_2}" in (tmp_path / "t.yaml").read_text("utf-8")


def test_empty_sets_without_a_word_for_them(
    call: Call,
    tmp_path: Path,
    backbone: Path,
    refuse: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pet_mtl.proposal.propose.NONE", {"en": ("龘靐",), "zh": ("龘靐",)})
    sets = [["good"], ["good", "bad"], []]
    file = tmp_path / "t.jsonl"
    file.write_text(
        "".join(json.dumps({"text": f"film {n}", "label": sets[n % 3]}) + "\n" for n in range(24))
    )
    words = refuse("init", file, "--out", tmp_path / "out", "--model", backbone)
    assert words.count("the set of labels is empty") == 1
    assert "thresholds" not in words


def test_a_model_of_another_language_is_warned_of(
    call: Call, tmp_path: Path, backbone: Path
) -> None:
    lines = ["text,label", *(f"Ω≈ç√∫ 龘靐齉 龘靐 {n},{'ab'[n % 2]}b" for n in range(12))]
    ran = made(call, tmp_path, backbone, "t.csv", lines)
    assert "warning: t: the model cannot read" in ran.err
    assert "unknown to its vocabulary" in ran.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("この映画は良い作品だ", "is Chinese"),
        ("とてもよかった", "is English"),
        ("「の」字装修很好看", None),
    ],
)
def test_the_wording_of_japanese_texts_is_told(
    call: Call, tmp_path: Path, backbone: Path, text: str, told: str | None
) -> None:
    lines = ["text,label", *(f"{text}{n},{n % 2}" for n in range(12))]
    ran = made(call, tmp_path, backbone, "t.csv", lines)
    assert ran.code == 0, ran.err
    assert ("note: t: the texts look Japanese" in ran.err) == bool(told)
    assert told is None or f"(prefix, pattern, some label words) {told}: edit it" in ran.err
