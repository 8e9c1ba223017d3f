"""Errors that name options of the command line, told to callers from Python."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pet_mtl.errors import PetMtlError

_OPTION = re.compile(r"`--(out|resume|method)(?: ([^`]+))?`")
_DATA_ROOT = "`--data-root DIR` says where relative data paths start"


def as_arguments(text: str) -> str:
    """Return a text with the options that `pet_mtl.train` has as its arguments.

    >>> as_arguments("leave `--resume` out, or choose another folder with `--out DIR`")
    'leave `resume=True` out, or choose another folder with `out=`'
    >>> as_arguments("train with `--method cln`, or see `--tasks`")
    'train with `method="cln"`, or see `--tasks`'
    """
    text = text.replace(_DATA_ROOT, "relative data paths start in the working folder")
    return _OPTION.sub(_argument, text)


def _argument(option: re.Match[str]) -> str:
    name, value = option.groups()
    return {
        "out": "`out=`",
        "resume": "`resume=True`",
        "method": f'`method="{value}"`' if value else "`method=`",
    }[name]


@contextmanager
def errors_for_python() -> Iterator[None]:
    """Raise the errors of a call with the words of `as_arguments`."""
    try:
        yield
    except PetMtlError as error:
        problems = [
            replace(
                problem,
                message=as_arguments(problem.message),
                hint=problem.hint and as_arguments(problem.hint),
            )
            for problem in error.problems
        ]
        if problems == list(error.problems):
            raise
        raise type(error)(problems) from error.__cause__
