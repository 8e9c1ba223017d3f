"""AdamW with no-decay groups and layer-wise learning rates; warm-up, then linear decay."""

import inspect
import math
import re
from collections import defaultdict
from typing import Any, Literal, Protocol

import torch
from torch import nn

from pet_mtl.errors import PetMtlError

_LAYER = re.compile(r"\.(?:layers?|h)\.(\d+)\.")  # BERT and kin, LLaMA and kin; GPT-2
# BERT's `embeddings`, LLaMA's `embed_tokens`, GPT-NeoX's `embed_in`, BART's `shared`, GPT-2's `wte`
_EMBEDDINGS = re.compile(r"embed(?!_out)|\.(?:shared|wte|wpe)\.")


class RateSettings(Protocol):
    """The settings that an optimizer is built from."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def layer_decay(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


class _AdamW(torch.optim.AdamW):
    """AdamW without marks for `torch.compile`: to make them, torch imports 40 MB of compiler."""

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


def build_optimizer(settings: RateSettings, model: nn.Module) -> torch.optim.Optimizer:
    """Group the parameters by layer and decay, and return AdamW over them.

    The rate of depth `d` is `learning_rate * layer_decay ** (top - d)`: embeddings have depth 0,
    layers 1 to `n`, the head `n + 1` (BAM, Clark et al. 2019). Biases and norms get no weight
    decay. What a method adds has the model's `own_rate` (see `TaskModel`); `rates` of the model are
    peak rates by how parameters' names begin. Each group keeps its own peak rate in `peak`.

    Raises:
        PetMtlError: rates are to fall with the layers, and none is known by its name.
    """
    parameters = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    top = max(require_layers(settings, model), default=-1) + 2
    own_rate: float | None = getattr(model, "own_rate", None)
    rates: dict[str, float] = getattr(model, "rates", {})
    groups: dict[tuple[float, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in parameters:
        rate = settings.learning_rate * settings.layer_decay ** (top - parameter_depth(name, top))
        if name.startswith("own."):
            rate = settings.learning_rate if own_rate is None else own_rate
        for start, of_start in rates.items():
            rate = of_start if name.startswith(start) else rate
        groups[rate, parameter.ndim > 1].append(parameter)
    return _AdamW(
        [
            {
                "params": members,
                "peak": rate,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (rate, decays), members in groups.items()
        ],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        eps=1e-6,
        fused=True,
    )


def require_layers(settings: RateSettings, model: nn.Module) -> list[int]:
    """Return the number of the layer of each trained parameter that lies in one.

    Raises:
        PetMtlError: rates are to fall with the layers, and none is known by its name.
    """
    added = tuple(getattr(model, "rates", {}))  # what loss terms add is no layer of the model
    layers = [
        int(found[1])
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not name.startswith(added) and (found := _LAYER.search(name))
    ]
    if settings.layer_decay < 1 and not layers:
        raise PetMtlError(
            "`layer_decay` does nothing: the layers of this model are not known by their names",
            where="train.layer_decay",
            hint="set `layer_decay: 1`, or take another model",
        )
    return layers


def clear_gradients(optimizer: torch.optim.Optimizer, sparse: nn.Parameter | None) -> None:
    """Forget the gradients; that of the parameter with sparse ones becomes zeros, to which they are
    added."""
    optimizer.zero_grad()
    if sparse is not None:
        sparse.grad = torch.zeros_like(sparse)


def parameter_depth(name: str, top: int) -> int:
    """Return how deep a parameter sits: embeddings 0, encoder layer `i` at `i + 1`, everything
    after them `top`.

    >>> parameter_depth("mlm.bert.embeddings.LayerNorm.bias", top=5)
    0
    >>> parameter_depth("mlm.bert.encoder.layer.3.output.dense.bias", top=5)
    4
    >>> parameter_depth("mlm.transformer.wte.weight", top=5)
    0
    >>> parameter_depth("mlm.cls.predictions.bias", top=5)
    5
    """
    if found := _LAYER.search(name):
        return int(found[1]) + 1
    return 0 if _EMBEDDINGS.search(name) else top


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` of its peak."""
    group: dict[str, Any]
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def rate_factor(
    step: float, total: int, warmup: float, schedule: Literal["linear", "cosine"] = "linear"
) -> float:
    """Return the learning rate of a step (from 0) as a factor of its peak: linear up, then down to
    0 after the last.

    Args:
        warmup: below 1 a share of `total`, from 1 a number of steps.
        schedule: how it falls.

    >>> [rate_factor(step, total=4, warmup=2) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    >>> [round(rate_factor(step, total=5, warmup=1, schedule="cosine"), 2) for step in range(5)]
    [1.0, 1.0, 0.85, 0.5, 0.15]
    """
    rise = warmup if warmup >= 1 else warmup * total
    if step + 1 <= rise:
        return (step + 1) / rise
    # `rise` may be broken, `step` is not
    left = min(1.0, max(0.0, (total - step) / max(1.0, total - rise)))
    return left if schedule == "linear" else (1 - math.cos(math.pi * left)) / 2
