"""The text of a file that is to be mended, whatever its bytes are."""

from pathlib import Path

from pet_mtl.data.encoding import is_another, likely_encoding
from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    RECORD_BYTES,
    Unpacked,
    first_line,
    has_quotes,
    open_bytes,
    read_whole,
    with_line_feeds,
)
from pet_mtl.data.table import encoding_problem
from pet_mtl.errors import PetMtlError

_LOST = "bytes that are no text became replacement characters"


def decode(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Return a file's text, and number and reason of the lines that were not UTF-8: read as
    GB18030, or damaged bytes replaced.

    Raises:
        PetMtlError: the file cannot be read, is in another encoding than these two, or holds more
            rows than such a file honestly does (see `Unpacked`).
    """
    with open_bytes(path) as stream:
        lines = with_line_feeds(stream, quotes=has_quotes(path))
        raw = read_whole(lines, path).removeprefix(BYTE_ORDER_MARK)
    Unpacked(path).add(raw.count(b"\n"), len(raw), RECORD_BYTES)
    first_line(path)  # refuses UTF-16
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError:
        rows = raw.split(b"\n")
    texts, mended = [], []
    for number, line in enumerate(rows, start=1):
        text, reason = decode_line(line)
        texts.append(text)
        if reason:
            mended.append((number, reason))
    lost = [number for number, reason in mended if reason == _LOST]
    foreign = sum(not line.isascii() for line in rows) - len(lost)
    if is_another(len(lost), foreign, len(rows)):
        message, hint = encoding_problem(rows[lost[0] - 1], str(path))
        raise PetMtlError(message, where=f"{path}:{lost[0]}", hint=hint)
    return "\n".join(texts), mended


def decode_line(line: bytes) -> tuple[str, str | None]:
    """Return the text of a line or cell, and why it is no longer those bytes, if so."""
    try:
        return line.decode("utf-8"), None
    except UnicodeDecodeError:
        if likely_encoding(line) == "gb18030":
            return line.decode("gb18030"), "was GB18030, is UTF-8 now"
        return line.decode("utf-8", "replace"), _LOST
