import json
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from pet_mtl.pretraining.recipe import Shape, VocabularySpec
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.pretraining.teacher_settings import TeacherSettings
from pet_mtl.suite.losses import (
    ClassWeightsSettings,
    FocalSettings,
    HardNegativesSettings,
    LossSettings,
    RDropSettings,
)
from pet_mtl.suite.method import METHODS
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.verbalizer_kind import VerbalizerKind

EDGES = [
    ("ema", [0, 0.999], [1, -0.1]),
    ("epochs", [0.1, 3, 1000], [0, -1, "3", True, None, float("inf"), float("nan")]),
    ("max_steps", [1, None], [0, 1.5, "1", True]),
    ("learning_rate", [1e-9, 1], [0, -1e-5, 2, "3e-5"]),
    ("batch_tokens", [1, 100_000], [0, 4096.5, None]),
    ("max_length", [8, 512], [7, None, 16.5]),
    ("warmup", [0, 0.5, 500], [-0.1, None]),
    ("weight_decay", [0, 0.1], [-0.1]),
    ("layer_decay", [1, 0.8], [0, 1.1]),
    ("accumulate", [1, 8], [0, 1.5]),
    ("evaluate_every", [1, None], [0, 0.5]),
    ("early_stop", [1, None, "auto"], [0, True, "never", 1.5]),
    ("seed", [0, 2**32 - 1], [-1, 2**32, 1.5]),
    ("report_to", [("tensorboard",), ("wandb", "mlflow")], ["aim", ["aim"], 1]),
    ("precision", ["auto", "bf16", "fp32"], ["fp16", 32, None]),
    ("attention", ["auto", "eager", "sdpa"], ["flash", None]),
    ("compile", [True, False], [1, "yes", None]),
    ("dropout", [0, 0.5, None], [-0.1, 1]),
    ("label_smoothing", [0, 0.9], [1, -0.1, None]),
    ("logit_adjustment", [0, 1], [-0.1, 2.5, None]),
    ("adversarial", [0, 0.5, 1], [-0.1, None]),
    (
        "losses",
        [LossSettings(), LossSettings(focal=FocalSettings(gamma=0))],
        [None, 1, {"focl": {}}, {"focal": 2}, {"focal": {"gamma": -1}}, {"r_drop": {"beta": 1}}],
    ),
    ("label_share", [0, 0.5, 1, "annealed"], [-0.1, 1.1, "half", None]),
    ("clip_norm", [0.1, None], [0, -1]),
    (
        "weighting",
        ["none", "uncertainty", {"a": 0.5, "b": 2.0}],
        ["half", {"a": -1}, {"a": "1"}, {"a": True}, 2, None],
    ),
    ("surgery", ["none", "pcgrad", "upgrad"], ["pcgard", None]),
]


@pytest.mark.parametrize(("name", "valid", "invalid"), EDGES)
def test_bounds(name: str, valid: list[object], invalid: list[object]) -> None:
    for value in valid:
        assert getattr(TrainSettings.model_validate({name: value}), name) == value
    for value in invalid:
        with pytest.raises(ValidationError):
            TrainSettings.model_validate({name: value})


def numbers_of(model: type[BaseModel]) -> list[str]:
    """Return the names of a model's settings that take a number."""
    kinds = {
        name: get_args(f.annotation) or (f.annotation,) for name, f in model.model_fields.items()
    }
    return [name for name, kind in kinds.items() if int in kind or float in kind]


MODELS = [TrainSettings, SamplingSettings, PretrainSettings, Shape, VocabularySpec, VerbalizerKind]
MODELS += [*METHODS.values(), FocalSettings, ClassWeightsSettings, HardNegativesSettings]
MODELS += [RDropSettings, TeacherSettings]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_number_has_a_bound(model: type[BaseModel]) -> None:
    """What no machine can do is refused when it is read, not after minutes."""
    for name in numbers_of(model):
        for value in (2**63, 10**30, 1e300, float("inf"), float("nan"), -1):
            if name == "penalty" and value > 0:
                continue  # infinite: one encoder for all tasks
            with pytest.raises(ValidationError) as caught:
                model.model_validate({name: value})
            assert name in {error["loc"][0] for error in caught.value.errors()}, (name, value)


def test_a_model_that_fits_no_machine_is_refused() -> None:
    with pytest.raises(ValidationError, match="parameters"):
        Shape(hidden_size=65536, layers=1000, heads=1)


def test_the_table_has_every_setting() -> None:
    assert {name for name, _, _ in EDGES} == set(TrainSettings.model_fields)


def test_temperature() -> None:
    for value in (0, 0.75, 1):
        assert SamplingSettings(temperature=value).temperature == value
    for value in (-0.1, 1.1):
        with pytest.raises(ValidationError):
            SamplingSettings(temperature=value)


def test_unknown_settings_are_refused_and_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        TrainSettings.model_validate({"epohcs": 3})
    with pytest.raises(ValidationError):
        TrainSettings().epochs = 4


def test_every_setting_is_described() -> None:
    for model in (TrainSettings, SamplingSettings):
        assert all(field.description for field in model.model_fields.values())


def test_json_round_trip() -> None:
    settings = TrainSettings(epochs=2, learning_rate=3e-5, precision="bf16")
    assert TrainSettings.model_validate(json.loads(settings.model_dump_json())) == settings
