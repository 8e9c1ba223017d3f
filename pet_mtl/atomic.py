"""Files and folders that are either wholly written or not at all."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pet_mtl.errors import MachineError, PetMtlError
from pet_mtl.leftovers import drop_dead, set_aside, unfinished
from pet_mtl.paths import behind_link, require_writable_name

_USERS_TO_MEND = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOENT,
    errno.ENAMETOOLONG,
)


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into an error that says what to do.

    Raises:
        PetMtlError: the place is wrong: a file, nobody's to write.
        MachineError: the disk is full, or fails.
    """
    require_writable_name(path)
    try:
        yield
    except OSError as error:
        raise _write_error(path, error) from error
    except PetMtlError:
        raise
    except Exception as error:
        # safetensors and tokenizers keep only the text: `I/O error: No space left on device (os
        # error 28)`
        found = re.search(r"\(os error (\d+)\)", str(error))
        if not found:
            raise
        code = int(found[1])
        raise _write_error(path, OSError(code, os.strerror(code))) from error


def _write_error(path: Path, error: OSError) -> PetMtlError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return MachineError(
            "the disk is full",
            where=str(path),
            hint="free some space; what was saved before is unharmed",
        )
    if error.errno in _USERS_TO_MEND:
        return PetMtlError(
            f"cannot write here: {error.strerror}",
            where=str(path),
            hint="choose another folder with `--out DIR`",
        )
    return MachineError(f"cannot write: {error.strerror or error}", where=str(path))


@contextlib.contextmanager
def new_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Fill a folder that appears at `path` only when all is written, in place of what was there; a
    link stays one, and the folder that it leads to is replaced. What killed processes left of the
    same goes away.

    Args:
        replace: what is there, too; else see `require_new_folder`, at first and when all is
            written: another command may have filled it meanwhile.

    Raises:
        MachineError: the disk is full; `path` is as before.
        PetMtlError: it holds something that is not to be replaced.
    """
    if not replace:
        require_new_folder(path)
    with write_errors(path):
        path = link_target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_dead(path)
        with unfinished(path, lambda new: new.mkdir(0o700)) as temporary:
            yield temporary
            if not replace:
                require_new_folder(path)
            masked = _masked(temporary)
            temporary.chmod(0o777 & ~masked)
            for file in temporary.rglob("*"):
                if file.is_file():
                    file.chmod(0o666 & ~masked)  # safetensors keeps others out
                    _sync(file)
            _replace_folder(path, temporary)


def _replace_folder(path: Path, new: Path) -> None:
    """Rename `new` to `path`; what was there is set aside meanwhile, and put back on failure."""
    recover_folder(path)
    old = set_aside(path)
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    try:
        while not _renamed(new, path):
            path.rename(old)
    except BaseException:
        recover_folder(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _renamed(new: Path, path: Path) -> bool:
    """Give a new folder its name; False where a reader, between the two renames, took the writer
    for a killed one and put the old folder back."""
    try:
        new.rename(path)
    except OSError:
        if path.exists() and not set_aside(path).exists():
            return False
        raise
    return True


def require_folder(path: Path) -> None:
    """Refuse an output folder that could not be written later; nothing is made or changed.

    Raises:
        PetMtlError: `path` or a folder above it is a file, or it cannot be written; see
            `write_errors` and `link_target`.
    """
    with write_errors(path):
        nearest = place = link_target(path).absolute()
        while not nearest.exists():
            nearest = nearest.parent
        if not nearest.is_dir():
            shown = path if nearest == place else nearest
            raise PetMtlError(
                "this is a file, not a folder",
                where=str(shown),
                hint="choose another folder with `--out DIR`",
            )
        with tempfile.TemporaryFile(dir=nearest):
            pass


def require_new_folder(path: Path) -> None:
    """Refuse an output folder that `new_folder` could not make, too: one that holds something, and
    the working directory, in whose place another folder would not be the working directory.

    Raises:
        PetMtlError: it is one; see `require_folder`.
    """
    require_folder(path)
    if path.exists() and any(path.iterdir()):
        raise PetMtlError(
            "the output folder is not empty",
            where=str(path),
            hint="choose a new one with `--out DIR`",
        )
    if path.exists() and path.samefile("."):
        raise PetMtlError(
            "the output folder is the working directory, which cannot be replaced",
            where=str(path),
            hint="name one in it with `--out DIR`",
        )


def recover_folder(path: Path) -> None:
    """Put back the folder that `new_folder` had set aside when the process was killed between its
    two renames."""
    if path.exists():  # `.` and `/` among them, which have no name to look beside
        return
    path = behind_link(path)
    if set_aside(path).is_dir():
        set_aside(path).rename(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file at once: under a temporary name, then renamed."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file at once: under a temporary name, then renamed; see `new_file`.

    Raises:
        PetMtlError, MachineError: it cannot be written; the disk is full. What was at `path` is as
            before.
    """
    with new_file(path) as file, write_errors(path):
        file.write(content)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write piece by piece, under a temporary name until all is written.

    A link stays, and what it leads to is written; a file that is there keeps its permissions.

    Raises:
        PetMtlError, MachineError: it cannot be opened or finished; what was at `path` is as before.
            What the block itself writes needs `write_errors`.
    """
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        target = link_target(path)
        mode = _mode(target) if target.exists() else None
    with contextlib.ExitStack() as opened:
        with write_errors(path):
            temporary = opened.enter_context(
                unfinished(target, lambda new: new.touch(0o666 if mode is None else 0o600))
            )
            file = temporary.open("wb")
            opened.callback(_close, file)
        yield file
        with write_errors(path):
            file.close()
            _sync(temporary)
            # some file systems have one mode for all files, and refuse to change it
            if mode is not None and mode != _mode(temporary):
                temporary.chmod(mode)
            temporary.replace(target)


def _close(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # what a full disk did not take is tried again
        file.close()


def link_target(path: Path) -> Path:
    """Return where a file or folder is written: what a link leads to, else `path`.

    Raises:
        PetMtlError: links that lead in a circle, or into a folder that is not there; a device or a
            pipe, in whose place a file would be put.
    """
    target = behind_link(path)
    if target.is_symlink():
        raise PetMtlError("its links lead in a circle", where=str(path))
    if target.exists() and not target.is_file() and not target.is_dir():
        raise PetMtlError(
            "this is a device or a pipe, not a file", where=str(path), hint="name a file"
        )
    if path.is_symlink() and not target.parent.is_dir():
        raise PetMtlError(
            f"it is a link into `{target.parent}`, which is no folder",
            where=str(path),
            hint="remove the link, or make that folder",
        )
    return target


def _mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def _sync(file: Path) -> None:
    with file.open("r+b") as handle:  # Windows syncs only what is open for writing
        os.fsync(handle.fileno())


def _masked(folder: Path) -> int:
    """Return the bits that new folders are made without, by making one: `os.umask` would change it
    for all threads."""
    made = folder / f".mode.{os.getpid()}"
    made.mkdir()
    try:
        return 0o777 & ~made.stat().st_mode
    finally:
        made.rmdir()
