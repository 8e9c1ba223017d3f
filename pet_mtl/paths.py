"""Names of files and folders as users write them."""

import os
from contextlib import suppress
from pathlib import Path

from pet_mtl.errors import PetMtlError


def user_path(name: str | Path, where: str | None = None) -> Path:
    """Return the path that a name means: `~` at its start is a home folder, which no shell has put
    in where a name stands in a file or behind `TASK=`.

    A folder that is really called `~x` is taken as it is.

    Raises:
        PetMtlError: there is no such user or no home folder; a name that no file can have.
    """
    path = Path(name)
    where = where or str(name)
    if "\0" in str(name):
        raise PetMtlError(f"a file name cannot hold a null byte, as `{name}` does", where=where)
    if not path.parts or not path.parts[0].startswith("~"):
        return path
    with suppress(OSError):  # a name that is too long
        if Path(path.parts[0]).exists():
            return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        user = path.parts[0][1:]
        raise PetMtlError(
            f"`{name}`: there is no user `{user}`"
            if user
            else f"`{name}`: no home folder is known",
            where=where,
            hint="write the path in full, from `/` on",
        ) from error


def absolute(path: Path, where: str | None = None) -> Path:
    """Return a path from `/` on, links followed.

    Raises:
        PetMtlError: links that lead in a circle, a name that no file can have.
    """
    try:
        found = path.resolve()
        if any(map(os.path.islink, (found, *found.parents))):
            raise RuntimeError  # as `resolve` itself does before Python 3.13
        return found
    except (OSError, RuntimeError, ValueError) as error:
        text = str(getattr(error, "strerror", None) or error)
        reason = "its links lead in a circle" if isinstance(error, RuntimeError) else text
        raise PetMtlError(f"cannot be read: {reason}", where=where or str(path)) from error


def behind_link(path: Path) -> Path:
    """Return where a link leads to; what is no link as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def require_writable_name(path: Path) -> None:
    """Refuse a name for output that is no path or no text, or means a home folder that nobody has
    put in, as in `--out=~/runs`: it would be written to a folder called `~`.

    Raises:
        PetMtlError: as `user_path`; bytes that are no UTF-8, which reports and logs cannot name.
    """
    if (meant := user_path(path)) != path:
        raise PetMtlError(
            "no shell has put in the home folder", where=str(path), hint=f"write `{meant}`"
        )
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise PetMtlError(
            "the name of a folder to write to must be UTF-8",
            where=str(path),
            hint="choose another folder with `--out DIR`",
        ) from error
