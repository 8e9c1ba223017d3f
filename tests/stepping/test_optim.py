import math
from pathlib import Path

import pytest
import torch
from torch import nn

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.loaded import build_model, compile_suite
from pet_mtl.stepping.optim import build_optimizer, parameter_depth, rate_factor, set_rates
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite, load_suite


@pytest.fixture
def model(suite: Suite) -> ClozeModel:
    tokenizer = PieceTokenizer(load_tokenizer(suite.model))
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    mlm = load_masked_lm(suite.model)
    return build_model(mlm, compile_suite(suite, tokenizer), suite, machine)


def groups_of(settings: TrainSettings, model: nn.Module) -> dict[str, tuple[float, float]]:
    """Return `(peak, weight_decay)` of each parameter by name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    optimizer = build_optimizer(settings, model)
    found: dict[str, tuple[float, float]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert names[id(parameter)] not in found, "a parameter in two groups"
            found[names[id(parameter)]] = (group["peak"], group["weight_decay"])
    return found


def test_every_parameter_is_in_one_group_and_the_tied_decoder_counts_once(
    model: ClozeModel,
) -> None:
    found = groups_of(TrainSettings(), model)
    assert set(found) == {name for name, _ in model.named_parameters()}
    mlm = model.backbone.mlm
    decoder, embeddings = (
        mlm.cls.predictions.decoder.weight,
        mlm.bert.embeddings.word_embeddings.weight,
    )
    assert decoder is embeddings
    assert not any("decoder.weight" in name for name in found)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert sum(dict(model.named_parameters())[name].numel() for name in found) == total


def test_only_matrices_decay(model: ClozeModel) -> None:
    found = groups_of(TrainSettings(weight_decay=0.07), model)
    for name, (_, decay) in found.items():
        assert decay == (0.0 if name.endswith("bias") or "LayerNorm" in name else 0.07), name
    assert {decay for _, decay in found.values()} == {0.0, 0.07}


def test_layer_decay_halves_the_rate_from_layer_to_layer(model: ClozeModel) -> None:
    found = groups_of(TrainSettings(learning_rate=0.8, layer_decay=0.5), model)
    for name, (peak, _) in found.items():
        if "embeddings" in name:
            expected = 0.1  # the tied decoder learns at this rate too
        elif ".layer.0." in name:
            expected = 0.2
        elif ".layer.1." in name:
            expected = 0.4
        else:
            assert "cls.predictions" in name
            expected = 0.8
        assert peak == pytest.approx(expected), name


def test_without_layer_decay_all_learn_alike(model: ClozeModel) -> None:
    assert {peak for peak, _ in groups_of(TrainSettings(learning_rate=0.8), model).values()} == {
        0.8
    }


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("backbone.mlm.bert.embeddings.word_embeddings.weight", 0),
        ("backbone.mlm.bert.embeddings.LayerNorm.weight", 0),
        ("backbone.mlm.bert.encoder.layer.0.attention.self.query.weight", 1),
        ("backbone.mlm.bert.encoder.layer.11.output.dense.bias", 12),
        ("backbone.mlm.model.layers.3.mlp.Wi.weight", 4),  # ModernBERT
        ("backbone.mlm.distilbert.transformer.layer.5.ffn.lin1.weight", 6),
        ("backbone.mlm.deberta.encoder.rel_embeddings.weight", 0),
        ("backbone.mlm.electra.embeddings_project.weight", 0),
        ("backbone.mlm.model.embed_tokens.weight", 0),  # LLaMA
        ("backbone.mlm.transformer.wpe.weight", 0),  # GPT-2
        ("backbone.mlm.model.shared.weight", 0),  # BART
        ("backbone.mlm.model.encoder.embed_positions.weight", 0),
        ("backbone.mlm.model.decoder.layernorm_embedding.bias", 0),
        ("backbone.mlm.gpt_neox.embed_in.weight", 0),
        ("backbone.mlm.gpt_neox.embed_out.weight", 13),  # its decoder
        ("backbone.mlm.rembert.encoder.embedding_hidden_mapping_in.weight", 0),
        ("backbone.mlm.transformer.h.3.mlp.c_fc.weight", 4),
        ("backbone.mlm.transformer.ln_f.weight", 13),
        ("backbone.mlm.cls.predictions.transform.LayerNorm.bias", 13),
        ("backbone.mlm.model.final_norm.weight", 13),
    ],
)
def test_parameter_depth(name: str, depth: int) -> None:
    assert parameter_depth(name, 13) == depth


def test_frozen_parameters_are_left_out() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    optimizer = build_optimizer(TrainSettings(), layer)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]


def test_set_rates_scales_each_peak(model: ClozeModel) -> None:
    optimizer = build_optimizer(TrainSettings(learning_rate=0.8, layer_decay=0.5), model)
    set_rates(optimizer, 0.25)
    for group in optimizer.param_groups:
        assert group["lr"] == group["peak"] * 0.25


def test_a_step_is_the_adamw_of_the_paper() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    settings = TrainSettings(learning_rate=0.01, weight_decay=0.1)
    expected = {
        name: parameter.detach().clone().double() for name, parameter in layer.named_parameters()
    }
    first = {name: torch.zeros_like(value) for name, value in expected.items()}
    second = {name: torch.zeros_like(value) for name, value in expected.items()}
    optimizer = build_optimizer(settings, layer)
    for step in range(1, 6):
        factor = rate_factor(step - 1, total=5, warmup=2)
        set_rates(optimizer, factor)
        gradient = {
            name: torch.randn_like(parameter) for name, parameter in layer.named_parameters()
        }
        for name, parameter in layer.named_parameters():
            parameter.grad = gradient[name].clone()
        optimizer.step()
        for name, value in expected.items():
            g, rate = gradient[name].double(), 0.01 * factor
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.98 * second[name] + 0.02 * g * g
            decay = 0.1 if name == "weight" else 0.0
            ratio = (first[name] / (1 - 0.9**step)) / (
                (second[name] / (1 - 0.98**step)).sqrt() + 1e-6
            )
            expected[name] = value - rate * (ratio + decay * value)
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(
            parameter.detach().double(), expected[name], rtol=1e-5, atol=1e-7
        )


@pytest.mark.parametrize(
    ("total", "warmup", "expected"),
    [
        (4, 0, [1.0, 0.75, 0.5, 0.25]),
        (4, 2, [0.5, 1.0, 1.0, 0.5]),
        (4, 0.5, [0.5, 1.0, 1.0, 0.5]),
        (4, 1, [1.0, 1.0, 2 / 3, 1 / 3]),
        (4, 4, [0.25, 0.5, 0.75, 1.0]),
        (2, 8, [0.125, 0.25]),  # more warm-up than steps: the rate only rises
        (1, 0, [1.0]),
        (1, 0.1, [1.0]),
        (1, 1, [1.0]),
    ],
)
def test_rate_factor_table(total: int, warmup: float, expected: list[float]) -> None:
    assert [rate_factor(step, total, warmup) for step in range(total)] == pytest.approx(expected)


@pytest.mark.parametrize("warmup", [0, 0.05, 0.1, 0.33, 0.4, 0.9, 0.999, 1, 1.5, 2.7, 10])
@pytest.mark.parametrize("total", [1, 2, 3, 5, 12, 15, 97])
def test_the_rate_rises_then_falls_and_never_leaves_its_bounds(total: int, warmup: float) -> None:
    factors = [rate_factor(step, total, warmup) for step in range(total)]
    assert all(0 < factor <= 1 for factor in factors), max(factors)
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    rise = warmup if warmup >= 1 else warmup * total
    if rise <= total - 1:
        assert math.isclose(rate_factor(total, total, warmup), 0.0)


def test_what_a_method_adds_has_its_own_rate_and_decays_like_the_rest(suite_file: Path) -> None:
    suite = load_suite(
        suite_file,
        method="heads",
        sharing="ple",
        overrides=[
            "method.features={layers: [0, -1]}",
            "method.decoder=lstm",
            "method.learning_rate=0.5",
            "train.layer_decay=0.9",
        ],
    )
    tokenizer = PieceTokenizer(load_tokenizer(suite.model))
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    compiled = compile_suite(suite, tokenizer)
    model = build_model(load_masked_lm(suite.model), compiled, suite, machine)
    found = groups_of(suite.train, model)
    assert set(found) == {name for name, _ in model.named_parameters()}
    for name, (peak, decay) in found.items():
        assert (peak == 0.5) is name.startswith("own."), name
        matrix = dict(model.named_parameters())[name].ndim > 1
        assert decay == (suite.train.weight_decay if matrix else 0.0), name
        assert matrix is not any(
            part in name for part in ("bias", "LayerNorm", "features.0.weights", "features.0.scale")
        )


@pytest.mark.parametrize(
    ("method", "rate", "wanted"),
    [("heads", 0.001, 0.01), ("heads", 0.5, 1.0), ("cln", 0.001, None)],
)
def test_rates_that_are_not_set(
    suite_file: Path, method: str, rate: float, wanted: float | None
) -> None:
    suite = load_suite(suite_file, method=method, overrides=[f"train.learning_rate={rate}"])
    compiled = compile_suite(suite, PieceTokenizer(load_tokenizer(suite.model)))
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    assert build_model(
        load_masked_lm(suite.model), compiled, suite, machine
    ).own_rate == pytest.approx(wanted)


def test_what_a_method_adds_has_no_depth() -> None:
    """Whatever a task's name reminds of."""
    model = nn.Module()
    model.mlm = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2)])})
    model.own = nn.ModuleDict({"task_embeddings": nn.Linear(2, 2)})
    found = groups_of(TrainSettings(learning_rate=0.8, layer_decay=0.5), model)
    peaks = {name: peak for name, (peak, _) in found.items()}
    assert peaks == {
        **dict.fromkeys(["mlm.layers.0.weight", "mlm.layers.0.bias"], 0.4),
        **dict.fromkeys(["own.task_embeddings.weight", "own.task_embeddings.bias"], 0.8),
    }


def test_layers_without_a_known_name_are_refused() -> None:
    """The layers of what a loss term adds are not the model's."""

    class Taught(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mlm = nn.Linear(2, 2)
            self.terms = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2)])})
            self.rates = {"terms.": 0.1}

    for model in (nn.Linear(2, 2), Taught()):
        with pytest.raises(PetMtlError, match="`layer_decay` does nothing"):
            build_optimizer(TrainSettings(layer_decay=0.9), model)
