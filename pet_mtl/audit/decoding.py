"""The text of a file that is to be mended, whatever its bytes are."""

from pathlib import Path

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


def decode(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Return a file's text, and number and reason of the lines that were not UTF-8: read as
    GB18030, or damaged bytes replaced.

    Raises:
        PetMtlError: the file cannot be read, is UTF-16 or UTF-32, or holds more rows than such a
            file honestly does (see `Unpacked`).
    """
    with open_bytes(path) as stream:
        lines = with_line_feeds(stream, quotes=has_quotes(path))
        raw = read_whole(lines, path).removeprefix(BYTE_ORDER_MARK)
    Unpacked(path).add(raw.count(b"\n"), len(raw), RECORD_BYTES)
    first_line(path)  # refuses UTF-16
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError:
        texts, mended = [], []
        for number, line in enumerate(raw.split(b"\n"), start=1):
            text, reason = decode_line(line)
            texts.append(text)
            if reason:
                mended.append((number, reason))
        return "\n".join(texts), mended


def decode_line(line: bytes) -> tuple[str, str | None]:
    """Return the text of a line or cell, and why it is no longer those bytes, if so."""
    for encoding, reason in (("utf-8", None), ("gb18030", "was GB18030, is UTF-8 now")):
        try:
            return line.decode(encoding), reason
        except UnicodeDecodeError:
            continue
    return line.decode("utf-8", "replace"), "bytes that are no text became replacement characters"
