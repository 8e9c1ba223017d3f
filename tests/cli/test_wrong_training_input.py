"""`pet-mtl train` with wrong pattern files, label words, data and models: refused before anything
is written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Refuse = Callable[..., str]

# what is replaced in the pattern file, by what, what the error says
PATTERN_FILES = {
    "unknown key": (
        "description: topics",
        "descripton: topics",
        ["toy.yaml:5: unknown key", "did you mean"],
    ),
    "duplicate key": (
        "prefix:",
        "description: b\n    prefix:",
        ["toy.yaml:6: duplicate key `description`", "line 5"],
    ),
    "tab": ("    description", "\tdescription", ["toy.yaml:5: a tab", "indent with spaces"]),
    "no mask": ("{mask}。{title}", "。{title}", ["toy.yaml:7: no `{mask}`", "put `{mask}`"]),
    "unknown field": (
        "{mask}。{title}",
        "{mask}。{text}",
        ["toy.yaml:7: ", "no `text`", "`title`"],
    ),
    "unclosed brace": (
        "{mask}。{title}",
        "{mask}。{title",
        ["toy.yaml:7: `{` at character 8 is never closed"],
    ),
    "two problems": (
        "{mask}。{title}",
        '{mask}{mask}"\n    slots: "both',
        ["toy.yaml:7: ", "toy.yaml:8: "],
    ),
    "too long": (
        "max_length: 32",
        "max_length: 500",
        ["`train.max_length` is 500", "-s train.max_length=64"],
    ),
    "no room": (
        'prefix: "类：',
        'prefix: "' + "类" * 40,
        ["toy.yaml: task `topic`: pattern 1 and its slots take", "no room for the text"],
    ),
    "wrong type": ("max_steps: 3", "max_steps: three", ["toy.yaml:17: ", "whole number"]),
    "no file": (
        "verbalizer: topic.txt",
        "verbalizer: topik.txt",
        ["toy.yaml:8: ", "not found", "`topic.txt`"],
    ),
    "no data file": (
        "train: topic.train",
        "train: topik.train",
        ["no such data file", "`topic.train.tsv`"],
    ),
}


@pytest.mark.parametrize(("old", "new", "words"), PATTERN_FILES.values(), ids=PATTERN_FILES)
def test_pattern_files(refuse: Refuse, suite: Path, old: str, new: str, words: list[str]) -> None:
    text = suite.read_text(encoding="utf-8")
    assert old in text
    suite.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = refuse("train", "--patterns", "suite/toy.yaml", "--out", "run")
    for word in words:
        assert word in found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--patterns", "suite/none.yaml"], ["suite/none.yaml: file not found"]),
        (["--patterns", "nowhere/none.yaml"], ["the folder `nowhere` does not exist"]),
        (
            ["--patterns", "none"],
            ["no pattern file `none`", "`default`, `fewclue`, `pairs`, `tianchi`"],
        ),
        (["--patterns", "suite"], ["no pattern file `suite`"]),
        (["-s", "train.epohcs=3"], [("-s train.epohcs=3: unknown key"), "did you mean `epochs`?"]),
        (["-s", "tasks.topic.data.dev=0.3"], ["is written `{split: 0.3}`"]),
        (["-s", "epochs=3"], [("-s epochs=3: unknown key"), "did you mean `train.epochs`?"]),
        (["-s", "train.epochs"], [("-s train.epochs: not of the form `key=value`"), "hint: "]),
        (
            ["--verbalizer", "topic"],
            [("--verbalizer topic: must have the form TASK=FILE"), "hint: "],
        ),
        (["--verbalizer", "topik=suite/topic.txt"], ["no task `topik`", "did you mean `topic`?"]),
        (["--verbalizer", "topic=none.txt"], ["none.txt: file not found"]),
        (["--verbalizer", "topic=a", "--verbalizer", "topic=b"], ["task `topic` is named twice"]),
        (
            ["--data-root", "nowhere"],
            ["no such data file: `topic.train.tsv`", "no folder `", "--data-root DIR"],
        ),
        (
            ["--model", "none"],
            [("or `--model`: there is no model `none`"), "the embedded `zh-mini`"],
        ),
        (
            ["--model", "/none/at/all"],
            ["there is no model `/none/at/all`", "the embedded `zh-mini`"],
        ),
        (
            ["--model", "suite"],
            [("suite: no tokenizer could be loaded"), "holds no model", "hint: "],
        ),
        (["--model", ""], ["`model` must be text"]),
        (["--resume"], ["`--resume` needs the folder of the run", "add `--out DIR`"]),
    ],
)
def test_options(refuse: Refuse, suite: Path, options: list[str], words: list[str]) -> None:
    patterns = [] if "--patterns" in options else ["--patterns", suite]
    found = refuse("train", *patterns, *options)
    for word in words:
        assert word in found


VERBALIZERS = {
    "lacks a label": (
        "news 闻\nsport 体\n",
        ['topic.train.tsv:3: label "tech art" is not in', "add a line to"],
    ),
    "unknown character": (
        'news 闻\nsport 龘\n"tech art" 科\n',
        ["topic.txt:2: ", '"龘"', "vocabulary"],
    ),
    "same words": (
        'news 闻\nsport 闻\n"tech art" 科\n',
        ["topic.txt:2: ", '"news"', '"sport"', "same label words"],
    ),
    "same for the model": (
        'news A\nsport a\n"tech art" 科\n',
        ["topic.txt:2: ", "for this model", "drop case"],
    ),
    "one label": ("news 闻\n", ["topic.txt:1: only one label"]),
    "no word": (
        "news 闻\nsport\n",
        ['topic.txt:2: label "sport" has no label word', "sport  WORD"],
    ),
    "empty": ("", ["topic.txt: the file is empty", "one line per label"]),
}


@pytest.mark.parametrize(("text", "words"), VERBALIZERS.values(), ids=VERBALIZERS)
def test_label_words(refuse: Refuse, suite: Path, text: str, words: list[str]) -> None:
    (suite.parent / "topic.txt").write_text(text, encoding="utf-8")
    found = refuse("train", "--patterns", suite, "--out", "run")
    for word in words:
        assert word in found


# file, its bytes from the old ones, what the error says
DATA = {
    "too few columns": (
        "train",
        lambda old: old + b"x\ty\n",
        [".train.tsv:31: row has 2 columns, expected 3"],
    ),
    "unknown label": (
        "dev",
        lambda old: old + b"x\ty\tNews\n",
        ['.dev.tsv:13: label "News" is not in', "hint: "],
    ),
    "gb18030": (
        "train",
        lambda old: old.decode().encode("gb18030"),
        [".train.tsv:1: not UTF-8", "iconv -f gb18030"],
    ),
    "empty": ("train", lambda old: b"", [".train.tsv: the file holds no rows"]),
    "blank lines": ("dev", lambda old: b"\n\n", [".dev.tsv: the file holds no rows"]),
    "one label": (
        "train",
        lambda old: "1\t好\tnews\n2\t坏\tnews\n".encode(),
        [".train.tsv:1: all 2 ", "two labels"],
    ),
    "no label column": (
        "train",
        lambda old: "1\t好\n".encode(),
        ["rows have 2 columns", "`label: 2`", "hint: "],
    ),
}


@pytest.mark.parametrize(("part", "change", "words"), DATA.values(), ids=DATA)
def test_data(
    refuse: Refuse, suite: Path, part: str, change: Callable[[bytes], bytes], words: list[str]
) -> None:
    file = suite.parent / f"topic.{part}.tsv"
    file.write_bytes(change(file.read_bytes()))
    found = refuse("train", "--patterns", suite, "--out", "run")
    for word in words:
        assert word in found


def test_problems_of_all_tasks_come_at_once(refuse: Refuse, suite: Path) -> None:
    for task in ("topic", "pair"):
        with (suite.parent / f"{task}.train.tsv").open("a") as file:
            file.write("a\n")
    found = refuse("train", "--patterns", suite)
    assert "topic.train.tsv:31: " in found
    assert "pair.train.tsv:21: " in found


def test_a_model_that_is_no_masked_one(
    refuse: Refuse, suite: Path, backbone: Path, tmp_path: Path
) -> None:
    import toys
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig.from_pretrained(backbone)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "classifier")
    toys.word_piece_tokenizer().save_pretrained(tmp_path / "classifier")
    found = refuse("train", "--patterns", suite, "--model", "classifier")
    assert ("classifier: the checkpoint lacks weights of the masked-language-model head") in found
    assert "hint: it was saved as another kind of model" in found


def test_a_backbone_with_weights_that_are_no_numbers(
    refuse: Refuse, suite: Path, backbone: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    file = Path(shutil.copytree(backbone, tmp_path / "spoilt")) / "model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if "layer.1" in name)
    weights[name].view(-1)[-1] = float("inf")
    save_file(weights, file, metadata={"format": "pt"})
    wanted = f"{file}: the weights `{name}` are not all finite numbers"
    assert wanted in refuse("train", "--patterns", suite, "--model", "spoilt")
    wanted = wanted.removeprefix(f"{tmp_path}/")
    for command in ("check", "try"):
        assert wanted in refuse("words", command, "--patterns", suite, "--model", "spoilt")
