"""Read a user's small text file, with an error that names the place when it cannot be read."""

import re
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from stat import S_ISFIFO

from pet_mtl.errors import PetMtlError
from pet_mtl.text import GbUsage

LARGEST = 16 << 20  # bytes; the label words of thousands of labels are less than one MiB
LINE_END = re.compile(r"(\r\n|\r|\n)")
_PIPES: dict[tuple[int, int], bytes] = {}  # by device and number: a pipe gives what it holds once


def read_text_file(path: Path) -> str:
    """Return the text of a UTF-8 file with `\\n` line ends and without a byte order mark; a pipe
    may be read again.

    Raises:
        PetMtlError: the file is missing, is a folder, cannot be opened, is larger than any such
            file, or is not UTF-8.
    """
    try:
        data = _read(path)
    except FileNotFoundError:
        raise PetMtlError("file not found", where=str(path), hint=_missing_hint(path)) from None
    except IsADirectoryError:
        raise PetMtlError("is a folder, not a file", where=str(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise PetMtlError(f"cannot be read: {reason}", where=str(path)) from None
    if len(data) > LARGEST:
        raise PetMtlError(
            f"larger than {LARGEST >> 20} MiB", where=str(path), hint="is this the right file?"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the mark
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data.count(b"\n", 0, offset) + 1
        raise PetMtlError(
            f"not UTF-8: byte {offset} is 0x{data[offset]:02x}",
            where=f"{path}:{line}",
            hint=_encoding_hint(data),
        ) from None
    return LINE_END.sub("\n", text)


def _read(path: Path) -> bytes:
    found = path.stat()
    pipe = (found.st_dev, found.st_ino) if S_ISFIFO(found.st_mode) else None
    if pipe in _PIPES:  # to open one that has a name would wait for a writer for ever
        return _PIPES[pipe]
    with path.open("rb") as stream:
        data = stream.read(LARGEST + 1)
    if pipe is not None:
        _PIPES[pipe] = data
    return data


def _missing_hint(path: Path) -> str:
    """Return the first folder on the way that does not exist, a file of a similar name, or the
    folder searched."""
    missing = [folder for folder in path.parents if not folder.exists()]
    if missing:
        return f"the folder `{missing[-1]}` does not exist"
    names: list[str] = []
    with suppress(OSError):  # a folder that may not be listed
        names = sorted(entry.name for entry in path.parent.iterdir())
    near = get_close_matches(path.name, names, n=1, cutoff=0.8)
    return (
        f"did you mean `{path.with_name(near[0])}`?"
        if near
        else f"it was looked for in `{path.parent.resolve()}`"
    )


def _encoding_hint(data: bytes) -> str:
    """Return what to do, naming the encoding where it can be told."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the file is UTF-16; save it as UTF-8"
    lines = data.splitlines(keepends=True)
    other = b"".join(line for line in lines if "\ufffd" in line.decode("utf-8", "replace"))
    with suppress(UnicodeDecodeError):
        if GbUsage().add(other.decode("gb18030")).usual:
            return "the file may be GBK; save it as UTF-8, for example: iconv -f GB18030 -t UTF-8"
    return "save the file as UTF-8"
