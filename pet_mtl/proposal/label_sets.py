"""Columns whose cells hold several labels: JSON lists, or text such as `价格|包装`."""

import json
from collections import defaultdict
from collections.abc import Sequence

BETWEEN_LABELS = "|;；,，、/+"
_PLAIN = "|;；、"  # which stand between labels rather than in their names
_SHARED = 0.6  # share of the parts that must stand in several cells


def separator_of(cells: Sequence[str]) -> str | None:
    """Return what stands between the labels of a column's cells, None where a cell is one label.

    The parts are labels of their own if most of them come again in other cells: `a|b`, `a`, `b|c`
    are sets, `news/tech`, `news/sport` are not. Around a bar, a semicolon or `、`, which names
    hardly hold, it is enough that one of them is a cell by itself.

    >>> separator_of(["价格", "价格|包装", "包装"]), separator_of(["news/tech", "news/sport"])
    ('|', None)
    """
    distinct = {cell.strip() for cell in cells if cell.strip()}
    best: tuple[int, str] | None = None
    for separator in BETWEEN_LABELS:
        among: defaultdict[str, set[str]] = defaultdict(set)
        several = 0
        for cell in distinct:
            parts = [part.strip() for part in cell.split(separator)]
            if not all(parts):
                break
            several += len(parts) > 1
            for part in parts:
                among[part].add(cell)
        else:
            shared = sum(len(of_part) > 1 for of_part in among.values())
            alone = separator in _PLAIN and any(
                part in distinct and len(of_part) > 1 for part, of_part in among.items()
            )
            if several and len(among) > 1 and (alone or shared >= _SHARED * len(among)):
                best = max(best or (0, ""), (several, separator))
    return best and best[1]


def labels_of(cell: str, separator: str | None) -> list[str]:
    """Return the labels of a cell, each once.

    Args:
        separator: `""` for JSON lists; None: the cell is one label.
    """
    if separator is None:
        return [cell] if cell else []
    if separator == "":
        items = json.loads(cell) if cell else []
        values = items if isinstance(items, list) else [items]
        parts = [str(value).strip() for value in values]
    else:
        parts = [part.strip() for part in cell.split(separator)]
    return list(dict.fromkeys(part for part in parts if part))
