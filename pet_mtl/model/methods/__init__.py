"""The ways to tell tasks apart; one file each, and everything else is common to them.

- `pet`    by their rows: prefix, pattern, label words
- `heads`  by a classifier each over a shared encoder
- `cln`    by LayerNorms that depend on the task

A method is a module with two functions and its `CAPABILITIES` (of the class in `capabilities`):
`compiler` says how the rows of a task are written, `build` returns the model that is trained.
"""

from typing import Any, Protocol

from pet_mtl.cloze.form import Compiled, CompileTask
from pet_mtl.model.drawing import drawn_by
from pet_mtl.model.methods import cln, heads, pet
from pet_mtl.model.methods.capabilities import Capabilities
from pet_mtl.model.task_model import TaskModel
from pet_mtl.suite.method import Method
from pet_mtl.suite.suite import Suite


class _MethodFile(Protocol):
    @property
    def CAPABILITIES(self) -> Capabilities: ...  # noqa: N802
    def compiler(self, method: Any) -> CompileTask: ...
    def build(self, mlm: Any, compiled: Compiled, suite: Suite, attention: str) -> TaskModel: ...


_FILES: dict[str, _MethodFile] = {"pet": pet, "heads": heads, "cln": cln}


def capabilities(method: Method) -> Capabilities:
    """Return what a method can do."""
    return _FILES[method.name].CAPABILITIES


def compiler(method: Method) -> CompileTask:
    """Return how a method writes the rows of a task."""
    return _FILES[method.name].compiler(method)


def build(mlm: Any, compiled: Compiled, suite: Suite, attention: str) -> TaskModel:
    """Return the model that the suite's method trains, on a masked language model; new parts are
    drawn by the seed.

    Raises:
        PetMtlError: the method's options do not fit the model.
    """
    with drawn_by(suite.train.seed):
        return _FILES[suite.method.name].build(mlm, compiled, suite, attention)
