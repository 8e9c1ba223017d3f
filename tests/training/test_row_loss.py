"""Loss terms in whole runs: against the formula, alone and together, stopped, and where they change
nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toys
from stopped_runs import assert_same_state, stop_at_step
from toy_runs import state_of

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.sampling import Schedule, drawn_label_counts
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.objectives.logit_adjustment import adjustments
from pet_mtl.objectives.terms import Facts, TaskScores
from pet_mtl.objectives.terms.class_weights import ClassWeights
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.training import row_loss, steps
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]
NEUTRAL = (
    "{focal: {gamma: 0}, class_weights: {beta: 0}, hard_negatives: {gamma: 0}, r_drop: {alpha: 0}}"
)
ALL = (
    "{focal: {gamma: 1.5}, class_weights: {beta: 0.5}, hard_negatives: {gamma: 0.5}, r_drop: "
    "{alpha: 2}}"
)


def records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights_of(run: Path) -> dict[str, object]:
    return {name: value for name, value in state_of(run).items() if isinstance(value, torch.Tensor)}


def test_terms_that_change_nothing_leave_every_bit(make_suite: MakeSuite, tmp_path: Path) -> None:
    common = {"max_steps": 4, "dropout": 0.2}
    train(make_suite(**common), tmp_path / "plain")
    train(make_suite(**common, losses=NEUTRAL), tmp_path / "neutral")
    assert_same_state(weights_of(tmp_path / "neutral"), weights_of(tmp_path / "plain"))
    assert not any("terms" in record for record in records(tmp_path / "neutral"))


def test_r_drop_without_dropout_is_cross_entropy(make_suite: MakeSuite, tmp_path: Path) -> None:
    train(make_suite(max_steps=4), tmp_path / "plain")
    train(make_suite(max_steps=4, losses="{r_drop: {alpha: 3}}"), tmp_path / "r-drop")
    plain = weights_of(tmp_path / "plain")
    for name, value in weights_of(tmp_path / "r-drop").items():
        torch.testing.assert_close(value, plain[name], rtol=1e-3, atol=2e-4, msg=name)
    one, other = (records(tmp_path / run)[0] for run in ("plain", "r-drop"))
    assert other["loss"] == pytest.approx(one["loss"], abs=1e-4)
    assert other["terms"] == {"r_drop": 0.0}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_all_terms_together_against_the_formula(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smoothing: float
) -> None:
    """The first step's log against rows one by one, from the scores of both passes."""
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    seen: list[tuple[int, int, Any, Any]] = []
    real, stores = row_loss.RowLoss.__call__, []

    def keep(self: Any, batch: Any, group: Any, scores: Any, second: Any, *more: Any) -> Any:
        stores[:] = [self._prompts]
        if more[0] == 0:
            both = zip(group.labels.tolist(), scores.detach(), second.detach(), strict=True)
            seen.extend((group.form, *row) for row in both)
        return real(self, batch, group, scores, second, *more)

    monkeypatch.setattr(row_loss.RowLoss, "__call__", keep)
    train(
        make_suite(max_steps=1, dropout=0.3, losses=ALL, label_smoothing=smoothing),
        tmp_path / "run",
    )
    (prompts,) = stores
    record = records(tmp_path / "run")[0]
    losses: dict[str, list[float]] = {}
    terms: dict[str, list[float]] = {
        "focal": [],
        "class_weights": [],
        "hard_negatives": [],
        "r_drop": [],
    }
    for form, label, *both in seen:
        labels = prompts.label[prompts.form == form]
        counts = np.array([(labels == k).sum() for k in range(len(both[0]))])
        raw = np.maximum(1, counts) ** -0.5
        mean = (raw * counts).sum() / counts.sum()  # over the rows
        probs = [scores.double().softmax(0).numpy() for scores in both]
        loss = 0.0
        for number, p in enumerate(probs):
            factors = (1 - p[label]) ** 1.5, raw[label] / mean, (1 - p[label]) ** 0.5
            cross = -(1 - smoothing) * np.log(p[label]) - smoothing * np.log(p).mean()
            loss += np.prod(factors) * cross / 2
            if number == 0:
                for name, factor in zip(
                    ("focal", "class_weights", "hard_negatives"), factors, strict=True
                ):
                    terms[name].append(factor)
        one, other = probs
        terms["r_drop"].append(
            (one * np.log(one / other)).sum() + (other * np.log(other / one)).sum()
        )  # 2 · ½
        losses.setdefault(prompts.forms[form].task, []).append(loss + terms["r_drop"][-1])
    assert record["loss"] == pytest.approx(
        {task: np.mean(values) for task, values in losses.items()}, abs=3e-5
    )
    assert record["terms"] == pytest.approx(
        {name: np.mean(values) for name, values in terms.items()}, abs=3e-5
    )
    assert record["terms"]["r_drop"] > 0.001


@pytest.mark.parametrize("settings", [{}, {"surgery": "pcgrad", "adversarial": 0.3}])
def test_accumulation_changes_no_result(
    make_suite: MakeSuite, tmp_path: Path, settings: dict[str, object]
) -> None:
    for name, pieces in (("whole", 1), ("cut", 3)):
        train(make_suite(**settings, max_steps=5, accumulate=pieces, losses=ALL), tmp_path / name)
    whole = weights_of(tmp_path / "whole")
    for name, value in weights_of(tmp_path / "cut").items():
        torch.testing.assert_close(value, whole[name], rtol=1e-3, atol=3e-4, msg=name)
    one, other = (records(tmp_path / run)[0]["terms"] for run in ("whole", "cut"))
    assert other == pytest.approx(one, abs=1e-3)


def test_a_stopped_run_ends_as_an_unbroken_one(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOG_EVERY", 1)
    stop_at = stop_at_step(monkeypatch)
    suite = make_suite(
        max_steps=10, epochs=9, dropout=0.2, evaluate_every=4, losses=ALL, adversarial=0.2
    )
    train(suite, tmp_path / "whole")
    stop_at(6)
    with pytest.raises(Interrupted):
        train(suite, tmp_path / "run")
    stop_at(0)
    train(suite, tmp_path / "run", resume=True)
    assert_same_state(state_of(tmp_path / "run"), state_of(tmp_path / "whole"))
    last = [records(tmp_path / run)[-2]["terms"] for run in ("whole", "run")]
    assert last[1] == last[0]
    assert set(last[0]) == {"focal", "class_weights", "hard_negatives", "r_drop"}


def test_another_term_is_another_run(suite_file: Path, tmp_path: Path) -> None:
    train(load_suite(suite_file, overrides=["train.max_steps=2"]), tmp_path / "run")
    with pytest.raises(PetMtlError, match=r"`train.losses.focal"):
        suite = load_suite(
            suite_file, overrides=["train.max_steps=2", "train.losses.focal.gamma=1"]
        )
        train(suite, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.losses.focl.gamma=1", "focl"),
        ("train.losses.focal.gama=1", "gama"),
        ("train.losses.focal.gamma=-1", "at least 0"),
        ("train.losses.r_drop=2", "keys and values"),
    ],
)
def test_wrong_settings(suite_file: Path, override: str, words: str) -> None:
    with pytest.raises(PetMtlError, match=words) as caught:
        load_suite(suite_file, overrides=[override])
    assert "-s train.losses" in str(caught.value)


def test_settings_by_name(suite_file: Path) -> None:
    suite = load_suite(
        suite_file, overrides=["train.losses.r_drop.alpha=1", "train.losses.focal={}"]
    )
    losses = suite.train.losses
    assert losses.r_drop is not None
    assert losses.focal is not None
    assert (losses.r_drop.alpha, losses.focal.gamma, losses.class_weights) == (1, 2, None)


def test_hypotheses_are_weighed_and_adjusted_by_what_a_step_draws() -> None:
    """A row's own label and one of the four others; five are stored."""
    words = {"a": ["天"], "b": ["气"], "c": ["好"], "d": ["坏"], "e": ["新闻"]}
    given = toys.make_task(("{text}，{mask}。",), words).model_dump()
    of_kind = {"kind": "entailment", "yes": "真", "no": "不", "question": "是{mask}"}
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(5), [160, 80, 40, 40, 40]))
    rows = Rows.of({"text": ["天"] * len(labels)}, labels=labels.tolist())
    task = TaskSpec.model_validate({**given, **of_kind})
    prompts = encode_suite({"toy": task}, {"toy": rows}, toys.piece_tokenizer("wordpiece"), 40)
    schedule = Schedule(prompts, temperature=1.0, batch_tokens=500, seed=3)
    plans = [plan for epoch in range(20) for plan in schedule.epoch(epoch)]
    items = np.concatenate([plan.items for plan in plans])
    weights = ClassWeights(1.0, drawn_label_counts(prompts))
    added = adjustments(prompts, 1.0, torch.device("cpu"))
    for form in range(5):
        told = torch.from_numpy(prompts.label[items[prompts.form[items] == form]]).long()
        factors = weights.factors(TaskScores(form, told, torch.zeros(len(told), 2)))
        assert factors.mean() == pytest.approx(1, abs=0.02)
        yes = factors[told == 0].sum() / factors.sum()  # as much as no, as β = 1 has it
        assert yes == pytest.approx(0.5, abs=0.02)
        share = float((told == 0).float().mean())
        assert added[form].exp().tolist() == pytest.approx([share, 1 - share], abs=0.01)


WORDS = {"a": ["天"], "b": ["气"], "c": ["好"]}
PLAIN = toys.make_task("{text}，{mask}。", WORDS)
SETS = TaskSpec.model_validate({**PLAIN.model_dump(), "kind": "multi_label", "no": ["不"]})


def loss_of(
    task: TaskSpec,
    labels: list[int],
    scores: torch.Tensor,
    taught: np.ndarray | None = None,
    targets: np.ndarray | None = None,
    step: int = 0,
    *,
    judges: bool = False,
    **settings: object,
) -> row_loss.GroupLoss:
    """Return the loss of rows with made-up scores, in one of four steps."""
    tokenizer = toys.piece_tokenizer("wordpiece")
    rows = replace(Rows.of({"text": ["天"] * len(labels)}, labels=labels), targets=targets)
    prompts = encode_suite({"toy": task}, {"toy": rows}, tokenizer, 20)
    plan = BatchPlan(np.arange(len(labels)), 20, len(labels))
    batch = collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
    of_rows = row_loss.RowLoss(
        prompts,
        TrainSettings.model_validate(settings),
        torch.device("cpu"),
        {} if taught is None else {"toy": taught.astype(np.float32)},
        Facts(tasks=["toy"]),
        judges=judges,
    )
    return of_rows(batch, batch.groups[0], scores, None, step, 4)


@pytest.mark.parametrize("step", [0, 1, 3])
def test_labels_take_over_from_the_teacher_step_by_step(step: int) -> None:
    scores, taught = torch.randn(4, 3), np.random.default_rng(0).dirichlet(np.ones(3), 4)
    labels, log_p = [2, 0, -1, 1], scores.log_softmax(1)
    found = loss_of(PLAIN, labels, scores, taught, step=step, label_share="annealed").total
    of_labels = -sum(log_p[row, label] for row, label in enumerate(labels) if label >= 0)
    of_teacher = -(torch.from_numpy(taught).float() * log_p).sum(1)
    share = step / 4
    wanted = share * of_labels + (1 - share) * of_teacher[[0, 1, 3]].sum() + of_teacher[2]
    torch.testing.assert_close(found, wanted)


def test_a_row_of_which_nothing_is_known_costs_nothing() -> None:
    taught, targets = np.full((2, 3), 0.25), np.full((2, 3), -1.0, np.float32)
    taught[1] = np.nan
    scores = torch.tensor([[1.0, -1.0, 2.0, 0.0]] * 2, requires_grad=True)
    loss_of(SETS, [-1, -1], scores, taught, targets).total.backward()
    assert scores.grad is not None
    assert scores.grad[0].abs().sum() > 0.1
    assert scores.grad[1].tolist() == [0, 0, 0, 0]


def test_a_row_without_a_target_is_not_judged() -> None:
    """No label of the set is chosen, and -1 is none either."""
    scores = torch.tensor([[5.0, -5.0, -5.0, 0.0], [-5.0, -5.0, -5.0, 0.0]])
    targets = np.array([[1, 0, 0], [-1, -1, -1]], np.float32)
    found = loss_of(SETS, [0, -1], scores, targets=targets, judges=True).right
    assert found is not None
    assert found.tolist() == [1, 1]


def test_terms_are_noted_of_the_rows_that_they_act_on() -> None:
    """As numbers: with their gradients, a log line would hold what all its steps computed."""
    scores = torch.randn(3, 3, requires_grad=True)
    found = loss_of(PLAIN, [1, -1, 0], scores, losses={"focal": {"gamma": 1.0}})
    p = scores.detach().softmax(1)
    noted = found.terms["focal"]
    torch.testing.assert_close(noted, torch.stack([2 - p[0, 1] - p[2, 0], torch.tensor(2.0)]))
    found = found.with_term("more", scores.sum(1), torch.tensor([True, False, True]))
    torch.testing.assert_close(
        found.terms["more"], torch.stack([scores.detach()[[0, 2]].sum(), torch.tensor(2.0)])
    )
    assert not any(value.requires_grad for value in found.terms.values())


def test_several_terms_leave_the_label_loss_the_product_of_their_shares() -> None:
    scores = torch.randn(3, 3)
    both = {"mlm": {"alpha": 0.2}, "contrastive": {"weight": 0.3}}
    plain, found = (loss_of(PLAIN, [0, 1, 2], scores, losses=terms).total for terms in ({}, both))
    torch.testing.assert_close(found, 0.8 * 0.7 * plain)
