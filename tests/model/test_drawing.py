"""Local draws against those of the process's generator."""

import pytest
import torch
import toys
from default_dtype import default_dtype
from torch import nn

from pet_mtl.model.drawing import drawn_by
from pet_mtl.model.methods import build
from pet_mtl.model.methods.heads import HeadsModel


def draw() -> list[torch.Tensor]:
    modules = [nn.Linear(3, 4), nn.Embedding(5, 2), nn.LSTM(3, 2), nn.Linear(4, 1, bias=False)]
    nn.init.uniform_(modules[1].weight, -0.05, 0.05)  # type: ignore[arg-type]
    own = [torch.randn(2, 3), torch.randint(9, (4,)), torch.rand(2), torch.randperm(5)]
    own += [torch.eye(2), torch.full((2,), 0.3), torch.zeros(2), torch.ones(2)]
    normal = [
        nn.init.normal_(torch.empty(3)),
        nn.init.trunc_normal_(torch.empty(3)),
        nn.init.xavier_uniform_(own[0]),
    ]
    return (
        [parameter.detach() for module in modules for parameter in module.parameters()]
        + own
        + normal
    )


def test_numbers_are_those_of_the_seed_and_the_process_keeps_its_own() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        wanted = draw()
    before = torch.get_rng_state()
    with drawn_by(7):
        found = draw()
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_numbers_are_the_same_in_a_program_with_another_default(kind: torch.dtype) -> None:
    with drawn_by(7):
        wanted = draw()
    with default_dtype(kind), drawn_by(7):
        found = draw()
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("sharing", ["hard", "shared-private", "mmoe", "ple", "soft"])
def test_methods_seed_nothing_but_their_own_draws(
    sharing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pet_mtl.suite.method import HeadsMethod  # the options of the largest method
    from pet_mtl.suite.settings import SamplingSettings, TrainSettings
    from pet_mtl.suite.suite import Suite

    tasks = {"one": toys.make_task("{a}{mask}", {"x": ["好"], "y": ["坏"]}, name="one")}
    method = HeadsMethod.model_validate({"name": "heads", "sharing": sharing, "decoder": "lstm"})
    suite = Suite(name="toy", model="toy", tasks=tasks, train=TrainSettings(max_length=32), method=method,
                  sampling=SamplingSettings(), source="toy.yaml", base=".")  # fmt: skip
    from pet_mtl.model.methods import compiler

    tokenizer = toys.piece_tokenizer("wordpiece")
    compiled = compiler(method)(tasks["one"], tokenizer, 32)
    mlm = toys.build_mlm("bert", tokenizer.vocab_size)
    monkeypatch.delattr(torch, "manual_seed")
    before = torch.get_rng_state()
    models = [build(mlm, compiled, suite, "eager") for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)  # nothing was drawn beside the seed
    assert isinstance(models[0], HeadsModel)
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(one, other)
