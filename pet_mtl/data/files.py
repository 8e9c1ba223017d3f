"""Data files by suffix: which format they hold, and their bytes without the compression."""

import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pet_mtl.data.joined_streams import JoinedStreams
from pet_mtl.errors import PetMtlError
from pet_mtl.text import in_shell

FORMATS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet")
COMPRESSIONS = (".gz", ".xz", ".bz2", ".zst")
SPREADSHEETS = (".xlsx", ".xls", ".ods")  # which are not read
_UNPACKERS = dict(zip(COMPRESSIONS, ("gzip", "xz", "bzip2", "zstd"), strict=True))
# bytes; a file without line ends, or a bomb of a few compressed MB, must not fill the memory
LONGEST_LINE = 16 << 20
LARGEST_WHOLE = 2 << 30  # bytes; what is read whole, such as a JSON array
# a file of rows that are kept: what they take is refused above both of these
LARGEST_UNPACKED = 1 << 30  # bytes
MOST_GROWTH = 100  # times the bytes of the file; text as people write it grows less
ROW_BYTES = 128  # what a row takes beside its text, as measured with `data check`
RECORD_BYTES = 600  # with `data clean`, which holds each as Python's objects
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# those of UTF-32 first: one of them starts with one of UTF-16
WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# how files begin that are no text, whatever their names say; what they are, and what to do
_OTHERS = (
    (b"PK\x03\x04", "a zip archive, as `.xlsx` sheets are", "save the sheet as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet or another file of Office", "save the sheet as CSV"),
    (b"PAR1\x15", "a parquet file", "end its name in `.parquet`"),
    (b"ARROW1\0\0", "an Arrow (Feather) file", "save it as parquet"),
    (b"\x1f\x8b\x08", "packed by gzip", "end its name in `.gz`"),
    (b"version https://git-lfs", "a pointer of Git LFS", "`git lfs pull` fetches the file itself"),
)
_HEAD = 1 << 20  # bytes that say what ends the lines
_QUOTED = re.compile(rb'"[^"]*"?')  # the head may end within quotes


def data_format(path: Path) -> str:
    """Return the format's suffix, whatever the compression.

    >>> data_format(Path("train.JSON.gz"))
    '.json'

    Raises:
        PetMtlError: the suffix is none that the readers know.
    """
    inner = path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
    suffix = inner.suffix.lower()
    if suffix not in FORMATS:
        hint = f"known are {', '.join(FORMATS)}, each also with {', '.join(COMPRESSIONS)}"
        hint += "; save the sheet as CSV" if suffix in SPREADSHEETS else ""
        raise PetMtlError(
            f"unknown data format `{suffix or path.name}`", where=str(path), hint=hint
        )
    return suffix


def not_regular(path: Path | str) -> PetMtlError:
    """Return the error for what is neither file nor folder: a device, a pipe."""
    return PetMtlError(
        "not a regular file but a device or a pipe, and data is read more than once",
        where=str(path),
        hint="write the rows into a file; `pet-mtl predict CHECKPOINT -` reads a text a line from "
        "stdin",
    )


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a data file for reading, decompressed by its suffix.

    Raises:
        PetMtlError: the file cannot be read or is not what its suffix says (also while reading
            inside the context).
    """
    try:
        with _open(path) as stream:
            yield stream
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        suffix = path.suffix.lower()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = f"is the `{suffix}` file complete?" if suffix in COMPRESSIONS else None
        if isinstance(error, lzma.LZMAError) and "Memory" in reason:  # see `joined_streams`
            hint = "pack it with a smaller dictionary: `xz -9` takes 65 MiB"
        raise PetMtlError(f"cannot read the file: {reason}", where=str(path), hint=hint) from error


def _open(path: Path) -> BinaryIO:
    match path.suffix.lower():
        case ".gz":
            return cast(BinaryIO, gzip.open(path, "rb"))
        case ".bz2" | ".xz":
            return cast(BinaryIO, io.BufferedReader(JoinedStreams(path), 1 << 16))
        case ".zst":
            import pyarrow as pa

            return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
        case _:
            return path.open("rb")


def conversion(path: Path, encoding: str) -> str:
    """Return the command that writes a file in UTF-8 beside it, for a hint.

    >>> print(conversion(Path("a.csv"), "gb18030"))
    `iconv -f gb18030 -t utf-8 a.csv > a.utf8.csv`
    >>> print(conversion(Path("my a.csv.gz"), "utf-16"))
    `gzip -dc 'my a.csv.gz' | iconv -f utf-16 -t utf-8 > 'my a.utf8.csv'`
    """
    unpacker = _UNPACKERS.get(path.suffix.lower())
    plain = path.with_suffix("") if unpacker else path
    target = in_shell(plain.with_name(f"{plain.stem}.utf8{plain.suffix}"))
    iconv = f"iconv -f {encoding} -t utf-8"
    if unpacker:
        return f"`{unpacker} -dc {in_shell(path)} | {iconv} > {target}`"
    return f"`{iconv} {in_shell(path)} > {target}`"


def first_line(path: Path) -> bytes:
    """Return the first line that is not empty, without byte order mark and line end (the first MiB
    of a longer one).

    Raises:
        PetMtlError: the file cannot be read, or is UTF-16 or UTF-32.
    """
    with open_bytes(path) as opened:
        stream = with_line_feeds(opened, quotes=has_quotes(path))
        head = cast(io.BufferedReader, stream).peek(_HEAD)
        for mark, encoding in WIDE_MARKS:
            if head.startswith(mark):
                raise PetMtlError(
                    f"the file is {encoding.upper()}, data files must be UTF-8",
                    where=str(path),
                    hint=f"convert it: {conversion(path, encoding)}",
                )
        refuse_unmarked(head, path)
        line = stream.readline(1 << 20)
        line = line.removeprefix(BYTE_ORDER_MARK)
        while line and not line.strip(b"\r\n"):
            line = stream.readline(1 << 20)
    return line.removesuffix(b"\n").removesuffix(b"\r")


def has_quotes(path: Path) -> bool:
    """Say whether cells of a file may stand in quotes: between commas, and only `.csv` is sure to
    hold those; elsewhere quotes are text."""
    return ".csv" in path.name.lower()


def refuse_other_formats(head: bytes, path: Path) -> None:
    """Refuse what is no table by the first bytes of a file.

    Raises:
        PetMtlError: it is known what it is.
    """
    for begin, what, hint in _OTHERS:
        if head.startswith(begin):
            message = f"whatever its name says, the file is {what}"
            raise PetMtlError(message, where=str(path), hint=hint)


def refuse_unmarked(head: bytes, path: Path) -> None:
    """Refuse what is no text, and UTF-16 without a byte order mark, by the first bytes of a file.

    Raises:
        PetMtlError: it is that.
    """
    refuse_other_formats(head, path)
    encoding = _unmarked_utf16(head)
    if encoding:
        raise PetMtlError(
            "the file is UTF-16 without a byte order mark, data files must be UTF-8",
            where=str(path),
            hint=f"convert it: {conversion(path, encoding)}",
        )


def _unmarked_utf16(head: bytes) -> str | None:
    if b"\0" not in head or len(head) % 2:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    # each character of ASCII has its NUL on one side; texts may hold NUL, but on either
    if min(even, odd) * 20 > max(even, odd):
        return None
    encoding = "utf-16le" if odd > even else "utf-16be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # Chinese has few characters of ASCII, but ends of lines or cells among them
        text = head.decode(encoding, "replace")
        likely = max(even, odd) > 0.01 * len(head) and any(each in text for each in "\n\r\t{")
    else:
        likely = max(even, odd) > 0.45 * len(head)  # all of it is ASCII
    return encoding if likely else None


def too_long_line(path: Path | str, number: int) -> PetMtlError:
    """Return the error for a line that no row has."""
    return PetMtlError(
        f"the line is longer than {LONGEST_LINE >> 20} MiB",
        where=f"{path}:{number}",
        hint="are there line ends between the rows, and is this the right file?",
    )


def lines_of(stream: BinaryIO, path: Path | str) -> Iterator[bytes]:
    """Yield the lines of a file.

    Raises:
        PetMtlError: a line is longer than any row.
    """
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE + 1), b""), start=1):
        if len(line) > LONGEST_LINE:
            raise too_long_line(path, number)
        yield line


def with_line_feeds(stream: BinaryIO, *, quotes: bool = True) -> BinaryIO:
    r"""Return a stream of the same bytes from its start on, with LF for CR where CR alone ends the
    lines: where the first MiB holds CR and no LF, but within quotes.

    Args:
        quotes: cells may stand in quotes, as between commas; else quotes are text.

    >>> with_line_feeds(io.BytesIO(b"a\rb\r")).read(), with_line_feeds(io.BytesIO(b"a\rb\n")).read()
    (b'a\nb\n', b'a\rb\n')
    """
    head = stream.read(_HEAD)
    ahead = _ReadAhead(head, stream, _ends_in_returns(head, quotes))
    return cast(BinaryIO, io.BufferedReader(ahead, _HEAD))


def _ends_in_returns(head: bytes, quotes: bool) -> bool:
    if b"\r" not in head or b"\r\n" in head:
        return False
    bare = _QUOTED.sub(b"", head) if quotes and b"\n" in head else head
    # the end of the block may stand between CR and LF
    return b"\r" in bare[:-1] and b"\n" not in bare


class _ReadAhead(io.RawIOBase):
    def __init__(self, head: bytes, stream: BinaryIO, returns: bool) -> None:
        self._head, self._stream, self._returns = head, stream, returns

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        block = self._head[: len(target)] or self._stream.read(len(target))
        self._head = self._head[len(target) :]
        target[: len(block)] = block.replace(b"\r", b"\n") if self._returns else block
        return len(block)


def read_whole(stream: BinaryIO, path: Path | str) -> bytes:
    """Return all bytes of a file.

    Raises:
        PetMtlError: there are more than can be held, as in a small compressed file of very many
            bytes.
    """
    parts, size = [], 0
    while part := stream.read(1 << 24):
        size += len(part)
        if size > LARGEST_WHOLE:
            raise PetMtlError(
                f"the file holds more than {LARGEST_WHOLE >> 30} GiB, which must be read at once",
                where=str(path),
                hint="write it as csv, tsv or JSON lines, or cut it into several files",
            )
        parts.append(part)
    return b"".join(parts)


class Unpacked:
    """Counts what the rows of a file take in memory, for one who keeps them.

    A file of some kB may hold millions of rows, or one text a million times.
    """

    def __init__(self, path: Path | str) -> None:
        self._path, self._size = path, 0
        try:
            self._most = max(LARGEST_UNPACKED, MOST_GROWTH * Path(path).stat().st_size)
        except OSError:  # no file, but a data set of the hub
            self._most = 1 << 62

    def add(self, rows: int, size: int, row_bytes: int = ROW_BYTES) -> None:
        """Count rows.

        Args:
            size: of their text, in bytes.
            row_bytes: what each of them takes beside that.

        Raises:
            PetMtlError: there are more than such a file holds honestly.
        """
        self._size += size + rows * row_bytes
        if self._size > self._most:
            raise PetMtlError(
                f"the rows take more than {self._most >> 30} GiB in memory, over {MOST_GROWTH} "
                "times the size of the file",
                where=str(self._path),
                hint="is this the right file, and not damaged? else cut it into several files",
            )
