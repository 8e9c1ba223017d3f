"""The frame of an optimizer step, without a run."""

import copy

import pytest
import torch
import toys
from torch import nn

from pet_mtl.errors import RunError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.hardware import Machine
from pet_mtl.model.row_dropout import RowNoise, rows_of_steps
from pet_mtl.random_streams import step_seed
from pet_mtl.stepping.optimizer_step import OptimizerStep, has_dropout, tell_of_dropout

MACHINE = Machine.choose("fp32", "eager", torch.device("cpu"))


def frame(
    model: nn.Module, clip_norm: float | None = None, sparse: nn.Parameter | None = None
) -> OptimizerStep:
    groups = [
        {"params": [parameter], "peak": 0.1 * (n + 1)}
        for n, parameter in enumerate(model.parameters())
    ]
    return OptimizerStep(
        model, torch.optim.SGD(groups, lr=9.0), MACHINE, clip_norm=clip_norm, sparse=sparse
    )


@pytest.mark.parametrize("clip_norm", [None, 0.5, 100.0])
def test_a_step_against_the_formula(clip_norm: float | None) -> None:
    """θ - factor · peak · g, with g scaled to the norm over all parameters."""
    model, inputs = nn.Linear(3, 2), torch.randn(5, 3)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    step = frame(model, clip_norm)
    step.begin(0.25)
    with step.autocast():
        scores = model(inputs)
    scores.square().sum().backward()
    gradients = [
        parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None
    ]
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    scale = 1.0 if clip_norm is None else min(1.0, clip_norm / float(norm))
    step.end()
    for number, (parameter, old) in enumerate(zip(model.parameters(), before, strict=True)):
        torch.testing.assert_close(
            parameter.detach(), old - 0.25 * 0.1 * (number + 1) * scale * gradients[number]
        )
        assert parameter.grad is None


def test_dropout_is_a_function_of_the_step_and_the_model_trains() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2)).eval()
    step, inputs = frame(model), torch.ones(16, 4)

    def scores(seed: int | None) -> torch.Tensor:
        step.begin(1.0, seed)
        assert model.training
        with torch.no_grad():
            result: torch.Tensor = model(inputs)
        return result

    first = scores(step_seed(7, 3, 0))
    assert not torch.equal(scores(step_seed(7, 4, 0)), first)
    assert not torch.equal(scores(step_seed(7, 3, 1)), first)
    assert torch.equal(scores(step_seed(7, 3, 0)), first)
    assert not torch.equal(scores(None), first)  # without a seed the generator goes on


def test_rows_drop_alike_in_every_process() -> None:
    """Whatever torch's generator, which each process seeds for itself."""
    step, ids = frame(nn.Linear(1, 1)), torch.arange(12).view(3, 4)

    def keys(seed: int, of_rows: int | None) -> list[int]:
        step.begin(1.0, seed, of_rows)
        found: list[int] = RowNoise.of(ids, torch.ones_like(ids)).keys.tolist()
        return found

    with rows_of_steps():
        assert keys(1, 9) == keys(2, 9) != keys(1, 10)
        assert keys(1, None) != keys(2, None)


def test_seeds_of_steps_and_processes_differ() -> None:
    every = {
        step_seed(seed, step, rank) for seed in range(3) for step in range(200) for rank in range(4)
    }
    assert len(every) == 3 * 200 * 4
    assert step_seed(2**32 - 1, 10**6, 999) < 2**63  # what torch takes


def test_a_sparse_parameter_has_zeros_from_the_start() -> None:
    table = nn.Embedding(6, 2, sparse=True)
    step = frame(table, sparse=table.weight)
    for _ in range(2):
        assert table.weight.grad is not None
        assert torch.equal(table.weight.grad, torch.zeros(6, 2))
        step.begin(1.0)
        table(torch.tensor([1, 1])).sum().backward()
        assert table.weight.grad[1].tolist() == [2, 2]
        step.end()


def test_clear_forgets_without_a_step() -> None:
    model = nn.Linear(2, 1)
    step, before = frame(model), [parameter.detach().clone() for parameter in model.parameters()]
    model(torch.ones(1, 2)).sum().backward()
    step.clear()
    assert all(parameter.grad is None for parameter in model.parameters())
    step.end()
    assert all(
        torch.equal(parameter, old)
        for parameter, old in zip(model.parameters(), before, strict=True)
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("broken", ["loss", "weights"])
def test_what_is_no_number_stops_a_run(value: float, broken: str) -> None:
    model = nn.Linear(2, 1)
    step, losses = frame(model), torch.tensor([1.0, 2.0])

    def check(whole: bool) -> None:
        step.require_numbers(losses, step=8, whole=whole, hint="rest")

    check(True)
    if broken == "loss":
        losses[1] = value
    else:
        with torch.no_grad():
            model.bias[0] = value
        check(False)  # the losses are fine, and nobody asked for more
    with pytest.raises(RunError, match=r"not a number any more \(step 8\)") as caught:
        check(True)
    assert "rest" in str(caught.value)


@pytest.mark.parametrize(
    ("family", "dropout", "processes", "told"),
    [("albert", 0.1, 2, 1), ("albert", 0.1, 1, 0), ("albert", 0.0, 2, 0), ("bert", 0.1, 2, 0)],
)
def test_dropout_that_is_no_function_of_the_row_is_told(
    family: str, dropout: float, processes: int, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    mlm = toys.build_mlm(family, dropout=dropout)
    with caplog.at_level("INFO", "pet_mtl"):
        tell_of_dropout(mlm, Backbone(mlm), processes)
    assert caplog.text.count("not the same numbers") == told


@pytest.mark.parametrize("family", ["albert", "electra", "distilbert", "deberta-v2"])
def test_rates_of_heads_that_are_not_there_drop_nothing(family: str) -> None:
    """ALBERT v2 has 0.1 for its classifier and 0 for all else."""
    of_head = {"classifier_dropout_prob", "summary_last_dropout", "qa_dropout", "pooler_dropout"}
    of_head |= {"seq_classif_dropout"}
    config = toys.build_mlm(family).config
    assert of_head & config.to_dict().keys()
    for key in of_head & config.to_dict().keys():
        setattr(config, key, 0.1)
    mlm = type(toys.build_mlm(family))(config).train()
    ids = torch.arange(7, 15)[None]
    with torch.no_grad():
        assert torch.equal(mlm(ids).logits, mlm(ids).logits)
    assert not has_dropout(mlm)
    rate = "dropout" if family == "distilbert" else "hidden_dropout_prob"
    setattr(config, rate, 0.1)
    assert has_dropout(mlm)


def test_scoring_after_a_step_knows_an_encoder_without_rows_in_it() -> None:
    """Its moments and a penalty move it all the same, and fused AdamW changes no version."""
    mlm = toys.build_mlm("bert", 40).eval()
    backbone = Backbone(mlm, "eager")
    optimizer = torch.optim.AdamW(
        [{"params": list(backbone.parameters()), "peak": 0.1}], lr=0.1, fused=True
    )
    step = OptimizerStep(backbone, optimizer, MACHINE)
    ids = torch.tensor([[2, 7, 8, 9, 3]])
    given = ids, torch.ones_like(ids), torch.tensor([[1, 2]])

    def scored() -> torch.Tensor:
        with torch.inference_mode():
            backbone.eval()
            found: torch.Tensor = backbone.encode(*given)
        return found

    scored()
    step.begin(1.0)
    sum(parameter.square().sum() for parameter in backbone.parameters()).backward()  # type: ignore[union-attr]
    step.end()
    found = scored()
    expected = Backbone(copy.deepcopy(mlm), "eager").eval()
    with torch.inference_mode():
        torch.testing.assert_close(found, expected.encode(*given), rtol=0, atol=0)
