"""A task that reads another's prediction: trained, scored and predicted through every door."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of, write_suite

import pet_mtl
from pet_mtl.data.rows import Rows
from pet_mtl.report.run import report_run
from pet_mtl.scoring.chain import said_labels
from pet_mtl.scoring.checkpoint_scores import score_checkpoints
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel
from pet_mtl.scoring.prediction_files import predict_files
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps
from pet_mtl.training.run import train

SHORT = ["train.max_steps=6", "train.evaluate_every=3", "train.dropout=0.1"]


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    """A suite whose second task reads what the first says."""
    folder = tmp_path_factory.mktemp("chained")
    write_suite(folder, toy_backbone)
    file = folder / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    old = '"{text}。{mask}!"'
    assert old in text
    file.write_text(text.replace(old, '"{task:colour}{text}。{mask}!"'), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def run(chained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train(load_suite(chained, overrides=SHORT), out, report=report_run)
    return out


def by_hand(loaded: LoadedModel, texts: list[str], said: np.ndarray) -> np.ndarray:
    """Return what the second task says where the first one's words stand in its pattern as text."""
    found = []
    for text, label in zip(texts, said, strict=True):
        word = loaded.suite.tasks["colour"].verbalizer.words[label][0]
        task = loaded.suite.tasks["mood"]
        patterns = tuple(p.replace("{task:colour}", word) for p in task.patterns)
        tasks = {**loaded.suite.tasks, "mood": task.model_copy(update={"patterns": patterns})}
        plain = LoadedModel.__new__(LoadedModel)
        plain.__dict__.update(loaded.__dict__)
        for built in ("compiled", "forms"):
            plain.__dict__.pop(built, None)
        plain.suite, plain._built = loaded.suite.model_copy(update={"tasks": tasks}), None
        found.append(plain.raw_log_probs({"mood": Rows.of({"text": [text]})})["mood"][0])
    return np.stack(found)


TEXTS = ["山丁甲", "乙水己", "丙火", "", "戊土金日月天地甲"]


def test_the_chain_runs_by_itself(run: Path) -> None:
    loaded, rows = LoadedCheckpoint(run / "checkpoint"), Rows.of({"text": TEXTS})
    said = loaded.raw_log_probs({"colour": rows})["colour"].argmax(-1)
    got = loaded.raw_log_probs({"mood": rows})["mood"]
    np.testing.assert_allclose(got, by_hand(loaded, TEXTS, said), rtol=1e-4, atol=1e-4)


def test_every_row_has_its_own_word(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pet_mtl.scoring.chain._decisions", lambda model, store, rows, *_: rows.astype(np.int64) % 3
    )
    loaded = LoadedCheckpoint(run / "checkpoint")
    got = loaded.raw_log_probs({"mood": Rows.of({"text": TEXTS})})["mood"]
    wanted = by_hand(loaded, TEXTS, np.arange(len(TEXTS)) % 3)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_patterns_of_the_task_that_is_read_count_by_their_weights(
    chained: Path, toy_backbone: Path
) -> None:
    two = ['tasks.colour.patterns=["{mask}文：{text}", "{text}。{mask}"]']
    two.append("tasks.colour.pattern_weights=[0.05, 1]")
    loaded = LoadedModel(str(toy_backbone), load_suite(chained, overrides=two))
    draw, each = random.Random(1), dict[str, np.ndarray]()
    rows = Rows.of({"text": ["".join(draw.choices("甲乙丙丁山水火土木", k=5)) for _ in range(80)]})
    wanted = loaded.raw_log_probs({"colour": rows}, by_pattern=each)["colour"].argmax(-1)
    assert (each["colour"].mean(0).argmax(-1) != wanted).any()
    prompts = loaded.encode({"mood": rows})
    order = np.random.default_rng(0).integers(0, 80, 100)  # some of them, some twice
    items = np.flatnonzero(prompts.form == prompts.form[0])[order]
    said = said_labels(loaded.model, prompts, items, loaded.machine, loaded.tokenizer)
    assert said[:, 0].tolist() == wanted[order].tolist()


def test_it_matters_what_the_other_task_says(run: Path) -> None:
    loaded = LoadedCheckpoint(run / "checkpoint")
    got = loaded.raw_log_probs({"mood": Rows.of({"text": TEXTS})})["mood"]
    other = LoadedCheckpoint(run / "checkpoint")
    task = other.suite.tasks["colour"]
    words = tuple((word,) for word in ("喜", "悲", "伤"))
    verbalizer = task.verbalizer.model_copy(update={"words": words})
    changed = task.model_copy(update={"verbalizer": verbalizer})
    other.suite = other.suite.model_copy(update={"tasks": {**other.suite.tasks, "colour": changed}})
    assert not np.allclose(other.raw_log_probs({"mood": Rows.of({"text": TEXTS})})["mood"], got)


def test_all_doors_say_the_same(run: Path, tmp_path: Path) -> None:
    told = json.loads((run / "checkpoint" / "pet_mtl.json").read_text(encoding="utf-8"))
    (scored,) = score_checkpoints([run / "checkpoint"])
    assert scored.tasks["mood"].value("macro_f1") == pytest.approx(
        told["metrics"]["tasks"]["mood"]["macro_f1"]
    )
    file = tmp_path / "rows.tsv"
    file.write_text("".join(f"{text or '空'}\n" for text in TEXTS), encoding="utf-8")
    (written,) = predict_files(run / "checkpoint", {"mood": str(file)}, tmp_path / "out")
    lines = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    predictions = pet_mtl.load(run / "checkpoint").predict([t or "空" for t in TEXTS], task="mood")
    assert [line["label"] for line in lines] == [one.label for one in predictions]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<h3>As the model sees it</h3>" in page


def test_a_stopped_run_ends_as_an_unbroken_one(
    chained: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = load_suite(chained, overrides=SHORT)
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    with monkeypatch.context() as patch:
        stop_at_step(patch)(4)
        with pytest.raises(Interrupted):
            train(suite, tmp_path / "run")
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(run))


def test_pieces_change_nothing(chained: Path, tmp_path: Path) -> None:
    more = ["train.dropout=0.0", "train.max_steps=3"]
    one = load_suite(chained, overrides=more)
    train(one, tmp_path / "one")
    train(load_suite(chained, overrides=[*more, "train.accumulate=3"]), tmp_path / "many")
    logs = [(tmp_path / run / "metrics.jsonl").read_text().splitlines() for run in ("one", "many")]
    losses = [json.loads(lines[0])["loss"] for lines in logs]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


def test_the_gradient_stays_with_the_task_that_reads(chained: Path, toy_backbone: Path) -> None:
    """A's words are chosen, not learned through: a batch of B alone has the gradient of the plain
    pattern."""
    import torch

    from pet_mtl.cloze.batch import BatchPlan, round_up
    from pet_mtl.scoring.chain import chained_batch

    suite: Suite = load_suite(chained, overrides=["train.dropout=0.0"])
    loaded = LoadedModel(str(toy_backbone), suite)
    model = loaded.model.train()
    prompts = loaded.encode({"mood": Rows.of({"text": TEXTS[:1]}, labels=[0])})
    plan = BatchPlan(np.array([0]), round_up(int(prompts.lengths[0])), 2)
    state = torch.get_rng_state()
    batch = chained_batch(model, prompts, plan, loaded.machine, loaded.tokenizer)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(tensor.requires_grad for tensor in (batch.input_ids, batch.slots))


def test_a_copy_of_the_checkpoint_is_enough(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run / "checkpoint", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    (prediction,) = pet_mtl.load(Path("model")).predict(["山丁甲"], task="mood")
    assert 0 <= prediction.probability <= 1
