import json
import math
import time
from collections.abc import Mapping, Sequence

import pytest
import torch
import toys

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.hardware import Machine
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words import check
from pet_mtl.words.check import CheckReport, LabelReport, Place, WordReport, check_words
from pet_mtl.words.loaded import Loaded
from pet_mtl.words.states import Model
from pet_mtl.words.tables import check_table

PATTERNS = ["这是{mask}：{text}", "{text}{mask}"]
Words = Mapping[str, Sequence[str]]


@pytest.fixture(scope="module")
def model(word_pieces: PieceTokenizer) -> Model:
    mlm = toys.build_mlm("bert", word_pieces.vocab_size)
    return Model.of(mlm, word_pieces, Machine.choose("fp32", "eager", torch.device("cpu")))


def look(model: Model, *tasks: TaskSpec, max_length: int = 40) -> CheckReport:
    suite = Suite(
        name="toy",
        model="toy",
        tasks={task.name: task for task in tasks},
        train=TrainSettings(max_length=max_length),
        sampling=SamplingSettings(),
        source="toy.yaml",
        base=".",
    )
    return check_words(Loaded("toy", suite, model, zero_shot=True))


def words_of(report: CheckReport, task: str = "toy") -> dict[str, WordReport]:
    return {word.word: word for label in report.tasks[task] for word in label.words}


def test_good_words(model: Model) -> None:
    report = look(model, toys.make_task(PATTERNS, {"x": ["体育", "新闻"], "y": ["坏"]}))
    assert (report.errors, report.warnings) == ([], [])
    words = words_of(report)
    assert words["体育"].pieces == ["体", "育"]
    assert [word.length for word in words.values()] == [2, 2, 1]
    for word in words.values():
        assert (word.unknown, word.cuts, word.shared, word.nested) == ([], [], [], [])
    assert sum(label.prior or 0 for label in report.tasks["toy"]) == pytest.approx(1)


def test_words_of_hypotheses_are_read_where_they_stand_at_the_mask(model: Model) -> None:
    words = {"x": ["新闻"], "y": ["坏"]}
    plain, own = "{text}。{mask}", "{mask}：{label}。{text}"
    reports = [
        look(model, toys.make_task(patterns, words, kind="entailment", yes=("是",), no=("不",)))
        for patterns in ([plain], [plain, own], [own])
    ]
    assert [report.errors for report in reports] == [[], [], []]
    priors = [[word.prior for word in words_of(report).values()] for report in reports]
    assert priors[0] == priors[1]
    assert priors[2] == [None, None]


@pytest.mark.parametrize("how", ["mean", "max"])
@torch.inference_mode()
def test_priors_by_the_slow_formula(model: Model, word_pieces: PieceTokenizer, how: str) -> None:
    labels = {"x": ["体育", "新"], "y": ["坏"], "z": ["真天气"]}
    report = look(model, toys.make_task(PATTERNS, labels, aggregation=how))
    mask, scores = word_pieces.mask_id, {}
    for word in words_of(report):
        per_pattern = []
        (ids,) = word_pieces.encode([word])
        for before, after in (("这是", "："), ("", "")):
            left, right = word_pieces.encode([before, after])
            start = len(word_pieces.start_ids) + len(left)
            whole = [
                *word_pieces.start_ids,
                *left,
                *[mask] * len(ids),
                *right,
                *word_pieces.end_ids,
            ]
            logits = model.backbone.mlm(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
            per_pattern.append(
                sum(float(logits[start + n, i]) for n, i in enumerate(ids)) / len(ids)
            )
        scores[word] = per_pattern
    for word, found in words_of(report).items():
        assert found.prior == pytest.approx(math.exp(sum(scores[word]) / 2), rel=1e-3)
    totals = []
    for words in labels.values():
        of_label = torch.tensor([scores[word] for word in words])  # [words, patterns]
        totals.append(of_label.mean(0) if how == "mean" else of_label.amax(0))
    wanted = torch.stack(totals).log_softmax(0).mean(1).softmax(0).tolist()
    assert [label.prior for label in report.tasks["toy"]] == pytest.approx(wanted, rel=1e-3)


def test_priors_of_the_labels_of_a_set(model: Model) -> None:
    words = {"x": ["体育"], "y": ["坏"]}
    kind = {"kind": "multi_label", "threshold": 0.5}

    def priors(words: Words, **more: object) -> list[float | None]:
        report = look(model, toys.make_task(PATTERNS[0], dict(words), **more))
        return [label.prior for label in report.tasks["toy"][: len(words)]]

    beside = [priors({label: own, "no": ["新"]})[0] for label, own in words.items()]
    assert priors(words, no=["新"], **kind) == pytest.approx(beside, rel=1e-3)
    assert priors(words, **kind) == pytest.approx(priors(words), rel=1e-3)


def test_unknown_characters(model: Model) -> None:
    report = look(model, toys.make_task(PATTERNS, {"x": ["好龘"], "y": ["坏"]}))
    (error,) = report.errors
    assert error.where == "toy.txt:1"
    assert 'cannot write the label word "好龘"' in error.message
    words = words_of(report)
    assert (words["好龘"].unknown, words["好龘"].prior) == (["龘"], None)
    assert words["坏"].prior is not None
    assert [label.prior for label in report.tasks["toy"]] == [None, None]


def test_no_word_can_be_written(model: Model) -> None:
    report = look(model, toys.make_task(PATTERNS, {"x": ["龘"], "y": ["靐"]}))
    assert len(report.errors) == 2
    assert [word.prior for word in words_of(report).values()] == [None, None]


def test_shared_words(model: Model) -> None:
    one = toys.make_task(PATTERNS, {"x": ["好", "新"], "y": ["好", "坏"]})
    two = toys.make_task(PATTERNS, {"0": ["坏"], "1": ["是"]}, name="two")
    report = look(model, one, two)
    (error,) = report.errors  # the same word in two tasks is none
    assert error.message == 'labels "x" and "y" share the word "好"'
    assert error.where == "toy.txt:1"
    assert report.warnings == []
    assert report.tasks["toy"][0].words[0].shared == [Place("toy", "y", "好")]
    assert words_of(report)["坏"].shared == [Place("two", "0", "坏")]
    assert words_of(report, "two")["坏"].shared == [Place("toy", "y", "坏")]


def test_words_that_become_the_same_pieces(model: Model) -> None:
    report = look(model, toys.make_task(PATTERNS, {"x": ["Good", "新"], "y": ["good", "坏"]}))
    assert [error.message for error in report.errors] == [
        'labels "x" and "y" share the word "Good"'
    ]
    report = look(model, toys.make_task(PATTERNS, {"x": ["Good"], "y": ["good"]}))
    assert any(
        ("have the same label words for this model") in error.message for error in report.errors
    )


def test_words_that_differ_in_their_unicode_form_only() -> None:
    """To a tokenizer of bytes they are two words, to all that read them one."""
    pieces = toys.piece_tokenizer("byte_level")
    mlm = toys.build_mlm("bert", pieces.vocab_size)
    model = Model.of(mlm, pieces, Machine.choose("fp32", "eager", torch.device("cpu")))
    words = {"x": ["caf\u00e9", "good"], "y": ["cafe\u0301", "bad"]}
    (error,) = look(model, toys.make_task("{text} {mask}", words)).errors
    assert error.message == 'labels "x" and "y" share the word "caf\u00e9"'


def test_words_whose_pieces_only_read_alike(model: Model) -> None:
    """Parts of characters all read as `\ufffd`, and `##b` reads as `b`."""
    pieces = toys.piece_tokenizer("byte_level")
    mlm = toys.build_mlm("bert", pieces.vocab_size)
    bytes_ = Model.of(mlm, pieces, Machine.choose("fp32", "eager", torch.device("cpu")))
    report = look(bytes_, toys.make_task("{text}{mask}", {"x": ["囧"], "y": ["囍"], "z": ["囧囧"]}))
    assert words_of(report)["囧"].pieces == words_of(report)["囍"].pieces
    assert report.errors == []
    report = look(model, toys.make_task(PATTERNS, {"x": ["a b"], "y": ["ab"]}))
    assert [word.pieces for word in words_of(report).values()] == [["a", "b"]] * 2
    assert report.errors == []


def test_nested_words(model: Model) -> None:
    one = toys.make_task(PATTERNS, {"x": ["好"], "y": ["不好"]})
    two = toys.make_task(PATTERNS, {"0": ["真好", "好"], "1": ["是"]}, name="two")
    report = look(model, one, two)
    (warning,) = [
        each for each in report.warnings if "jieba" not in each.message
    ]  # neither within a label nor between tasks
    assert warning.message == '"好" (label "x") is part of "不好" (label "y")'
    assert words_of(report)["好"].nested == [Place("toy", "y", "不好"), Place("two", "0", "真好")]
    assert report.errors == []


def test_thousands_of_words() -> None:
    """Word against word, 10,000 take a quarter of a minute."""
    words = [f"{number:05}" for number in range(10_000)]
    labels = [LabelReport(word, [WordReport(word, list(word), 5, [], [])]) for word in words]
    short = WordReport("99", ["9", "9"], 2, [], [])
    start = time.perf_counter()
    check._compare({"a": labels, "b": [LabelReport("x", [short])]})
    assert time.perf_counter() - start < 5
    found = [place.word for place in short.nested]
    assert found == [word for word in words if "99" in word]
    assert labels[99].words[0].nested == [Place("b", "x", "99")]
    table = check_table("b", [LabelReport("x", [short])])
    assert f"; and {len(found) - 20:,} more" in str(next(iter(table.columns[-1].cells)))


def test_words_that_jieba_cuts(model: Model) -> None:
    report = look(
        model,
        toys.make_task(
            PATTERNS, {"x": ["好天气"], "y": ["坏新闻"], "z": ["good news"], "w": ["体育"]}
        ),
    )
    words = words_of(report)
    assert words["好天气"].cuts == ["好", "天气"]
    assert words["坏新闻"].cuts == ["坏", "新闻"]
    assert words["good news"].cuts == words["体育"].cuts == []
    assert len(report.warnings) == 2
    assert "several words: 好 天气" in report.warnings[0].message


def test_a_pattern_without_room(model: Model) -> None:
    report = look(
        model,
        toys.make_task("这是" * 5 + "{mask}{text}", {"x": ["好"], "y": ["坏"]}),
        max_length=10,
    )
    (error,) = report.errors
    assert "leaves no room" in error.message
    assert error.where == "toy.yaml"
    assert words_of(report)["好"].prior is None


def test_json(model: Model) -> None:
    report = look(model, toys.make_task(PATTERNS, {"x": ["好龘"], "y": ["坏", "天气好"]}))
    found = json.loads(json.dumps(report.to_json()))
    assert list(found) == ["model", "tasks", "errors", "warnings"]
    assert [word["word"] for word in found["tasks"]["toy"]["labels"]["y"]["words"]] == [
        "坏",
        "天气好",
    ]
    assert set(found["tasks"]["toy"]["labels"]["x"]["words"][0]) == {
        "word", "pieces", "length", "unknown", "cuts", "by_pattern", "prior", "shared", "nested"
    }  # fmt: skip
    assert set(found["errors"][0]) == {"message", "where", "hint"}


def test_pieces_of_each_pattern_where_they_differ() -> None:
    """A byte-level piece holds the space before it, so a word is cut as its place wants it."""
    tokenizer = toys.piece_tokenizer("byte_level")
    mlm = toys.build_mlm("bert", tokenizer.vocab_size)
    model = Model.of(mlm, tokenizer, Machine.choose("fp32", "eager", torch.device("cpu")))
    patterns = ["({mask}){text}", "It is {mask}. {text}", "{text}({mask})"]
    report = look(model, toys.make_task(patterns, {"x": ["story"], "y": ["bad"]}))
    word = words_of(report)["story"]
    joined, spaced = (
        tokenizer.piece_texts(*tokenizer.encode(["story"], space_before=space))
        for space in (False, True)
    )
    assert joined != spaced
    assert word.pieces == joined
    assert word.by_pattern == [joined, spaced, joined]
    table = check_table("toy", report.tasks["toy"])
    shown = [str(cell) for cell in table.columns[2].cells]
    assert shown[0] == f"{' '.join(joined)} (1, 3)\n{' '.join(spaced)} (2)"
    alike = look(model, toys.make_task(patterns[::2], {"x": ["story"], "y": ["bad"]}))
    assert words_of(alike)["story"].by_pattern == []


def test_words_of_many_lengths(model: Model) -> None:
    words = {"x": ["体育新闻"], "y": ["坏", "科技"], "z": ["真天气"]}
    report = look(
        model, toys.make_task(PATTERNS, words), toys.make_task(PATTERNS, words, name="two", slots=2)
    )
    (warning,) = (each for each in report.warnings if "prompts" in each.message)
    factor = (40 + 39 + 38 + 37) / 40  # of a prompt of 40 tokens, and with fewer masks
    assert f"4 prompts a row, one for each number of pieces: up to {factor:.1f} ×" in str(warning)
    assert warning.where == "toy.txt"
    prompts = {name: of["prompts"] for name, of in report.to_json()["tasks"].items()}
    assert prompts == {
        "toy": {"masks": [1, 2, 3, 4], "cost_at_most": factor},
        "two": {"masks": [2, 4], "cost_at_most": 1.95},
    }


def test_a_character_that_the_tokenizer_drops_is_unknown(dropping: PieceTokenizer) -> None:
    mlm = toys.build_mlm("bert", dropping.vocab_size)
    model = Model.of(mlm, dropping, Machine.choose("fp32", "eager", torch.device("cpu")))
    report = look(model, toys.make_task(["这是{mask}：{text}"], {"x": ["好"], "y": ["坏车", "坏"]}))
    found = words_of(report)
    assert found["坏车"].unknown == ["车"]
    assert found["好"].unknown == found["坏"].unknown == []
