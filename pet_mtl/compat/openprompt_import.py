"""Import OpenPrompt 0.1.1 under transformers 5, which lacks five names that it asks for.

The names are there only while OpenPrompt is imported: other code that asks whether transformers has
them gets the true answer before and after.
"""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pet_mtl.errors import PetMtlError

VERSION = "0.1.1"
# it imports the others without declaring them
_NEEDS = ("openprompt", "rouge", "tensorboardX", "yacs")
INSTALL = f"install it: pip install openprompt=={VERSION} {' '.join(_NEEDS[1:])}"


def missing_packages() -> list[str]:
    """Return which of the packages that OpenPrompt takes are not installed."""
    return [
        name
        for name in _NEEDS
        if name not in sys.modules and importlib.util.find_spec(name) is None
    ]


def import_openprompt() -> Any:
    """Return the package `openprompt`.

    Raises:
        PetMtlError: it is not installed, or another version is.
    """
    if missing := missing_packages():
        raise PetMtlError(f"`{'`, `'.join(missing)}` not installed", hint=INSTALL)
    from importlib.metadata import version

    if version("openprompt") != VERSION:
        raise PetMtlError(
            f"openprompt {version('openprompt')} is installed, not {VERSION}", hint=INSTALL
        )
    if "openprompt" in sys.modules:
        return sys.modules["openprompt"]
    path = list(sys.path)
    try:
        with _missing_names(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in its docstrings
            return importlib.import_module("openprompt")
    except BaseException:
        for name in [name for name in sys.modules if name.partition(".")[0] == "openprompt"]:
            del sys.modules[name]
        raise
    finally:
        sys.path[:] = path  # its trainer appends the working directory


@contextmanager
def _missing_names() -> Iterator[None]:
    """Give transformers the five names for as long as the context lasts."""
    import torch

    # a first import of `modeling_t5` replaces `sys.modules["transformers"]`, which must not happen
    # once names are set
    for name in (
        "t5.modeling_t5",
        "gpt2.modeling_gpt2",
        "bert.modeling_bert",
        "roberta.modeling_roberta",
    ):
        importlib.import_module(f"transformers.models.{name}")
    transformers = sys.modules["transformers"]
    tokenization = importlib.import_module("transformers.tokenization_utils")
    generation, utils = (
        ModuleType("transformers.generation_utils"),
        ModuleType("transformers.data.processors.utils"),
    )
    generation.GenerationMixin = transformers.GenerationMixin  # type: ignore[attr-defined]
    utils.InputExample = utils.InputFeatures = object  # type: ignore[attr-defined]
    modules = {
        "transformers.generation_utils": generation,
        "transformers.data.processors": ModuleType("transformers.data.processors"),
        "transformers.data.processors.utils": utils,
    }
    names = [
        (transformers, "AdamW", torch.optim.AdamW),
        (tokenization, "SPECIAL_TOKENS_MAP_FILE", ""),
    ]
    new_modules = [name for name in modules if name not in sys.modules]
    new_names = [(module, name) for module, name, _ in names if not hasattr(module, name)]
    sys.modules.update({name: modules[name] for name in new_modules})
    for module, name, value in names:
        if (module, name) in new_names:
            setattr(module, name, value)
    try:
        yield
    finally:
        for name in new_modules:
            del sys.modules[name]
        for module, name in new_names:
            delattr(module, name)
