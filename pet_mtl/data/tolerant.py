"""Read rows to score or predict from what `init` reads too: other encodings, other separators, a
text a line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from pet_mtl.data.delimited import uses_tabs
from pet_mtl.data.delimited_rows import split_rows
from pet_mtl.data.encoding import as_utf8, find_encoding
from pet_mtl.data.files import BYTE_ORDER_MARK, lines_of, open_bytes
from pet_mtl.data.table import Request

SEPARATORS = "\t,;|"
LOOKED_AT = 500  # lines
_USUAL = 0.9  # of these lines must have one number of columns


def understand(path: Path, suffix: str, request: Request) -> Request:
    """Return the request with the encoding and the separator that the file has.

    A `.txt` file that is no table holds a text a line, or a pair of texts with a tab between.

    Raises:
        PetMtlError: the file cannot be read.
    """
    if suffix == ".parquet":
        return request
    request = replace(request, encoding=find_encoding(path))
    if suffix in (".json", ".jsonl"):
        return request
    with open_bytes(path) as stream:
        utf8 = as_utf8(stream, request.encoding, quotes=suffix == ".csv")
        text = lines_of(utf8, path)
        lines = [line.decode("utf-8", "replace") for line in islice(_filled(text), LOOKED_AT)]
    if request.by_position:
        tabs = suffix == ".txt" or (
            request.encoding == "utf-8" and uses_tabs(path, suffix, request)
        )
        found = _by_width(lines, request, "\t" if tabs else ",")
        texts = suffix == ".txt" and found == "\t" and not any("\t" in line for line in lines)
        return replace(request, separator=found, blank_rows=texts and bool(lines))
    usual = "\t" if suffix == ".tsv" or "\t" in "".join(lines[:1]) else ","
    separator = _by_names(lines[:1], request, usual)
    if separator is None and suffix == ".txt" and not request.labelled:
        widths = {len(line.split("\t")) for line in lines}
        if widths == {len(request.texts)}:
            return replace(text_a_line(request.texts, request.header), encoding=request.encoding)
    return replace(request, separator=separator or usual)


def text_a_line(fields: Sequence[str], header: bool | None = None) -> Request:
    """Return the request for UTF-8 lines of one text each, of several with tabs between them."""
    columns = {name: place for place, name in enumerate(fields)}
    alone = len(fields) == 1
    return Request(
        columns, False, True, header, separator="\t", width=len(fields), blank_rows=alone
    )


def _filled(lines: Iterator[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        line = line.removeprefix(BYTE_ORDER_MARK) if not number else line
        if stripped := line.rstrip(b"\r\n"):
            yield stripped


def _by_names(header: Sequence[str], request: Request, usual: str) -> str | None:
    """Return the separator with which the header holds all wanted names, the usual one of
    several."""
    wanted = {str(column) for name, column in request.columns.items() if not request.may_lack(name)}
    separators: list[str] = [usual, *SEPARATORS]
    for separator in separators:
        for cells in _split(header, separator):
            if wanted <= {cell.strip() for cell in cells}:
                return separator
    return None


def _by_width(lines: Sequence[str], request: Request, default: str) -> str:
    """Return the separator that gives nearly all lines enough columns, `default` where it does or
    none does."""
    last = max(int(column) for column in request.columns.values())
    least = max(2, last + request.labelled)
    best: str = default
    rank = (_USUAL, False, 0)
    for separator in dict.fromkeys((default, *SEPARATORS)):
        rows = _split(lines, separator)
        widths = Counter(map(len, rows))
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        # of equals the tab, which is seldom in texts, then what makes more columns
        of_separator = (count / max(1, len(rows)), separator == "\t", width)
        if width >= least and of_separator > rank:
            best, rank = separator, of_separator
    return best


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    return [row.cells for row in split_rows("\n".join(lines), separator)]
