"""Which encoding a file has, and its bytes as UTF-8 while they are read."""

import codecs
import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, cast

from pet_mtl.console import say
from pet_mtl.data.files import (
    BYTE_ORDER_MARK,
    WIDE_MARKS,
    conversion,
    open_bytes,
    refuse_unmarked,
    with_line_feeds,
)
from pet_mtl.errors import PetMtlError
from pet_mtl.text import GbUsage

Source = Path | bytes

_MARKS = (*WIDE_MARKS, (BYTE_ORDER_MARK, "utf-8"))
_BLOCK = 1 << 20
_ENOUGH = 30  # different characters, to tell an encoding by them
_ENOUGH_OF_LINE = 16
SUCH_AS = " (BIG5, SHIFT_JIS, WINDOWS-1252, …)"
_LANGUAGES = {"euc-kr": "Korean", "euc-jp": "Japanese"}
_MOST_DAMAGED = 0.1  # of the rows


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
    found = GbUsage()
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
            hint=f"convert it from its encoding{SUCH_AS}: {conversion(path, 'CHARSET')}",
        )
    return balance > 0


def not_utf8(encoding: str, source: Source, name: str | Path = "FILE") -> str | None:
    """Return why a file is not what `train` reads, None where it is; for people.

    Args:
        encoding: that `find_encoding` found for it.
        name: of the file that bytes are from.

    >>> not_utf8("gb18030", "新闻".encode("gb18030")), not_utf8("utf-8", b"")
    ('it is GB18030, not UTF-8', None)
    """
    if encoding == "utf-8":
        return None
    if encoding == "gb18030":
        with _opened(source) as stream:
            head = stream.read(_BLOCK)
        head = head[: head.rfind(b"\n") + 1] or head
        if other := _other_pairs(head, _ENOUGH):
            path = source if isinstance(source, Path) else Path(name)
            return (
                f"it is {other.upper()} or GB18030, not UTF-8, and read as GB18030; if its texts "
                f"are {_LANGUAGES[other]}, convert it first: {conversion(path, other)}"
            )
    return f"it is {encoding.upper()}, not UTF-8"


def tell_encoding(encoding: str, source: Source, name: str | Path) -> None:
    """Say that a file is read in an encoding that `train` refuses."""
    if reason := not_utf8(encoding, source, name):
        say(f"{name}: {reason}")


def is_another(unread: int, foreign: int, rows: int) -> bool:
    """Say whether rows that cannot be read are no damage, but a file in another encoding.

    Args:
        unread: rows that are in no encoding that is read.
        foreign: rows that are, and hold more than ASCII.
        rows: of the file.

    >>> is_another(unread=1, foreign=0, rows=20), is_another(unread=3, foreign=2, rows=20)
    (False, True)
    """
    return unread > max(foreign, _MOST_DAMAGED * rows)


def likely_encoding(line: bytes) -> str | None:
    """Return the encoding that a line which is no UTF-8 looks like, None where nobody can tell.

    >>> [likely_encoding(text.encode(encoding)) for text, encoding in (("新闻", "gb18030"),
    ...     ("Gemüse", "latin-1"), ("この映画はとてもつまらなかったです", "euc_jp"))]
    ['gb18030', None, 'euc-jp']
    """
    try:
        text = line.decode("gb18030")
    except UnicodeDecodeError:
        return None
    found = GbUsage().add(text)
    return (_other_pairs(line, _ENOUGH_OF_LINE) or "gb18030") if found.usual else None


def _other_pairs(head: bytes, enough: int) -> str | None:
    """Return `euc-kr` or `euc-jp` where what could be GB18030 is rather that.

    The pairs of bytes of all Hangul begin with B0 to C8, among which GB2312 has half of what
    Chinese texts hold: the rest, such as the characters for `one`, `I` and `is`, comes after. Kana
    have the same pairs in EUC-JP and GB2312, beside characters that Japanese texts in GB18030 write
    with pairs that EUC-JP lacks.
    """
    pairs = head.decode("gb18030", "ignore").encode("gb2312", "ignore").decode("gb2312")
    first = [pair.encode("gb2312")[0] for pair in {*pairs} if not pair.isascii()]
    characters = [byte for byte in first if byte >= 0xB0]
    hangul = sum(byte <= 0xC8 for byte in characters)
    if len(characters) >= enough and hangul >= 0.97 * len(characters):
        return "euc-kr" if _is_all(head, "euc_kr") else None
    kana = sum(byte in (0xA4, 0xA5) for byte in first)
    several = 2 * len(first) >= enough and 5 * kana >= len(first)
    return "euc-jp" if several and _is_all(head, "euc_jp") else None


def _is_all(head: bytes, encoding: str) -> bool:
    return "\ufffd" not in head.decode(encoding, "replace")


def as_utf8(
    stream: BinaryIO, encoding: str, *, quotes: bool = True, errors: str = "replace"
) -> BinaryIO:
    r"""Return a stream of the same text in UTF-8, its line ends those of `with_line_feeds`.

    Bytes that the encoding does not have become `�`, or with the `errors` of `strict` are a
    UnicodeDecodeError while reading; those of UTF-8 stay.

    >>> as_utf8(io.BytesIO("新闻\t1\n".encode("gb18030")), "gb18030").readline().decode()
    '新闻\t1\n'
    """
    if encoding != "utf-8":
        stream = cast(BinaryIO, io.BufferedReader(_Recoded(stream, encoding, errors)))
    return with_line_feeds(stream, quotes=quotes)


class _Recoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, encoding: str, errors: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
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
