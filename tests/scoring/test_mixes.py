"""`detach: false`: a task reads the expected label word of another, and is learned through."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import causal_toys
import numpy as np
import pytest
import torch
import toys
from called import Call
from chained_toys import write_chained
from stopped_runs import assert_same_state, stop_at_step
from torch import Tensor
from toy_kinds import write_kinds
from toy_runs import CHARACTERS, state_of

import pet_mtl
from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.collate import Batch, Mix
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model import mixed_words
from pet_mtl.scoring.chain import chained_batch
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.suite import load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

TEXTS = ["山丁甲", "乙水己", "丙火", "", "戊土金日月天地甲"]
SHORT = ["train.max_steps=6", "train.evaluate_every=3", "train.dropout=0.1"]
EVERY_PLACE = 'tasks.mood.patterns=["{task:colour}{text}。{mask}!", "{mask}：{task:colour}{text}"]'


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    return write_chained(tmp_path_factory.mktemp("mixed"), toy_backbone, "    detach: false\n")


def loaded_model(file: Path, backbone: Path, *overrides: str) -> LoadedModel:
    return LoadedModel(str(backbone), load_suite(file, overrides=["train.dropout=0.0", *overrides]))


def batch_of(loaded: LoadedModel, texts: Sequence[str], task: str = "mood") -> Batch:
    """Return one batch of all texts in all patterns."""
    rows = Rows.of({"text": list(texts)}, labels=[n % 2 for n in range(len(texts))])
    prompts = loaded.encode({task: rows})
    items = np.arange(len(prompts))
    plan = BatchPlan(items, round_up(int(prompts.lengths.max())), int(prompts.variants.sum()))
    return chained_batch(loaded.model, prompts, plan, loaded.machine, loaded.tokenizer)


def test_as_transformers_reads_the_expected_words(chained: Path, toy_backbone: Path) -> None:
    """The slow way: the model of transformers on embeddings that are put together by hand."""
    loaded = loaded_model(chained, toy_backbone, EVERY_PLACE)
    mlm, table = loaded.mlm, loaded.mlm.get_input_embeddings()
    said = np.exp(loaded.raw_log_probs({"colour": Rows.of({"text": TEXTS})})["colour"])
    words = [w[0] for w in loaded.suite.tasks["colour"].verbalizer.words]
    pieces = [loaded.tokenizer.encode([word])[0][0] for word in words]
    expected = torch.tensor(said) @ table.weight.detach()[torch.tensor(pieces)]  # [rows, E]
    batch = batch_of(loaded, TEXTS)
    assert batch.mixed_at is not None
    found = loaded.model(batch)
    for group, scores in zip(batch.groups, found, strict=True):
        for number, item in enumerate(group.items.tolist()):
            row = item % len(TEXTS)
            log_p = {}
            for masks, prompts in group.prompts.items():
                prompt = int(prompts[number])
                size = int(batch.attention_mask[prompt].sum())
                ids = batch.input_ids[prompt, :size]
                (place,) = (batch.mixed_at[prompt] >= 0).nonzero()[0].tolist()
                assert masks == int((ids == loaded.tokenizer.mask_id).sum())
                inputs = table(ids).detach().clone()
                inputs[place] = expected[row]
                with torch.no_grad():
                    logits = mlm(inputs_embeds=inputs[None]).logits[0]
                at = batch.slots[prompt, :masks]
                log_p[masks] = logits[at].log_softmax(-1)
            verbalizer = loaded.suite.tasks["mood"].verbalizer
            by_hand = []
            for of_label in verbalizer.words:
                each = []
                for word in of_label:
                    ids_of_word = loaded.tokenizer.encode([word])[0]
                    of_length = log_p[len(ids_of_word)]
                    each.append(
                        np.mean([float(of_length[k, i]) for k, i in enumerate(ids_of_word)])
                    )
                by_hand.append(np.mean(each))
            np.testing.assert_allclose(scores[number].detach(), by_hand, rtol=1e-4, atol=1e-4)


def say_surely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the likeliest label have the probability 1."""
    probabilities = mixed_words.probabilities

    def sure(mix: Mix, scores: Sequence[Tensor]) -> Tensor:
        of_all = probabilities(mix, scores)
        return torch.nn.functional.one_hot(of_all.argmax(-1), of_all.shape[-1]).float()

    monkeypatch.setattr(mixed_words, "probabilities", sure)


def test_a_sure_task_says_its_word(
    chained: Path, toy_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_surely(monkeypatch)
    mixed = loaded_model(chained, toy_backbone, EVERY_PLACE)
    plain = loaded_model(chained, toy_backbone, EVERY_PLACE, "tasks.mood.detach=true")
    rows = {"mood": Rows.of({"text": TEXTS})}
    np.testing.assert_allclose(
        mixed.raw_log_probs(rows)["mood"], plain.raw_log_probs(rows)["mood"], atol=1e-5
    )


def test_the_gradient_is_that_of_finite_differences(chained: Path, toy_backbone: Path) -> None:
    """Along random directions of all weights, the way through the other task among them."""
    loaded = loaded_model(chained, toy_backbone)
    model = loaded.model.double()
    parameters = [p for p in model.parameters() if p.requires_grad]

    def loss(batch: Batch) -> Tensor:
        scores = model(batch)
        groups = zip(batch.groups, scores, strict=True)
        each = [torch.nn.functional.cross_entropy(s.double(), g.labels) for g, s in groups]
        return torch.stack(each).sum()

    batch = batch_of(loaded, TEXTS[:3])
    gradients = torch.autograd.grad(loss(batch), parameters, allow_unused=True)
    draw = torch.Generator().manual_seed(1)
    for _ in range(3):
        move = [torch.randn(p.shape, generator=draw, dtype=torch.float64) for p in parameters]
        slope = sum(
            float((g * m).sum()) for g, m in zip(gradients, move, strict=True) if g is not None
        )
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for p, m in zip(parameters, move, strict=True):
                    p += sign * 1e-4 * m
            ends.append(float(loss(batch).detach()))  # without a gradient, weights are known
            with torch.no_grad():
                for p, m in zip(parameters, move, strict=True):
                    p -= sign * 1e-4 * m
        assert (ends[0] - ends[1]) / 2e-4 == pytest.approx(slope, rel=2e-3)


def test_the_way_through_the_other_task_counts(
    chained: Path, toy_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = loaded_model(chained, toy_backbone)
    batch = batch_of(loaded, TEXTS[:3])
    table = loaded.mlm.get_input_embeddings().weight

    def gradient() -> Tensor:
        (found,) = torch.autograd.grad(sum(s.sum() for s in loaded.model(batch)), table)
        return found

    through = gradient()
    probabilities = mixed_words.probabilities
    monkeypatch.setattr(
        mixed_words, "probabilities", lambda mix, scores: probabilities(mix, scores).detach()
    )
    assert not torch.allclose(gradient(), through, rtol=1e-3)


def test_words_of_several_lengths(chained: Path, toy_backbone: Path) -> None:
    words = 'tasks.colour.verbalizer={"r": 红, "b": 蓝水火, "g": 绿}'
    loaded = loaded_model(chained, toy_backbone, words, EVERY_PLACE)
    batch = batch_of(loaded, TEXTS)
    assert batch.mixed_at is not None
    (mix, _) = batch.mixes
    assert mix.pieces.shape == (3, 3)
    assert (mix.pieces[0] == mix.pieces[0, 0]).all()  # the last piece fills up
    used = [rows for group in batch.groups for rows in group.prompts.values()]
    for prompt in torch.cat(used).tolist():
        columns = (batch.mixed_at[prompt] >= 0).nonzero().flatten()
        assert columns.tolist() == list(range(int(columns[0]), int(columns[0]) + 3))
        ids = batch.input_ids[prompt]
        assert ids[columns].tolist() == mix.pieces[0].tolist()  # no mask is covered
    rows = {"mood": Rows.of({"text": TEXTS})}
    whole = loaded.raw_log_probs(rows)["mood"]
    alone = [loaded.raw_log_probs({"mood": Rows.of({"text": [text]})})["mood"][0] for text in TEXTS]
    np.testing.assert_allclose(whole, alone, rtol=1e-4, atol=1e-4)


def test_runs_are_cut_and_resumed(
    chained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = load_suite(chained, overrides=SHORT)
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    train(suite, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at_step(patch)(4)
        with pytest.raises(Interrupted):
            train(suite, tmp_path / "run")
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    for out, pieces in (("one", 1), ("many", 3)):
        more = ["train.dropout=0.0", "train.max_steps=3", f"train.accumulate={pieces}"]
        train(load_suite(chained, overrides=more), tmp_path / out)
    logs = [(tmp_path / out / "metrics.jsonl").read_text().splitlines() for out in ("one", "many")]
    losses = [json.loads(lines[0])["loss"] for lines in logs]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


@pytest.mark.parametrize(
    "more",
    [
        ["train.adversarial=0.3", "train.losses.r_drop.alpha=1"],
        ["train.losses={adapet: {}, mlm: {alpha: 0.2}, shuffle: {}, contrastive: {}}"],
        ["train.surgery=pcgrad", "train.weighting=gradnorm"],
        ["method=cln"],
        ['tasks.mood.patterns=["{soft:3}{task:colour}{mask}。{text}"]'],
    ],
)
def test_beside_other_parts(chained: Path, tmp_path: Path, more: list[str]) -> None:
    train(load_suite(chained, overrides=[*SHORT, *more]), tmp_path / "run")
    loaded = LoadedCheckpoint(tmp_path / "run" / "checkpoint")
    found = np.exp(loaded.log_probs({"mood": Rows.of({"text": TEXTS})})["mood"])
    predictions = pet_mtl.load(tmp_path / "run" / "checkpoint").predict(TEXTS, task="mood")
    of_load = [one.probabilities["up"] for one in predictions]
    np.testing.assert_allclose(of_load, found[:, 0], atol=2e-5)


def test_all_doors_say_the_same(chained: Path, call: Call, tmp_path: Path) -> None:
    train(load_suite(chained, overrides=SHORT), tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoint"
    found = np.exp(
        LoadedCheckpoint(checkpoint).log_probs({"mood": Rows.of({"text": TEXTS})})["mood"]
    )[:, 0]

    def same(predictions: list[dict[str, Any]]) -> None:
        of_door = [one["probabilities"]["up"] for one in predictions]
        np.testing.assert_allclose(of_door, found, atol=2e-5)

    ran = call(
        "predict", checkpoint, *[t or " " for t in TEXTS], "--task", "mood", "--probabilities",
        "--json",
    )  # fmt: skip
    same(ran.json["predictions"])
    file = tmp_path / "rows.tsv"
    file.write_text("".join(f"{text or ' '}\n" for text in TEXTS), encoding="utf-8")
    out = tmp_path / "out"
    told = ["predict", checkpoint, "--data", f"mood={file}", "--out", out, "--probabilities"]
    assert call(*told, "--shard-rows", "2").code == 0
    texts = [each.read_text(encoding="utf-8") for each in sorted(out.rglob("*.jsonl"))]
    lines = [line for text in texts for line in text.splitlines()]
    same([json.loads(line) for line in lines])
    testing = pytest.importorskip("fastapi.testclient", reason="the extra is not installed")
    from pet_mtl.serving.app import create_app
    from pet_mtl.serving.models import Models

    app = create_app(Models((checkpoint,)))
    with testing.TestClient(app, base_url="http://127.0.0.1:8000") as client:
        same(client.post("/v1/predict", json={"task": "mood", "rows": TEXTS}).json()["predictions"])
    stored = json.loads((checkpoint / "pet_mtl.json").read_text(encoding="utf-8"))["suite"]["tasks"]
    assert ("detach" in stored["colour"], stored["mood"]["detach"]) == (False, False)


def test_words_are_not_tried(chained: Path, call: Call, tmp_path: Path) -> None:
    ran = call("words", "try", "--patterns", chained, "--cache", tmp_path)
    assert (ran.code, "`mood` has `detach: false`" in ran.err) == (2, True), ran.err
    ran = call("words", "check", "--patterns", chained, "--json")
    assert (ran.code, ran.json["errors"]) == (0, [])
    assert "detach: false" in ran.json["warnings"][0]["message"]
    assert ran.json["tasks"]["mood"]["labels"]["up"]["prior"] is None


def test_causal_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row read once, or once for each branch of its label words."""
    causal_toys.write_gpt2(tmp_path / "gpt2", CHARACTERS, initializer_range=0.1)
    file = write_chained(tmp_path, tmp_path / "gpt2", "    detach: false\n")
    text = file.read_text(encoding="utf-8")
    for old, new in {
        '"{mask}文：{text}"': '"{text}。{mask}"',
        '"{task:colour}{text}。{mask}!", "{mask}：{text}"': '"文{task:colour}：{text}。{mask}"',
        "{one}？{mask}，{two}": "{one}？{two}，{mask}",
    }.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    rows, found = {"mood": Rows.of({"text": TEXTS})}, []
    for packs in (True, False):
        if not packs:
            monkeypatch.setattr("pet_mtl.model.causal_reader.takes_trees", lambda config: False)
        loaded = loaded_model(file, tmp_path / "gpt2")
        found.append(loaded.raw_log_probs(rows)["mood"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-4)
    plain = loaded_model(file, tmp_path / "gpt2", "tasks.mood.detach=true")
    assert not np.allclose(plain.raw_log_probs(rows)["mood"], found[0], atol=1e-4)
    say_surely(monkeypatch)
    sure = loaded_model(file, tmp_path / "gpt2").raw_log_probs(rows)["mood"]
    np.testing.assert_allclose(sure, plain.raw_log_probs(rows)["mood"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("detach", ["true", "false"])
def test_chains_of_chains_of_other_kinds(toy_backbone: Path, tmp_path: Path, detach: str) -> None:
    """A hypothesis reads a scale, which a task with learned weights reads, and both again."""
    file = write_kinds(tmp_path, toy_backbone)
    more = [
        f"tasks.judged.detach={detach}",
        'tasks.judged.patterns=["{task:stars}{text}。{mask}", "{mask}：{label}{text}{task:stars}"]',
        "tasks.stars.verbalizer_kind=weighted",
        'tasks.stars.patterns="{task:first}{text}。{mask}"',
        f"tasks.stars.detach={detach}",
        'tasks.first={patterns: ["{mask}{text}", "{text}{mask}"], verbalizer: {"1": 悲伤, "2": 喜, '
        '"3": 红}, columns: {text: 0, label: 1}, data: {train: stars.train.tsv}, pattern_weights: '
        "learned}",
    ]
    text = file.read_text(encoding="utf-8")
    section = text[text.index("  stars:") : text.index("  judged:")].replace("  stars:", "  first:")
    file.write_text(text.replace("  stars:", section + "  stars:"), encoding="utf-8")
    suite = load_suite(file, overrides=["train.max_steps=3", "train.evaluate_every=3", *more])
    train(suite, tmp_path / "run")
    loaded = LoadedCheckpoint(tmp_path / "run" / "checkpoint")
    for task in ("first", "stars", "judged"):
        whole = loaded.log_probs({task: Rows.of({"text": TEXTS})})[task]
        alone = [loaded.log_probs({task: Rows.of({"text": [text]})})[task][0] for text in TEXTS]
        assert np.isfinite(whole).all()
        np.testing.assert_allclose(whole, alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("family", ["bert", "deberta-v2", "distilbert", "modernbert"])
def test_threads_of_each_family(family: str, tmp_path: Path) -> None:
    """Families that run by their own modules have hooks, which no other thread's rows may meet:
    the task that is read is asked without any."""
    toys.write_bert(tmp_path / "model", CHARACTERS, initializer_range=0.1)
    toys.build_mlm(family, len(CHARACTERS) + 5).save_pretrained(tmp_path / "model")
    file = write_chained(tmp_path, tmp_path / "model", "    detach: false\n")
    loaded = loaded_model(file, tmp_path / "model", "train.max_length=24")
    rows = {"mood": Rows.of({"text": TEXTS})}
    whole = loaded.raw_log_probs(rows)["mood"]
    alone = [loaded.raw_log_probs({"mood": Rows.of({"text": [text]})})["mood"][0] for text in TEXTS]
    np.testing.assert_allclose(whole, alone, atol=1e-5)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: loaded.raw_log_probs(rows)["mood"], range(12)))
    for one in found:
        np.testing.assert_array_equal(one, whole)


def test_wrong_use(chained: Path, tmp_path: Path, toy_backbone: Path) -> None:
    for wrong in ("maybe", "1", "null"):
        with pytest.raises(PetMtlError, match="detach"):
            load_suite(chained, overrides=[f"tasks.mood.detach={wrong}"])
    text = chained.read_text(encoding="utf-8").replace("{task:colour}", "")
    file = chained.parent / "none.yaml"
    file.write_text(text, encoding="utf-8")
    line = text.splitlines().index("    detach: false") + 1
    with pytest.raises(PetMtlError, match=rf"none\.yaml:{line}: `detach: false` of `mood`"):
        load_suite(file)
