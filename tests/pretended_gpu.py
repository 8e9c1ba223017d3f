"""A GPU that is none, for tests on machines without one: its tensors say `cuda`, hold their numbers
on the CPU, and meet no tensor of the CPU.

What torch refuses on a GPU is refused here: two devices in one operation, `.numpy()`, a generator of
the CPU. Unlike fake tensors, these have values, so whole steps run. Underneath they are `meta`
tensors, the only other device that every build of torch can differentiate through.
"""

import contextlib
import functools
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

GPU = torch.device("cuda", 0)
_META = torch.device("meta")
_PACK = "aten::_pack_padded_sequence"  # lengths are on the CPU, before and behind it
_CROSSING = ("aten::copy_", "aten::_to_copy", _PACK, f"{_PACK}_backward")
_INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class OnGpu(torch.Tensor):
    """A tensor that says it is on the GPU, around one on the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls: type["OnGpu"], inner: torch.Tensor) -> "OnGpu":
        made: OnGpu = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=_META,
        )
        return made

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return GPU

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class Waits(list[str]):
    """Where the CPU had to wait for the GPU: the lines of `pet_mtl` that asked for values, or that
    copied to it without saying `non_blocking`."""

    def note(self, what: str) -> None:
        own = [f for f in traceback.extract_stack() if "/pet_mtl/" in f.filename]
        self.append(f"{own[-1].filename}:{own[-1].lineno} {what}" if own else what)


_waits = Waits()


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnGpu) else value


def _leaves(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Return what an operation is given: values and lists of them, never deeper."""
    return [
        leaf
        for value in (*args, *kwargs.values())
        for leaf in (value if type(value) in (list, tuple) else (value,))
    ]


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """Return a value, or each of a list, changed."""
    return type(value)(map(change, value)) if type(value) in (list, tuple) else change(value)


def _run(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Compute an operation on the CPU after looking at its devices."""
    if _is_composite(func):
        return func.decompose(*args, **kwargs)
    name: str = func._schema.name
    leaves = _leaves(args, kwargs)
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    here = any(isinstance(tensor, OnGpu) for tensor in tensors)
    others = [tensor for tensor in tensors if not isinstance(tensor, OnGpu) and tensor.dim()]
    if name in _INDEXED and isinstance(args[0], OnGpu):  # indices may be on the CPU
        others = [tensor for tensor in others if not any(tensor is index for index in args[1])]
    if here and others and name not in _CROSSING:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device")
    from_gpu = here
    if kwargs.get("device") is not None:
        here = torch.device(kwargs["device"]).type != "cpu"
    elif name == "aten::copy_":
        here = isinstance(args[0], OnGpu)
    if here and any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError(f"{name}: expected a generator of the GPU")
    copied = name == "aten::_to_copy" and here != from_gpu
    if name == "aten::_local_scalar_dense" or (copied and not kwargs.get("non_blocking")):
        _waits.note(name)
    if name == "aten::_fused_sdp_choice":
        return 0  # written out
    given = {key: _each(_inner, value) for key, value in kwargs.items()}
    if "device" in given:
        given["device"] = torch.device("cpu")
    with torch.inference_mode(False), torch.no_grad():
        found = func(*(_each(_inner, value) for value in args), **given)
        if copied and any(found is _inner(tensor) for tensor in tensors):
            found = found.clone()
        returns = func._schema.returns
        if len(returns) == 1 and returns[0].alias_info and returns[0].alias_info.is_write:
            return kwargs.get("out", args[0])
        if name == _PACK:
            return _wrapped(found[0]), found[1]
        return _each(_wrapped, found) if here else found


def _wrapped(value: Any) -> Any:
    return OnGpu(value) if isinstance(value, torch.Tensor) else value


@functools.cache
def _is_composite(func: Any) -> bool:
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    return has(func.name(), "CompositeImplicitAutograd") and not has(func.name(), "CPU")


class _Operations(TorchDispatchMode):
    """Have new tensors on the GPU made there, too."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        device = kwargs.get("device")
        new = device is not None and torch.device(device).type == "meta"
        if not new and not any(isinstance(leaf, OnGpu) for leaf in _leaves(args, kwargs)):
            return func(*args, **kwargs)
        if _is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        return _run(func, args, kwargs)


class _Names(TorchFunctionMode):
    """Let `cuda` be what stands for it, and refuse what needs the values."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        more = {key: _stand_in(value) for key, value in (kwargs or {}).items()}
        if args and isinstance(args[0], OnGpu):
            if func is torch.Tensor.tolist:
                return args[0].cpu().tolist()
            if func in (torch.Tensor.numpy, torch.Tensor.__array__):
                raise TypeError("can't convert cuda:0 device type tensor to numpy")
            if func is torch.Tensor.new_tensor:
                return torch.tensor(*args[1:], **more).to(_META)
        if func in (torch.tensor, torch.as_tensor) and more.get("device") == _META:
            return func(*args, **{**more, "device": "cpu"}).to(_META)
        return func(*map(_stand_in, args), **more)


def _stand_in(value: Any) -> Any:
    return _META if isinstance(value, torch.device) and value.type == "cuda" else value


@contextlib.contextmanager
def pretended_gpu(patch: pytest.MonkeyPatch) -> Iterator[Waits]:
    """Have a GPU while entered; yield where the CPU waits for it."""
    common: Any = torch.cuda.amp.common
    patch.setattr(common, "amp_definitely_not_available", lambda: False)
    patch.setattr(torch.Tensor, "pin_memory", lambda tensor, device=None: tensor)
    swaps = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)  # which keeps what is tied
    _waits.clear()
    try:
        with _Names(), _Operations():
            yield _waits
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swaps)


def elsewhere(load: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that knows nothing of the GPU: transformers loads models by `meta`."""

    @functools.wraps(load)
    def loaded(*args: Any, **kwargs: Any) -> Any:
        with _disable_current_modes():
            return load(*args, **kwargs)

    return loaded
