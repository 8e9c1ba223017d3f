"""Which encoding a file has, and its bytes as UTF-8 while they are read."""

import codecs
import io
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, cast

from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    WIDE_MARKS,
    conversion,
    open_bytes,
    refuse_unmarked,
    with_line_feeds,
)
from pet_mtl.errors import PetMtlError

Source = Path | bytes

_MARKS = (*WIDE_MARKS, (BYTE_ORDER_MARK, "utf-8"))
_BLOCK = 1 << 20
_PRIVATE = re.compile("[\ue000-\uf8ff]")


def find_encoding(source: Source, name: str | Path = "FILE") -> str:
    """Return `utf-8`, `utf-16` or `utf-32` (known by their marks) or `gb18030` (GBK and GB2312 are
    parts of it) for a file or for bytes.

    A file is GB18030 where all of it is, and more of its lines cannot be UTF-8 than are: some
    damaged rows do not make it another encoding.

    Args:
        name: of the file that bytes are from, for errors.

    Raises:
        PetMtlError: the file cannot be read, or is UTF-16 without a mark, or could be GB18030, but
            would be no Chinese.
    """
    path = source if isinstance(source, Path) else Path(name)
    with _opened(source) as stream:
        head = stream.read(_BLOCK)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    refuse_unmarked(head, path)
    return "utf-8" if _decodes(source, "utf-8") or not _is_gb18030(source, path) else "gb18030"


def _opened(source: Source) -> AbstractContextManager[BinaryIO]:
    return io.BytesIO(source) if isinstance(source, bytes) else open_bytes(source)


def _decodes(source: Source, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with _opened(source) as stream:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_gb18030(source: Source, path: Path) -> bool:
    if not _decodes(source, "gb18030"):
        return False
    balance = 0
    found = _Usage()
    with _opened(source) as stream:
        for line in iter(lambda: stream.readline(_BLOCK), b""):
            if not line.isascii():
                try:
                    line.decode("utf-8")
                    balance -= 1
                except UnicodeDecodeError:
                    balance += 1
                    found.add(line.decode("gb18030", "ignore"))
    if balance > 0 and not found.usual:
        raise PetMtlError(
            "neither UTF-8 nor GB18030",
            where=str(path),
            hint=f"convert it from its encoding: {conversion(path, 'CHARSET')}",
        )
    return balance > 0


class _Usage:
    """Counts of a text's characters that tell Chinese from what was another encoding: nearly all
    bytes can be read as GBK, but as characters that nobody writes."""

    def __init__(self) -> None:
        self._private = self._wide = self._common = 0

    def add(self, text: str) -> None:
        text = text.replace("—", "―").replace("·", "・")  # those that Python's `gb2312` has
        self._private += len(_PRIVATE.findall(text))
        plain = len(text.encode("ascii", "ignore"))
        self._wide += (len(text.encode("gbk", "ignore")) - plain) // 2
        self._common += (len(text.encode("gb2312", "ignore")) - plain) // 2

    @property
    def usual(self) -> bool:
        """Say whether most characters of two bytes are of GB2312, and next to none is private (some
        phones wrote emoji as such)."""
        return self._private * 50 <= self._wide and self._wide <= 2 * self._common


def as_utf8(stream: BinaryIO, encoding: str, *, quotes: bool = True) -> BinaryIO:
    r"""Return a stream of the same text in UTF-8, its line ends those of `with_line_feeds`.

    Bytes that the encoding does not have become `�`.

    >>> as_utf8(io.BytesIO("新闻\t1\n".encode("gb18030")), "gb18030").readline().decode()
    '新闻\t1\n'
    """
    if encoding != "utf-8":
        stream = cast(BinaryIO, io.BufferedReader(_Recoded(stream, encoding)))
    return with_line_feeds(stream, quotes=quotes)


class _Recoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            block = self._stream.read(_BLOCK)
            self._rest = self._decoder.decode(block, final=not block).encode("utf-8", "replace")
            if not block:
                break
        size = min(len(target), len(self._rest))
        target[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
