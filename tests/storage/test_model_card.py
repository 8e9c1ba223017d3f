"""The model card: read by the hub's parser, the same bytes each time, hostile texts in it are
text."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import toys
from huggingface_hub import ModelCard, metadata_load
from markdown_it import MarkdownIt

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.storage.card_data import languages, quoted
from pet_mtl.storage.checkpoint import MANIFEST, read_checkpoint, write_checkpoint
from pet_mtl.storage.model_card import CARD, license_of, model_card
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import DataSpec
from pet_mtl.text import markdown_text, one_line

HOSTILE = [
    "a|b\n| --- |\n---\nlicense: other",
    '"quoted": [x](javascript:alert(1)) <script>alert(1)</script> `code` &amp;',
    "\x1b[31mred \u202e \x85 \u2028 \ufffe # @everyone https://evil.example",
    "'single' {braces} \\back *bold* ~~no~~ !important %TAG & *anchor",
]
SCORES = {
    "accuracy": 0.75,
    "macro_f1": 0.7123456789,
    "macro_f1_ci95": [0.6, 0.8],
    "examples": 1234,
    "span": float("nan"),
}


def suite_of(*names: str, model: str = "hfl/rbt3", **task: Any) -> Suite:
    words = {label: [f"好{n}", label.strip() or "x"] for n, label in enumerate(HOSTILE)}
    of_all = {name: toys.make_task("{mask}。{title}", words, name=name, **task) for name in names}
    return Suite(
        name=HOSTILE[0],
        model=model,
        tasks=of_all,
        train=TrainSettings(),
        sampling=SamplingSettings(),
        source="/home/someone/secret/toy.yaml",
        base="/home/someone/secret",
    )


def manifest_of(*tasks: str) -> dict[str, Any]:
    overlap = {"dev": 1234, "train": 5, "other_tasks": 0, "backbone": None}
    return {
        "versions": {"pet-mtl": "0.1.0"},
        "metrics": {"step": 70},
        "calibration": {tasks[0]: {"kind": "prior", "bias": [0.0] * 4, "rows": 500}},
        "facts": {
            "scores": dict.fromkeys(tasks, SCORES),
            "overlap": dict.fromkeys(tasks, overlap),
            "license": "apache-2.0",
        },
    }


def test_the_hub_reads_the_metadata(tmp_path: Path) -> None:
    suite = suite_of("one", "two")
    data = DataSpec(
        train=("hub:clue/clue:tnews/train",),
        dev=("/home/someone/secret/dev.tsv",),
        soft_labels=("/home/someone/secret/said.jsonl",),
    )
    tasks = {**suite.tasks, "two": suite.tasks["two"].model_copy(update={"data": data})}
    suite = suite.model_copy(update={"tasks": tasks})
    text = model_card(suite, manifest_of("one", "two"))
    assert "| soft labels | none |" in text
    assert r"| soft labels | said\.jsonl |" in text
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    card = ModelCard.load(tmp_path / "README.md").data
    assert (card.license, card.language, card.library_name) == ("apache-2.0", ["zh"], "pet_mtl")
    assert (card.pipeline_tag, card.base_model) == ("text-classification", "hfl/rbt3")
    assert card.datasets == ["clue/clue"]
    assert card.metrics == ["accuracy", "f1"]
    assert {"pet_mtl", "multi-task"} <= set(card.tags)
    assert card.model_name == markdown_free(HOSTILE[0])
    found = [
        (each.task_name, each.dataset_name, each.metric_type, each.metric_value)
        for each in card.eval_results
    ]
    assert found == [
        ("one", "train.tsv, held out", "accuracy", 0.75),
        ("one", "train.tsv, held out", "f1", 0.712346),
        ("two", "dev.tsv", "accuracy", 0.75),
        ("two", "dev.tsv", "f1", 0.712346),
    ]
    assert metadata_load(tmp_path / "README.md")["model-index"][0]["results"]


def markdown_free(text: str) -> str:
    return text.replace("\n", "\\n")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_stay_text(hostile: str) -> None:
    suite = suite_of("one", prefix="", description=hostile)
    data = DataSpec(train=(f"/home/{hostile}",), dev=(f"/home/x/{hostile}.tsv",))
    task = suite.tasks["one"].model_copy(update={"data": data, "prefix": hostile})
    text = model_card(suite.model_copy(update={"tasks": {"one": task}}), manifest_of("one"))
    metadata, body = re.split(r"^---\n", text, flags=re.M)[1:]
    card = ModelCard(text).data
    assert card.license == "apache-2.0"
    assert card.eval_results[0].task_name == "one"
    assert set(metadata) <= set(map(chr, range(0x20, 0x7F))) | {"\n"} | set(hostile + "�好")
    assert "someone" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", text)
    # a Markdown parser sees text: no tag, link or code of theirs, no other tables or headings
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    blocks = parser.parse(body)
    inline = [token for block in blocks for token in block.children or ()]
    assert {token.type for token in inline} == {"text", "code_inline", "softbreak"}
    assert not [block for block in blocks if block.type == "html_block"]
    code = {token.content for token in inline if token.type == "code_inline"}
    assert {text for text in code if not re.fullmatch("[A-Za-z_.]+", text)} == {
        "hfl/rbt3",
        "pet-mtl score",
    }
    texts = ["".join(token.content for token in block.children or ()) for block in blocks]
    shown = one_line(hostile).strip()
    assert texts.count(re.sub(" +", " ", shown)) + texts.count(shown) >= 2  # description, prefix
    names = [texts[n + 1] for n, block in enumerate(blocks) if block.type == "heading_open"]
    assert names[1:] == [
        *("How to use it", "Tasks", "one", "Scores on dev rows", "Leaks", "Training"),
        "What was not measured",
    ]
    assert "https://" not in body


def test_the_card_says_what_was_measured() -> None:
    text = model_card(suite_of("one"), manifest_of("one"))
    assert "| one | macro_f1 | 0.7123 | 0.6000 to 0.8000 | 1,234 |" in text
    assert "| one | accuracy | 0.7500 |  | 1,234 |" in text
    assert "| one | 1,234 | 5 | 0 | it does not say |" in text
    assert "`prior`, fitted on 500 rows" in text
    assert "pet-mtl predict FOLDER --task one" in text
    assert "What was not measured" in text
    assert text == model_card(suite_of("one"), manifest_of("one"))


def test_a_card_without_facts() -> None:
    text = model_card(suite_of("one", model="/home/someone/secret/bert"), {})
    assert "Nothing was measured" in text
    assert "Not checked" in text
    assert "a local model, bert" in text
    assert "someone" not in text
    card = ModelCard(text).data
    assert (card.license, card.base_model, card.eval_results) == (None, None, None)


def test_many_labels_and_words_are_counted() -> None:
    words = {f"label {n}": [f"词{n}-{m}" for m in range(30)] for n in range(400)}
    task = toys.make_task("{mask}。{title}", words, name="one")
    text = model_card(suite_of("one").model_copy(update={"tasks": {"one": task}}), {})
    assert "and 100 more labels" in text
    assert "and 10 more |" in text


@pytest.mark.parametrize(
    ("pattern", "word", "found"),
    [("{mask}の{x}", "良", "ja"), ("{mask}{x}", "좋", "ko"), ("{mask}{x}", "好", "zh")],
)
def test_languages(pattern: str, word: str, found: str) -> None:
    task = toys.make_task(pattern, {"a": [word], "b": ["x"]}, name="one")
    suite = suite_of("one").model_copy(update={"tasks": {"one": task}})
    assert languages(suite) == [found]
    plain = toys.make_task("It was {mask}. {x}", {"a": ["great"], "b": ["bad"]}, name="one")
    assert languages(suite.model_copy(update={"tasks": {"one": plain}})) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("---\nlicense: mit\ntags: [a]\n---\n# x", "mit"),
        ('---\r\nlicense: "cc-by-4.0"\r\n---\r\n', "cc-by-4.0"),
        ("---\nlicense: [mit]\n---\n", None),
        ("---\nlicense: mit evil\n---\n", None),
        ("# x\nlicense: mit\n", None),
        ("---\nlicense: mit\n", None),
        (None, None),
    ],
)
def test_the_licence_of_a_backbone(tmp_path: Path, text: str | None, found: str | None) -> None:
    if text is not None:
        (tmp_path / "README.md").write_text(text, newline="")
    assert license_of(str(tmp_path), tmp_path) == found
    assert license_of("zh-mini", tmp_path) == "apache-2.0"


def test_markdown_text_leaves_nothing_unescaped() -> None:
    marks = "".join(map(chr, range(33, 127)))
    shown = markdown_text(marks)
    assert re.sub(r"\\(.)", r"\1", shown) == marks
    assert re.fullmatch(r"(\\[!-/:-@\[-`{-~]|[0-9A-Za-z])+", shown)


def test_quoted_is_yaml(tmp_path: Path) -> None:
    import yaml

    for text in [*HOSTILE, "", "null", "1e3", "\ufeff", "\U0001f600", "\ud800", "- a", "a: b"]:
        assert isinstance(yaml.safe_load(f"key: {quoted(text)}")["key"], str)


def test_the_card_may_be_edited_or_missing(suite: Suite, tmp_path: Path) -> None:
    """People write into it, and checkpoints from before have none."""
    folder, mlm = tmp_path / "checkpoint", load_masked_lm(suite.model)
    write_checkpoint(folder, mlm, PieceTokenizer(load_tokenizer(suite.model)), suite, {"step": 3})
    assert "library_name: pet_mtl" in (folder / CARD).read_text(encoding="utf-8")
    (folder / CARD).write_text("ours")
    read_checkpoint(folder)
    (folder / CARD).unlink()
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del manifest["facts"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert read_checkpoint(folder).metrics == {"step": 3}
