"""Whether the first rows of a table name its columns."""

from collections.abc import Sequence

from pet_mtl.data.column_names import ID_NAMES, LABEL_NAMES, TEXT_NAMES

_LONGEST_NAME = 40  # characters of a column's name


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether the first row names the columns.

    It does if its cells are short and no numbers, and one of them is a usual name; or if they are
    different, none of them comes again, and one stands above numbers or a few values that repeat.

    >>> has_header([["text", "label"], ["a b", "0"]]), has_header([["good film", "pos"],
    ...     ["bad", "neg"]])
    (True, False)
    """
    # spreadsheets write columns of nothing behind the last one
    filled = [place for place, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    rows = [[row[place] for place in filled] for row in rows]
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    if len(first) > 2 and not first[0] and rest and all(row[0].strip().isdecimal() for row in rest):
        first, rest = first[1:], [row[1:] for row in rest]  # the nameless index that pandas writes
    if any(not c or len(c) > _LONGEST_NAME or is_number(c) for c in first):
        return False
    if {cell.lower() for cell in first} & (LABEL_NAMES | ID_NAMES | TEXT_NAMES):
        return True
    if len(set(first)) < len(first):
        return False
    columns = [set(cells) for cells in zip(*rest, strict=True)]
    if any(cell in below for cell, below in zip(first, columns, strict=False)):
        return False
    return any(all(map(is_number, below)) or len(below) <= len(rest) / 4 for below in columns)


def lines_above(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows of one filled cell, such as a title or the `sep=,` of spreadsheets,
    stand above a header; 0 where none does.

    >>> lines_above([["sep=", ""], ["text", "label"], ["a b", "0"]])
    1
    """
    above = next((n for n, cells in enumerate(rows) if sum(map(bool, cells)) > 1), 0)
    return above if above and has_header(rows[above:]) else 0


def is_number(text: str) -> bool:
    """Say whether a cell is a number, as `float` reads it: `nan` is one."""
    try:
        float(text)
    except ValueError:
        return False
    return True
