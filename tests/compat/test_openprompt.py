"""A task in OpenPrompt: the same scores, row by row, as ours."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.form import compile_forms
from pet_mtl.compat import openprompt as compat
from pet_mtl.compat.openprompt_import import INSTALL, import_openprompt, missing_packages
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.suite.method import HeadsMethod
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec

pytestmark = pytest.mark.skipif(bool(missing_packages()), reason=INSTALL)

FAMILIES = {"wordpiece": "bert", "byte_level": "roberta", "metaspace": "xlm-roberta"}
# words of one piece, by whether a space stands before the mask
WORDS: dict[tuple[str, bool], dict[str, list[str]]] = {
    ("wordpiece", False): {"0": ["好", "good"], "1": ["坏"], "2": ["Bad", "bad"]},
    ("wordpiece", True): {"0": ["good"], "1": ["坏", "b"]},
    ("byte_level", False): {"0": ["a", "c"], "1": ["b"], "2": ["!"]},
    ("byte_level", True): {"0": ["good"], "1": ["bad"], "2": ["news"]},
    ("metaspace", False): {"0": ["体育", "好"], "1": ["good"]},
    ("metaspace", True): {"0": ["good", "news"], "1": ["is"]},
}
TEXTS = [
    "it is good news",
    "",
    "[MASK]",
    "<mask>",
    "真的 好 {mask}",
    "  two  spaces",
    "不是好的新闻" * 30,
    "a b c" * 4,
]
OTHERS = ["bad news", "x", "", "<sep>", "good", "文化" * 20, "体育" * 10, "?"]

Make = Callable[..., tuple[LoadedModel, LoadedModel]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for kind, family in FAMILIES.items():
        tokenizer = toys.MAKERS[kind]()  # type: ignore[no-untyped-call]
        made[kind] = tmp_path_factory.mktemp(kind)
        tokenizer.save_pretrained(made[kind])
        toys.build_mlm(family, len(tokenizer)).save_pretrained(made[kind])
    return made


@pytest.fixture
def make(folders: dict[str, Path]) -> Make:
    """Load a toy model twice over some tasks: for our engine and for OpenPrompt's."""

    def load(
        *tasks: TaskSpec, kind: str = "wordpiece", **more: Any
    ) -> tuple[LoadedModel, LoadedModel]:
        suite = Suite(
            name="toy",
            model="toy",
            tasks={task.name: task for task in tasks},
            train=TrainSettings(max_length=32, precision="fp32"),
            sampling=SamplingSettings(),
            source="toy.yaml",
            base="/",
            **more,
        )
        return LoadedModel(str(folders[kind]), suite), compat.OpenPromptModel(
            str(folders[kind]), suite
        )

    return load


def rows(texts: Sequence[str] = TEXTS) -> Rows:
    return Rows.of({"one": texts, "text_b": OTHERS}, labels=[0, 1] * 4)


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize(
    "patterns",
    [
        ["{one}。{mask}"],
        ["{text_b} , {one}? {mask} news", "It was {mask}: {one}"],
        ["{{a}}  {one} }} {{{mask}}}{text_b}  ", "{text_b}{mask}:{one}"],
    ],
)
def test_one_piece_words_score_the_same(make: Make, kind: str, patterns: list[str]) -> None:
    words = WORDS[kind, " {mask}" in patterns[0]]
    task = toys.make_task(patterns, words, prefix="Topic: ")
    ours, theirs = make(task, kind=kind)
    assert compat.differences(task, compile_forms(task, ours.tokenizer, 32).words[0]) == []
    expected = ours.raw_log_probs({"toy": rows()})["toy"]
    found = theirs.raw_log_probs({"toy": rows()})["toy"]
    assert np.ptp(expected, axis=0).min() > 2e-3  # rows differ: something is being compared
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("weights", [[1, 0], [1, 3]])
def test_patterns_have_their_weights(make: Make, weights: list[int]) -> None:
    words = WORDS["wordpiece", False]
    task = toys.make_task(["{one}。{mask}", "{mask}：{one}"], words, pattern_weights=weights)
    ours, theirs = make(task)
    expected = ours.raw_log_probs({"toy": rows()})["toy"]
    found = theirs.raw_log_probs({"toy": rows()})["toy"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_several_tasks_throughput_and_parameters(make: Make) -> None:
    tasks = [
        toys.make_task("{one}{mask}", {"0": ["好"], "1": ["坏"]}, name=name) for name in ("a", "b")
    ]
    ours, theirs = make(*tasks)
    of_task = rows().take(np.arange(40) % 8)
    throughput = Throughput()
    found = theirs.log_probs({"a": of_task, "b": rows()}, throughput=throughput)
    expected = ours.log_probs({"a": of_task, "b": rows()})
    for name in ("a", "b"):
        np.testing.assert_allclose(found[name], expected[name], atol=2e-5)
    assert throughput.rows == 32  # the first 16 of several batches pay for start-up
    assert throughput.tokens > 24
    assert theirs.parameters == ours.parameters


def test_tasks_without_rows_are_left_out(make: Make) -> None:
    words = {"0": ["好"], "1": ["坏"]}
    tasks = [toys.make_task("{one}{mask}", words, name=name) for name in ("a", "b")]
    none = rows().take(np.arange(0))
    for engine in make(*tasks):
        assert set(engine.log_probs({"a": none, "b": rows()})) == {"b"}
        with pytest.raises(PetMtlError, match="there are no rows"):
            engine.log_probs({"a": none})


def test_live_prompt_is_openprompts(make: Make) -> None:
    """The model that a user holds, with OpenPrompt's own loader, trains and gives our scores."""
    package = import_openprompt()
    task = toys.make_task("{one} It was {mask}", {"0": ["好", "good"], "1": ["坏"]})
    ours, theirs = make(task)
    live = compat.live_prompt(theirs, "toy")
    assert type(live.model) is package.PromptForClassification
    loader = package.PromptDataLoader(
        dataset=live.examples(rows()),
        template=live.model.template,
        tokenizer=live.tokenizer,
        tokenizer_wrapper_class=live.wrapper_class,
        max_seq_length=live.max_length,
        batch_size=8,
    )
    (batch,) = loader
    assert batch["label"].tolist() == [0, 1] * 4
    with torch.no_grad():
        scores = live.model(batch).log_softmax(-1).numpy()
    np.testing.assert_allclose(scores, ours.raw_log_probs({"toy": rows()})["toy"], atol=2e-5)
    live.model.train()
    torch.nn.functional.cross_entropy(live.model(batch), batch["label"]).backward()
    assert all(
        parameter.grad is not None
        for parameter in live.model.plm.get_input_embeddings().parameters()
    )


def test_template_text_is_never_run(make: Make, tmp_path: Path) -> None:
    _, theirs = make(toys.make_task("{one}{mask}", {"0": ["好"], "1": ["坏"]}))
    template = compat.live_prompt(theirs, "toy").model.template
    file = tmp_path / "template.txt"
    file.write_text(f'{{"mask": open({str(tmp_path / "ran")!r}, "w")}}\n')
    for change in (
        lambda: template.from_file(str(file)),
        lambda: setattr(template, "text", file.read_text()),
    ):
        with pytest.raises(PetMtlError, match="cannot be read"):
            change()
    assert not (tmp_path / "ran").exists()


def test_differences(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    words = {"0": ["好 真", "好"], "1": ["坏"]}
    task = toys.make_task("{one}{mask}", words, aggregation="max", long_text="head_tail")
    _, theirs = make(task)
    found = theirs.raw_log_probs({"toy": rows()})["toy"]
    assert np.isfinite(found).all()
    said = capsys.readouterr().err
    assert "toy: OpenPrompt's scores differ: 1 of 3 label words have several pieces" in said
    assert "`aggregation: max`" in said
    assert "the head of a text that is too long, not `long_text: head_tail`" in said


def test_refused(make: Make) -> None:
    task = toys.make_task("{one}{mask}", {"0": ["好"], "1": ["坏"]})
    _, theirs = make(task)
    with pytest.raises(PetMtlError, match="no task `other`"):
        compat.live_prompt(theirs, "other")
    with pytest.raises(PetMtlError, match="no pattern 1"):
        compat.live_prompt(theirs, "toy", 1)
    _, heads = make(task, method=HeadsMethod(name="heads"))
    with pytest.raises(PetMtlError, match="method `heads`"):
        heads.raw_log_probs({"toy": rows()})
