"""Steps and scores on a GPU, real or pretended: no tensor of the CPU meets the model's."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import causal_toys
import numpy as np
import pytest
import torch
from chained_toys import write_chained
from pretended_gpu import GPU, pretended_gpu
from test_levels_run import write_levels
from toy_kinds import write_kinds
from toy_runs import CHARACTERS, write_suite

from pet_mtl.cloze.encode import encode_forms
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.model import causal_reader
from pet_mtl.model.hardware import Choice, Machine, training_accelerator
from pet_mtl.scoring.loaded import build_model, compile_suite
from pet_mtl.scoring.log_probs import score_prompts
from pet_mtl.storage.pretrained import load_backbone, load_pieces
from pet_mtl.storage.state import Progress
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training.steps import TrainingSteps

MACHINE = Machine(GPU, Choice("fp32", "the test"), Choice("sdpa", "the test"))
SHORT = ["train.max_steps=2", "train.batch_tokens=150", "train.dropout=0.1"]
TERMS = (
    "{focal: {}, class_weights: {}, hard_negatives: {}, r_drop: {}, adapet: {labels: 0.5}, "
    "contrastive: {}, mlm: {text: both}, task_discriminator: {}, word_frequency: {}, shuffle: {}}"
)
OnGpu = Callable[[], contextlib.AbstractContextManager[list[str]]]
SHARING = ("soft", "shared-private", "moe", "mmoe", "ple", "cross-stitch", "snr")


@pytest.fixture(scope="module")
def kinds_file(tmp_path_factory: pytest.TempPathFactory, toy_backbone: Path) -> Path:
    return write_kinds(tmp_path_factory.mktemp("kinds"), toy_backbone)


@dataclass(frozen=True)
class Ready:
    """A suite's model and rows, read before there is a GPU: transformers loads by `meta`."""

    suite: Suite
    mlm: Any
    rows: Mapping[str, Any]

    @classmethod
    def of(cls, file: Path, *overrides: str, **options: Any) -> "Ready":
        suite = load_suite(file, overrides=[*SHORT, *overrides], **options)
        mlm = load_backbone(suite.model, attention="sdpa", dropout=suite.train.dropout)
        rows = {name: task.train for name, task in load_suite_data(suite).items()}
        return cls(suite, mlm, rows)

    def run(self, *, taught: Mapping[str, Any] = {}, unlabelled: bool = False) -> TrainingSteps:
        """Do the steps, and score the rows."""
        settings = self.suite.train
        tokenizer = load_pieces(self.suite.model)
        compiled = compile_suite(self.suite, tokenizer)
        prompts = encode_forms(compiled.forms, self.rows, tokenizer, settings.max_length)
        model = build_model(self.mlm, compiled, self.suite, MACHINE)
        schedule = Schedule(
            prompts, temperature=0.5, batch_tokens=settings.batch_tokens, seed=settings.seed
        )
        steps = TrainingSteps(
            model,
            prompts,
            schedule,
            settings,
            MACHINE,
            training_accelerator(),
            tokenizer,
            Progress(),
            taught,
            prompts if unlabelled else None,
        )
        for _ in range(steps.total):
            steps.step()
            steps.progress.step += 1
        assert all(np.isfinite(loss) for loss in steps.record(whole=True)["loss"].values())
        for scores in score_prompts(model, prompts, MACHINE, tokenizer).values():
            assert np.isfinite(scores).all()
        assert all(parameter.device == GPU for parameter in steps.trained.parameters())
        return steps


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> OnGpu:
    """Return what enters the GPU of this machine, or a pretended one."""
    if torch.cuda.is_available():
        return lambda: contextlib.nullcontext([])
    return lambda: pretended_gpu(monkeypatch)


def test_what_a_gpu_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pretended_gpu(monkeypatch) as waits:
        here, there = torch.ones(3).to(GPU), torch.ones(3)
        assert here.device == GPU
        assert (here * 2 + torch.zeros(3, device=GPU)).tolist() == [2, 2, 2]
        assert here[torch.tensor([0, 2])].sum().cpu() == 2
        waits.clear()
        with pytest.raises(RuntimeError, match="same device"):
            here + there
        with pytest.raises(TypeError, match="numpy"):
            here.numpy()
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, device=GPU, generator=torch.Generator())
        assert not waits
        assert here.sum().item() == 3
        there.to(GPU)
        there.to(GPU, non_blocking=True)
        assert waits == ["aten::_local_scalar_dense", "aten::_to_copy"]


def test_gradients_are_those_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, rows = torch.nn.Linear(4, 2), torch.randn(3, 4)
    layer(rows).exp().sum().backward()
    assert layer.weight.grad is not None
    wanted = layer.weight.grad.clone()
    layer.weight.grad = None
    with pretended_gpu(monkeypatch):
        layer.to(GPU)
        layer(rows.to(GPU)).exp().sum().backward()
        assert layer.weight.grad.device == GPU
        torch.testing.assert_close(layer.weight.grad.cpu(), wanted)


@pytest.mark.parametrize("method", ["pet", "cln"])
def test_every_kind_and_loss_term(
    kinds_file: Path, tmp_path: Path, on_gpu: OnGpu, method: str
) -> None:
    texts = tmp_path / "more.tsv"
    texts.write_text("山水丁\t\n", encoding="utf-8")
    more = [f"tasks.stars.data.unlabelled={texts}", "train.accumulate=2"]
    ready = Ready.of(kinds_file, f"train.losses={TERMS}", *more, method=method)
    with on_gpu():
        steps = ready.run(unlabelled=True)
    assert len(steps.trained.row_loss.names) == 10


def test_levels_of_labels(tmp_path: Path, toy_backbone: Path, on_gpu: OnGpu) -> None:
    ready = Ready.of(write_levels(tmp_path, toy_backbone), "train.losses={r_drop: {}, focal: {}}")
    with on_gpu():
        ready.run()


@pytest.mark.parametrize("adversarial", [0.0, 0.5])
def test_teachers_and_averages(kinds_file: Path, on_gpu: OnGpu, adversarial: float) -> None:
    more = ["train.label_share=0.5", "train.ema=0.9", f"train.adversarial={adversarial}"]
    ready = Ready.of(kinds_file, *more)
    columns = {"marks": 3, "shares": 3, "alike": 2, "stars": 3, "judged": 3}
    taught = {
        task: np.full((len(rows), columns[task]), 0.4, np.float32)
        for task, rows in ready.rows.items()
    }
    with on_gpu():
        ready.run(taught=taught)


@pytest.mark.parametrize(
    ("weighting", "surgery"),
    [("uncertainty", "pcgrad"), ("dwa", "mgda"), ("dtp", "cagrad"), ("gradnorm", "upgrad")],
)
def test_weighting_and_surgery(
    kinds_file: Path, on_gpu: OnGpu, weighting: str, surgery: str
) -> None:
    ready = Ready.of(kinds_file, f"train.weighting={weighting}", f"train.surgery={surgery}")
    with on_gpu():
        ready.run()


@pytest.mark.parametrize("kind", ["weighted", "soft", "prototypical"])
def test_learned_verbalizers_and_pieces(
    suite_file: Path, tmp_path: Path, on_gpu: OnGpu, kind: str
) -> None:
    for file in suite_file.parent.glob("*.t*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = suite_file.read_text(encoding="utf-8").replace('"{mask}文：', '"{soft:2}{mask}文：')
    (tmp_path / "toy.yaml").write_text(text, encoding="utf-8")
    more = [f"tasks.colour.verbalizer_kind={kind}", "tasks.mood.pattern_weights=learned"]
    ready = Ready.of(tmp_path / "toy.yaml", *more)
    with on_gpu():
        own = dict(ready.run().model.named_parameters())
    assert {name.split(".")[1] for name in own if name.startswith("own.")} == {
        "soft",
        "readers",
        "factors",
    }


@pytest.mark.parametrize(
    "options",
    [
        *(f"method.sharing={sharing}" for sharing in SHARING),
        "method.decoder=lstm",
        "method.decoder=mlp",
        "method.features={layers: [0, 1, -1]}",
        "method.features=attention",
    ],
)
def test_heads(suite_file: Path, on_gpu: OnGpu, options: str) -> None:
    ready = Ready.of(suite_file, options, "train.accumulate=2", method="heads")
    with on_gpu():
        ready.run()


@pytest.mark.parametrize("more", ["", "    detach: false\n"])
def test_tasks_that_read_tasks(
    tmp_path: Path, toy_backbone: Path, on_gpu: OnGpu, more: str
) -> None:
    ready = Ready.of(write_chained(tmp_path, toy_backbone, more))
    with on_gpu():
        ready.run()


@pytest.mark.parametrize("packs", [True, False])
def test_causal_models(
    tmp_path: Path, on_gpu: OnGpu, monkeypatch: pytest.MonkeyPatch, packs: bool
) -> None:
    monkeypatch.setattr(causal_reader, "takes_trees", lambda config: packs)
    causal_toys.write_gpt2(tmp_path, CHARACTERS)
    write_suite(tmp_path, tmp_path)
    file = tmp_path / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("{mask}文：{text}", "文：{text}{mask}"),
        ("{text}。{mask}!", "{text}。{mask}"),
        ("{mask}：{text}", "{text}：{mask}"),
        ("{one}？{mask}，{two}", "{one}？{two}，{mask}"),
    ):
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    ready = Ready.of(file)
    with on_gpu():
        ready.run()


@pytest.mark.parametrize("losses", ["{}", "{focal: {}, class_weights: {}, r_drop: {}}"])
def test_a_step_does_not_wait_for_the_gpu(
    kinds_file: Path, monkeypatch: pytest.MonkeyPatch, losses: str
) -> None:
    """What a step copies is sent without waiting, and no value is asked for before the log line;
    the first step may fetch what all share."""
    ready = Ready.of(kinds_file, f"train.losses={losses}")
    waited = []
    step = TrainingSteps.step

    def counted(steps: TrainingSteps) -> int:
        waits.clear()
        rows = step(steps)
        waited.append(list(waits))
        return rows

    monkeypatch.setattr(TrainingSteps, "step", counted)
    with pretended_gpu(monkeypatch) as waits:
        ready.run()
    assert waited[1] == []
