"""A task as a fill-mask model: the same probabilities by a stock pipeline."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import toys

import pet_mtl
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.export.run import export

Make = Callable[..., Path]
TEXTS = [
    "label:news的新闻",
    "[MASK]好",
    "一条新闻",
    "体育天气",
    "坏" * 50,
    "科",
    "天 气，文化？",
    "天气新闻体育好坏" * 9,
]


def pipeline_probabilities(folder: Path, texts: list[str], labels: int) -> list[dict[str, float]]:
    from transformers import pipeline

    fill: Any = pipeline("fill-mask", model=str(folder), device="cpu")
    answers = fill(texts, top_k=labels, tokenizer_kwargs={"truncation": True})
    return [{each["token_str"]: each["score"] for each in answer} for answer in answers]


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "distilbert"])
def test_a_pipeline_gives_our_probabilities(make: Make, tmp_path: Path, family: str) -> None:
    checkpoint = make(family=family)
    folder = export(checkpoint, "topic", "transformers", tmp_path / "out")
    wanted = [p.probabilities for p in pet_mtl.load(checkpoint).predict(TEXTS, "topic")]
    found = pipeline_probabilities(folder, TEXTS, 3)
    for ours, theirs in zip(wanted, found, strict=True):
        named = {f"label:{label}": p for label, p in ours.items()}
        assert theirs == pytest.approx(named, abs=1e-5)
    assert len({round(p["news"], 3) for p in wanted}) > 1


def test_pairs_by_the_model_itself(make: Make, tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    checkpoint = make('tasks.pair.verbalizer={"0": 好, "1": 坏}')
    folder = export(checkpoint, "pair", "transformers", tmp_path / "out")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForMaskedLM.from_pretrained(folder)
    rows = [(one, two) for one in TEXTS[:5] for two in (*TEXTS[:2], "好" * 20, "")]
    for one, two in rows:
        batch = tokenizer(one, two, return_tensors="pt", truncation=True)
        with torch.inference_mode():
            logits = model(**batch).logits[batch["input_ids"] == tokenizer.mask_token_id]
        probs = logits.softmax(-1)[0, tokenizer.convert_tokens_to_ids(["label:0", "label:1"])]
        (ours,) = pet_mtl.load(checkpoint).predict([{"one": one, "two": two}], "pair")
        assert probs.tolist() == pytest.approx(list(ours.probabilities.values()), abs=1e-5)


@pytest.mark.parametrize("pattern", ["{title}:{mask}", "it is {title}:{mask}"])
@pytest.mark.parametrize("kind", ["byte_level", "metaspace"])
def test_other_tokenizers(make: Make, tmp_path: Path, kind: str, pattern: str) -> None:
    """A text behind a space and one that stands first, where pieces differ by that."""
    checkpoint = make(
        f"tasks.topic.patterns={pattern}",
        "tasks.topic.prefix=",
        "tasks.topic.verbalizer={news: g, sport: b, tech art: [a, c]}",
        "tasks.pair.verbalizer={'0': e, '1': d}",
        tokenizer=toys.MAKERS[kind](),
        family="roberta",
    )
    texts = ["good label:news a", "label:tech art", "good news", "bad", "is it good? " * 9, "a, b"]
    if kind == "byte_level":  # what a unigram model has as pieces, it reads out of texts
        texts.append("<mask> bad</s>")
    wanted = [p.probabilities for p in pet_mtl.load(checkpoint).predict(texts, "topic")]
    folder = export(checkpoint, "topic", "transformers", tmp_path / "out")
    for ours, theirs in zip(wanted, pipeline_probabilities(folder, texts, 3), strict=True):
        named = {f"label:{label}": p for label, p in ours.items()}
        assert theirs == pytest.approx(named, abs=1e-5)


@pytest.mark.parametrize(("kind", "before"), [("byte_level", "it: "), ("metaspace", "it:")])
def test_texts_with_tokens_that_were_added(
    make: Make, tmp_path: Path, kind: str, before: str
) -> None:
    """A plain tokenizer reads what stands behind one otherwise where it must start inside."""
    tokenizer = toys.MAKERS[kind]()
    tokenizer.add_tokens(["very"])
    right = "{title}:{mask}"
    wrong = before + right
    for pattern in (wrong, right):
        checkpoint = make(
            f"tasks.topic.patterns={pattern}",
            "tasks.topic.prefix=",
            "tasks.topic.verbalizer={news: g, sport: b, tech art: [a, c]}",
            "tasks.pair.verbalizer={'0': e, '1': d}",
            tokenizer=tokenizer,
            family="roberta",
        )
        if pattern == wrong:
            with pytest.raises(RunError, match="cannot write this task's prompts"):
                export(checkpoint, "topic", "transformers", tmp_path / "out")
            shutil.rmtree(checkpoint)
    texts = ["goodverygood", "it is very good"]
    wanted = [p.probabilities for p in pet_mtl.load(checkpoint).predict(texts, "topic")]
    folder = export(checkpoint, "topic", "transformers", tmp_path / "out")
    for ours, theirs in zip(wanted, pipeline_probabilities(folder, texts, 3), strict=True):
        named = {f"label:{label}": p for label, p in ours.items()}
        assert theirs == pytest.approx(named, abs=1e-5)


@pytest.mark.parametrize(
    ("overrides", "task", "reason"),
    [
        ([], "pair", "its label words have 1 and 2 pieces"),
        (["tasks.topic.aggregation=max"], "topic", "`aggregation: max` is not linear"),
        (['tasks.topic.patterns=["{mask}{title}", "{title}{mask}"]'], "topic", "2 patterns"),
        (['tasks.topic.patterns="{title}{mask}{title}"'], "topic", "one or two fields"),
        (["method=heads"], "topic", "method `heads`"),
    ],
)
def test_what_does_not_fold_is_told(
    make: Make, tmp_path: Path, overrides: list[str], task: str, reason: str
) -> None:
    with pytest.raises(PetMtlError) as error:
        export(make(*overrides), task, "transformers", tmp_path / "out")
    assert reason in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_head_that_cannot_have_tokens_added_is_told(make: Make, tmp_path: Path) -> None:
    checkpoint = make(family="deberta-v2-new-head")
    with pytest.raises(PetMtlError, match="and cannot add tokens"):
        export(checkpoint, "topic", "transformers", tmp_path / "out")
