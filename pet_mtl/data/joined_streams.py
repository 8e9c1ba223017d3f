"""The bytes of `.bz2` and `.xz` files, which may hold several streams one after the other."""

import bz2
import io
import lzma
from pathlib import Path

_BLOCK = 1 << 15  # bytes
_MOST_MEMORY = 256 << 20  # bytes; `xz -9` takes 65 MiB, and a file may ask for 4 GiB
_MAGIC = {".bz2": b"BZh", ".xz": b"\xfd7zXZ\0"}


class JoinedStreams(io.RawIOBase):
    """The unpacked bytes of all streams of a file.

    Python's own readers take what starts no stream for nothing, and a damaged file for a short one.

    Raises:
        EOFError: the file is cut, or something else follows a stream (both while reading).
        OSError, lzma.LZMAError: a stream is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._suffix = path.suffix.lower()
        self._decoder = self._new_decoder()
        self._ahead = b""
        self._file = path.open("rb")

    def _new_decoder(self) -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
        if self._suffix == ".bz2":
            return bz2.BZ2Decompressor()
        return lzma.LZMADecompressor(memlimit=_MOST_MEMORY)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._decoder.eof or self._begin_next():
            block = b""
            if self._decoder.needs_input:
                block, self._ahead = self._ahead or self._file.read(_BLOCK), b""
                if not block:
                    raise EOFError("it ends within a compressed stream")
            # what is not asked for stays in the decoder: a bomb must not fill the memory
            found = self._decoder.decompress(block, len(target))
            if found:
                target[: len(found)] = found
                return len(found)
        return 0

    def _begin_next(self) -> bool:
        """Say whether another stream follows the one that ended; zeros may stand between two of xz,
        in fours."""
        magic = _MAGIC[self._suffix]
        rest, zeros = self._decoder.unused_data, 0
        end = self._file.tell() - len(rest)
        while True:
            if self._suffix == ".xz":
                size = len(rest)
                rest = rest.lstrip(b"\0")
                zeros += size - len(rest)
            if len(rest) >= len(magic) or not (more := self._file.read(_BLOCK)):
                break
            rest += more
        if zeros % 4 or (rest and not rest.startswith(magic)):
            raise EOFError(f"after {end:,} bytes something else follows")
        if not rest:
            return False
        self._decoder, self._ahead = self._new_decoder(), rest
        return True
