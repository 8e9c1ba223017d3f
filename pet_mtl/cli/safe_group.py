"""Wrong usage is told with what was typed, so that what was typed is escaped, too."""

import contextlib
import re
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
        if hint := _hint(error):
            error.message = f"{error.message.removesuffix('.')}. {hint}"
        raise


def _hint(error: Any) -> str:
    """Return how a pattern file and a setting are given, for who gives them as other tools have
    it."""
    known = {name for each in (error.ctx.command.params if error.ctx else ()) for name in each.opts}
    file = re.search(r"extra argument.* \((\S+\.ya?ml)\)$", error.message)
    if file and "--patterns" in known:
        return f"Did you mean '--patterns {file[1]}'?"
    option = re.fullmatch(r"No such option:? '?--([\w-]+)'?\.?", error.message)
    if option and "--set" in known:
        from pet_mtl.suite.settings import TrainSettings

        key = option[1].replace("-", "_")
        if key in TrainSettings.model_fields:
            return f"Settings are given as '-s train.{key}=VALUE'."
    return ""


class SafeGroup(TyperGroup):
    """A group of commands whose errors of usage hold no control characters or bidi marks."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        with _escaped():
            return super().make_context(*args, **more)

    def invoke(self, *args: Any, **more: Any) -> Any:
        with _escaped():
            return super().invoke(*args, **more)
