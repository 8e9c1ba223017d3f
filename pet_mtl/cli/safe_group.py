"""Wrong usage is told with what was typed, so that what was typed is escaped, too."""

import contextlib
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from pet_mtl.text import printable

# typer's own, or click's in older versions
_UsageError: Any = typer.BadParameter.__bases__[0]


@contextlib.contextmanager
def _escaped() -> Iterator[None]:
    try:
        yield
    except _UsageError as error:
        error.message = printable(error.message)
        raise


class SafeGroup(TyperGroup):
    """A group of commands whose errors of usage hold no control characters or bidi marks."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        with _escaped():
            return super().make_context(*args, **more)

    def invoke(self, *args: Any, **more: Any) -> Any:
        with _escaped():
            return super().invoke(*args, **more)
