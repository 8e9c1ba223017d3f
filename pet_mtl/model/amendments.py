"""What one batch changes of the outputs of some modules, the modules themselves left alone.

Learned pieces change what the word embeddings give, conditional norms what the norms give. Our own
encoder path takes the changes as an argument, so threads that share a model do not see one
another's. Families that are run by their own modules need hooks, which all threads see: they take
turns.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

# from what a module read and what it gave, to what is read on
Amend = Callable[[Tensor, Tensor], Tensor]
Amendments = Mapping[nn.Module, Amend]
NONE: Amendments = {}

_TURNS: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()


def run(module: nn.Module, states: Tensor, amendments: Amendments) -> Tensor:
    """Return a module's output as amended."""
    output: Tensor = module(states)
    amend = amendments.get(module)
    return output if amend is None else amend(states, output)


def amended(module: nn.Module, amendments: Amendments) -> nn.Module:
    """Return a view of a module, over the same parameters, whose direct children give amended
    outputs."""
    children = {
        name: _Amended(child, amendments[child])
        for name, child in module._modules.items()
        if child is not None and child in amendments
    }
    if not children:
        return module
    view = object.__new__(type(module))
    view.__dict__.update(module.__dict__)
    view.__dict__["_modules"] = {**module._modules, **children}
    return view


class _Amended(nn.Module):
    def __init__(self, module: nn.Module, amend: Amend) -> None:
        super().__init__()
        self.module, self.amend = module, amend

    def forward(self, states: Tensor) -> Tensor:
        return self.amend(states, self.module(states))


def put_at(output: Tensor, rows: Tensor, columns: Tensor, values: Tensor, length: int) -> Tensor:
    """Return looked-up embeddings `[N, L, E]` with values `[P, E]` at some of their places.

    Args:
        length: of all rows together; read by length, longer ones are cut.
    """
    if output.shape[1] < length:
        near = columns < output.shape[1]
        rows, columns, values = rows[near], columns[near], values[near]
    return output.index_put((rows, columns), values.to(output.dtype))


@contextlib.contextmanager
def hooked(model: nn.Module, amendments: Amendments) -> Iterator[None]:
    """Amend the outputs of a model's modules while entered, one thread at a time; what threads run
    that are not in here stays as it is."""
    owner = threading.get_ident()
    with _TURNS.setdefault(model, threading.RLock()), contextlib.ExitStack() as hooks:
        for module, amend in amendments.items():
            hooks.callback(
                module.register_forward_hook(partial(_hook, amend=amend, owner=owner)).remove
            )
        yield


def _hook(
    module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, *, amend: Amend, owner: int
) -> Tensor:
    return amend(inputs[0], output) if threading.get_ident() == owner else output
