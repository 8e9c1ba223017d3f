"""Steps cut by task: their gradients against those of runs in which only one task counts."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pet_mtl.errors import PetMtlError
from pet_mtl.objectives.surgery import factors
from pet_mtl.random_streams import SURGERY
from pet_mtl.suite.settings import SurgeryName
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps, task_gradients
from pet_mtl.training.run import train

MakeSuite = Callable[..., Suite]
Gradient = dict[str, torch.Tensor]
TASKS = ("colour", "mood", "pair")
ONE_STEP = {"max_steps": 1, "batch_tokens": 600, "clip_norm": None}


@pytest.fixture
def gradient_of(
    make_suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Gradient]:
    """Return a function that trains one step and returns its gradient; what it logged lies in
    `run-N`."""
    real, runs = steps.build_optimizer, iter(range(100))

    def run(**settings: object) -> Gradient:
        gradient: Gradient = {}

        def keep(model: torch.nn.Module) -> None:
            gradient.update(
                {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
            )

        def build(given: object, model: torch.nn.Module) -> torch.optim.Optimizer:
            optimizer = real(given, model)  # type: ignore[arg-type]
            optimizer.register_step_pre_hook(lambda *_: keep(model))
            return optimizer

        with monkeypatch.context() as patch:
            patch.setattr(steps, "build_optimizer", build)
            train(make_suite(**ONE_STEP | settings), tmp_path / f"run-{next(runs)}")
        return gradient

    return run


def flat(gradient: Gradient, like: Gradient) -> np.ndarray:  # type: ignore[type-arg]
    parts = [gradient.get(name, torch.zeros_like(value)).flatten() for name, value in like.items()]
    return torch.cat(parts).double().numpy()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_cut_by_task_is_the_step(
    gradient_of: Callable[..., Gradient], monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    whole = gradient_of()
    monkeypatch.setattr(
        task_gradients, "factors", lambda name, products, *_: np.ones(len(products))
    )
    cut = gradient_of(surgery="pcgrad", accumulate=accumulate)
    assert cut.keys() == whole.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(cut[name], gradient, rtol=1e-3, atol=2e-5, msg=name)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (0.5, 2.0, 0.0)])
@pytest.mark.parametrize("surgery", ["none", "pcgrad", "upgrad"])
def test_the_gradient_is_the_methods_of_the_tasks_gradients(
    gradient_of: Callable[..., Gradient], surgery: str, weights: tuple[float, float, float]
) -> None:
    like = gradient_of()
    alone = [
        gradient_of(weighting={other: float(other == task) for other in TASKS}) for task in TASKS
    ]
    rows = np.array([w * flat(gradient, like) for w, gradient in zip(weights, alone, strict=True)])
    found = flat(
        gradient_of(surgery=surgery, weighting=dict(zip(TASKS, weights, strict=True))), like
    )
    wanted = factors(surgery, rows @ rows.T, np.random.default_rng([42, 4, 0])) @ rows  # type: ignore[arg-type]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    assert np.abs(found).max() > 1e-3


@pytest.mark.parametrize("surgery", ["mgda", "cagrad"])
def test_methods_that_compare_lengths_see_the_gradients_of_mean_losses(
    gradient_of: Callable[..., Gradient], monkeypatch: pytest.MonkeyPatch, surgery: SurgeryName
) -> None:
    """Of tasks with very different numbers of rows in the step."""
    like, counts = gradient_of(), dict[str, int]()
    real = task_gradients.TaskGradients.take

    def take(self: task_gradients.TaskGradients, task: str, rows: int) -> None:
        counts[task] = rows
        real(self, task, rows)

    monkeypatch.setattr(task_gradients.TaskGradients, "take", take)
    alone = {
        task: gradient_of(weighting={other: float(other == task) for other in TASKS})
        for task in TASKS
    }
    found = flat(gradient_of(surgery=surgery), like)
    count = sum(counts.values())
    assert max(counts.values()) > 3 * min(counts.values())
    means = np.array([flat(alone[task], like) * count / counts[task] for task in TASKS])
    weights = factors(surgery, means @ means.T, np.random.default_rng(0)) / 3
    wanted = weights @ means
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
    if surgery == "mgda":
        assert weights.sum() == pytest.approx(1)
        assert (means @ found > 0).all()


def test_weights_and_conflicts_are_logged(
    gradient_of: Callable[..., Gradient], tmp_path: Path
) -> None:
    like = gradient_of()
    alone = [
        flat(gradient_of(weighting={other: float(other == task) for other in TASKS}), like)
        for task in TASKS
    ]
    gradient_of(surgery="mgda", weighting="uncertainty")
    record = json.loads((tmp_path / "run-4" / "metrics.jsonl").read_text().splitlines()[0])
    pairs = [alone[one] @ alone[other] < 0 for one, other in ((0, 1), (0, 2), (1, 2))]
    assert record["conflicts"] == pytest.approx(np.mean(pairs), abs=1e-3)
    for task in TASKS:  # one step down from s = 0
        assert record["weights"][task] == pytest.approx(
            np.exp(-0.05 * (record["loss"][task] - 0.5)), abs=1e-3
        )
    assert "weights" not in json.loads(
        (tmp_path / "run-0" / "metrics.jsonl").read_text().splitlines()[0]
    )


def test_gradnorm_hears_of_the_norms_of_mean_losses(
    gradient_of: Callable[..., Gradient], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: dict[str, steps.TaskStep] = {}
    monkeypatch.setattr(
        "pet_mtl.objectives.weighting.gradnorm.GradNorm.update",
        lambda self, step: heard.update(step),
    )
    like = gradient_of(weighting="gradnorm")
    alone = {
        task: gradient_of(weighting={other: float(other == task) for other in TASKS})
        for task in TASKS
    }
    rows = sum(did.rows for did in heard.values())
    for task, did in heard.items():
        wanted = np.linalg.norm(flat(alone[task], like)) * rows / did.rows
        assert did.norm == pytest.approx(wanted, rel=1e-3)


def test_a_weighting_hears_of_right_rows_by_what_it_wants_not_by_its_name(
    gradient_of: Callable[..., Gradient], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: dict[str, steps.TaskStep] = {}
    weighting = "pet_mtl.objectives.weighting.uncertainty.Uncertainty"
    monkeypatch.setattr(f"{weighting}.wants", "accuracy")
    monkeypatch.setattr(f"{weighting}.update", lambda self, step: heard.update(step))
    gradient_of(weighting="uncertainty")
    assert heard.keys() == set(TASKS)
    assert all(did.right is not None for did in heard.values())


ALONE = SimpleNamespace(num_processes=1)


def test_each_step_projects_in_an_order_of_its_own() -> None:
    rows, found = np.array([[1.0, 0.2], [-1.0, 0.5], [0.3, -2.0]]), []
    model = torch.nn.Linear(2, 1, bias=False)
    for step in range(8):
        gradients = task_gradients.TaskGradients(model, ALONE, "pcgrad", 42)
        for task, row in zip(TASKS, rows, strict=True):
            model.weight.grad = torch.from_numpy(row).float()[None]
            gradients.take(task, 1)
        gradients.put(step)
        wanted = factors("pcgrad", rows @ rows.T, SURGERY.generator(42, step)) @ rows
        assert model.weight.grad is not None
        found.append(model.weight.grad[0].tolist())
        assert found[-1] == pytest.approx(wanted, rel=1e-5)
    assert len({str(of_step) for of_step in found}) > 1


def test_what_a_step_did_not_use_has_no_gradient() -> None:
    """AdamW would move it by its moments and its decay."""
    model = torch.nn.ModuleDict({"one": torch.nn.Linear(1, 1), "two": torch.nn.Linear(1, 1)})
    gradients = task_gradients.TaskGradients(model, ALONE, "none", 42)
    for step, used in enumerate((["one", "two"], ["two"])):
        for task, name in zip(TASKS, used, strict=False):
            model.zero_grad()
            sum(parameter.sum() for parameter in model[name].parameters()).backward()  # type: ignore[union-attr]
            gradients.take(task, 1)
        gradients.put(step)
        for name, part in model.items():
            assert all((p.grad is not None) == (name in used) for p in part.parameters())


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "train.weighting=half",
            "must be none, uncertainty, dwa, dtp, gradnorm, or a number for each task",
        ),
        ("train.weighting={colour: -1}", "weight of `colour` must be a number from 0"),
        ("train.weighting={colour: red}", "weight of `colour` must be a number from 0"),
        ("train.weighting={colours: 2}", "no task `colours`"),
        ("train.surgery=pcgard", "pcgrad"),
    ],
)
def test_wrong_settings(suite_file: Path, override: str, words: str) -> None:
    with pytest.raises(PetMtlError, match=words) as caught:
        load_suite(suite_file, overrides=[override])
    assert "-s train." in str(caught.value)


def test_weights_of_tasks_that_are_left_out_do_not_matter(suite_file: Path, tmp_path: Path) -> None:
    suite = load_suite(
        suite_file, overrides=["train.weighting.pair=2", "train.max_steps=1"], only=["colour"]
    )
    assert train(suite, tmp_path / "run").steps == 1
