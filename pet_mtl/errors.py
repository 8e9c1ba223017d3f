"""Errors that a user can mend: where, which rule, what was found, and what to do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from pet_mtl.text import one_line, short_lines

# problems of one error, with a headline and a count of its own; the others are counted
MOST_SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the user's input; as text it is safe to print, whatever the
    input held.

    >>> print(Problem('label "101" has no label word', where="verbalizers/tnews.txt:14",
    ...     hint="add a line: 101  文化"))
    verbalizers/tnews.txt:14: label "101" has no label word
      hint: add a line: 101  文化
    """

    message: str
    where: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{one_line(self.where)}: " if self.where else ""
        hint = f"\n  hint: {one_line(self.hint)}" if self.hint else ""
        return short_lines(f"{place}{one_line(self.message)}{hint}")


class PetMtlError(Exception):
    """Wrong usage or input (exit code 2): one or several problems, shown without a stack trace."""

    exit_code = 2

    def __init__(
        self, problem: str | Sequence[Problem], *, where: str | None = None, hint: str | None = None
    ) -> None:
        self.problems = (
            (Problem(problem, where, hint),) if isinstance(problem, str) else tuple(problem)
        )
        super().__init__("\n".join(self.lines()))

    def at(self, where: str) -> Self:
        """Return the error with a place for those of its problems that have none.

        >>> print(PetMtlError("no `{mask}` in the pattern").at("toy.yaml"))
        toy.yaml: no `{mask}` in the pattern
        """
        return type(self)(
            [item if item.where else replace(item, where=where) for item in self.problems]
        )

    def hinted(self, hint: str) -> Self:
        """Return the error with this hint, whatever hints its problems had.

        >>> print(PetMtlError("stopped after step 2", hint="call again").hinted("add `--resume`"))
        stopped after step 2
          hint: add `--resume`
        """
        return type(self)([replace(item, hint=hint) for item in self.problems])

    def lines(self) -> list[str]:
        """Return what is shown: the first problems, and how many more there are."""
        most = MOST_SHOWN if len(self.problems) > MOST_SHOWN + 2 else len(self.problems)
        left_out = len(self.problems) - most
        return [
            *map(str, self.problems[:most]),
            *([f"and {left_out:,} more problems"] if left_out else []),
        ]


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Give errors that rise inside a place, where they have none."""
    try:
        yield
    except PetMtlError as error:
        raise error.at(where) from error


@contextmanager
def panics_as_errors(
    message: str, *, where: str | None = None, hint: str | None = None
) -> Iterator[None]:
    """Give up as we do where a Rust library such as `tokenizers` gives up: its `PanicException` is
    no `Exception`, so it would end a thread, or be shown with a stack trace.

    Raises:
        PetMtlError: the message and that of the library.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the class cannot be imported
            raise
        raise PetMtlError(f"{message}: {error}", where=where, hint=hint) from error


def lacks_memory(error: BaseException) -> bool:
    """Say whether an error is that of a machine, or a GPU, without memory left.

    Those of torch, which is not imported here, are known by name and text.

    >>> lacks_memory(MemoryError()), lacks_memory(ValueError("no text"))
    (True, False)
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


class DamagedError(PetMtlError):
    """A file that we wrote is missing, cut short or changed."""


class RunError(PetMtlError):
    """The input was right but the run failed (exit code 1): a full disk, a loss that is not a
    number."""

    exit_code = 1


class MachineError(RunError):
    """The machine refused, as it will refuse what comes next: a full disk. Of several runs, the
    rest is not begun."""


class ProblemList:
    """Collect all problems of a file before saying them at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.problems.append(Problem(message, where, hint))

    def extend(self, error: PetMtlError, *, where: str | None = None) -> None:
        """Add an error's problems; with `where`, all of them stand there."""
        self.problems += [replace(item, where=where or item.where) for item in error.problems]

    def raise_if_any(self) -> None:
        if self.problems:
            raise PetMtlError(self.problems)
