"""Random numbers of a seed for the block that draws them, without touching torch's own generator,
in the number format of backbones, whatever the program's default is.

`torch.manual_seed` and `torch.set_default_dtype` are heard by every thread of the process; a
function mode is its thread's own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pet_mtl.random_streams import NEW_PARTS

# what initialises modules, and what our parts call themselves; each takes `generator`
_DRAWS = frozenset(
    [
        "kaiming_normal_",
        "kaiming_uniform_",
        "normal_",
        "rand",
        "randint",
        "randn",
        "randperm",
        "trunc_normal_",
        "uniform_",
        "xavier_normal_",
        "xavier_uniform_",
    ]
)
# what makes new parts; without `dtype` it takes the process's default
_MAKES = frozenset(["empty", "eye", "full", "ones", "rand", "randn", "zeros"])


class _Drawing(TorchFunctionMode):
    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        more, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if name in _DRAWS and more.get("generator") is None:
            more["generator"] = self.generator
        if name in _MAKES and more.get("dtype") is None:
            more["dtype"] = torch.float32
        return func(*args, **more)


@contextmanager
def drawn_by(seed: int) -> Iterator[None]:
    """Draw what modules on the CPU start from as after `torch.manual_seed(seed)`, number for
    number."""
    with _Drawing(NEW_PARTS.generator(seed)):
        yield
