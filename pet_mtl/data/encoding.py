"""Which encoding a file has, and its bytes as UTF-8 while they are read."""

import codecs
import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, cast

from pet_mtl.data.files import open_bytes, with_line_feeds

Source = Path | bytes

_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8"))
_BLOCK = 1 << 20


def find_encoding(source: Source) -> str:
    """Return `utf-8`, `utf-16` (known by its mark) or `gb18030` (GBK and GB2312 are parts of it)
    for a file or for bytes.

    A file is GB18030 where all of it is, and more of its lines cannot be UTF-8 than are: some
    damaged rows do not make it another encoding.

    Raises:
        PetMtlError: the file cannot be read.
    """
    with _opened(source) as stream:
        head = stream.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    return "utf-8" if _decodes(source, "utf-8") or not _is_gb18030(source) else "gb18030"


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


def _is_gb18030(source: Source) -> bool:
    if not _decodes(source, "gb18030"):
        return False
    balance = 0
    with _opened(source) as stream:
        for line in iter(lambda: stream.readline(_BLOCK), b""):
            if not line.isascii():
                try:
                    line.decode("utf-8")
                    balance -= 1
                except UnicodeDecodeError:
                    balance += 1
    return balance > 0


def as_utf8(stream: BinaryIO, encoding: str) -> BinaryIO:
    r"""Return a stream of the same text in UTF-8, its line ends those of `with_line_feeds`.

    Bytes that the encoding does not have become `�`.

    >>> as_utf8(io.BytesIO("新闻\t1\n".encode("gb18030")), "gb18030").readline().decode()
    '新闻\t1\n'
    """
    if encoding != "utf-8":
        stream = cast(BinaryIO, io.BufferedReader(_Recoded(stream, encoding)))
    return with_line_feeds(stream)


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
