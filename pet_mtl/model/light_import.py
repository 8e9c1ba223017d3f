"""Import transformers without what no command uses, which takes 77 MB and over a second.

transformers loads scipy for losses of object detection, torch's tensor sharding, and all of
`torch._dynamo` to mark functions that `torch.compile` should leave alone. Here scipy and sharding
are said to be missing, and a stand-in that marks nothing takes `torch._dynamo`'s place, while the
import lasts: whoever asks for it later gets the real one. Other code in the process may want all of
that, so only our own command line asks for it.
"""

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

_MARKS = (
    "allow_in_graph",
    "assume_constant_result",
    "disable",
    "disallow_in_graph",
    "mark_static_address",
)


wanted = False  # the command line sets it


def import_transformers() -> None:
    """Import transformers' models, lightly where that is wanted and they are not there yet."""
    if wanted and not {"transformers.modeling_utils", "torch._dynamo"} & sys.modules.keys():
        # a version that needs more is imported in full by whoever wants it next
        with contextlib.suppress(ImportError, AttributeError), _left_out():
            import transformers.generation.utils  # every model imports it
            import transformers.modeling_utils  # noqa: F401


def keep_compiler() -> None:
    """Import torch's compiler now: behind transformers without it, torch 2.11 cannot any more."""
    import torch._dynamo  # noqa: F401


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """Let transformers load and save models without the compiler, where transformers was to be
    imported lightly.

    A model is built without memory, where torch's compiler, or sympy, makes first values and
    shapes, though the loaded ones take their place; and before a model is saved, it is asked
    whether it is compiled, or sharded.
    """
    if not wanted:
        yield
        return
    from unittest.mock import patch

    import torch
    from transformers import modeling_utils

    empty_like = torch.empty_like

    def plain_empty_like(tensor: Any, **settings: Any) -> Any:
        if not tensor.is_meta or settings.keys() - {"device"}:
            return empty_like(tensor, **settings)
        return torch.empty(tensor.shape, dtype=tensor.dtype, **settings)

    with (
        patch.object(torch.nn.Embedding, "reset_parameters", lambda _: None),
        patch.object(torch, "arange", functools.partial(torch.arange, device="cpu")),
        patch.object(torch, "empty_like", plain_empty_like),
        patch.object(modeling_utils, "unwrap_model", lambda model, *_, **__: model),
        _said_to_be_missing("torch.distributed.tensor"),
    ):
        yield


@contextlib.contextmanager
def _said_to_be_missing(module: str) -> Iterator[None]:
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


@contextlib.contextmanager
def _left_out() -> Iterator[None]:
    from unittest.mock import patch

    import torch.compiler
    from transformers import utils
    from transformers.utils import import_utils

    stand_in = ModuleType("torch._dynamo")
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    stand_in.__path__ = [f"{folder}/_dynamo" for folder in spec.submodule_search_locations or ()]
    for name in _MARKS:
        setattr(stand_in, name, _mark_nothing)
    missing: dict[str, Any] = {
        name: lambda: False for name in ("is_scipy_available", "is_torch_distributed_available")
    }
    with (
        patch.multiple(utils, **missing),
        patch.multiple(import_utils, **missing),
        patch.object(torch.compiler, "disable", _mark_nothing),
    ):
        sys.modules["torch._dynamo"] = vars(torch)["_dynamo"] = stand_in
        try:
            yield
        finally:
            del sys.modules["torch._dynamo"], vars(torch)["_dynamo"]


def _mark_nothing(function: Any = None, *_: Any, **__: Any) -> Callable[..., Any]:
    return function if function is not None else _mark_nothing
