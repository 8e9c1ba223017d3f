"""The rows of a scored edit, by pages and filters."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.studio.effect import Effect
from pet_mtl.studio.schema import RowsAsked


def list_rows(effect: Effect, asked: RowsAsked) -> dict[str, Any]:
    """Return a page of rows: `{"total", "page", "rows": [{"row", "where", "fields", "gold",
    "before", "after", "probability", "change"}]}`; labels are indices."""
    chosen = _chosen(effect, asked)
    start = asked.page * asked.size
    before, after = effect.change.before, effect.change.after
    rows = after.rows
    return {
        "total": len(chosen),
        "page": asked.page,
        "rows": [
            {
                "row": row,
                "where": rows.where(row),
                "fields": rows.text(row),
                "gold": int(rows.labels[row]),
                "before": int(before.predicted[row]),
                "after": int(after.predicted[row]),
                "probability": float(effect.probability[row]),
                "change": _change(
                    int(rows.labels[row]), int(before.predicted[row]), int(after.predicted[row])
                ),
            }
            for row in chosen[start : start + asked.size].tolist()
        ],
    }


def _change(gold: int, before: int, after: int) -> str:
    if before == after:
        return ""
    return "gained" if after == gold else "lost" if before == gold else "flipped"


def _chosen(effect: Effect, asked: RowsAsked) -> npt.NDArray[np.int64]:
    before, after = effect.change.before, effect.change.after
    rows, gold = after.rows, after.rows.labels
    if asked.kind == "gained":
        chosen = effect.change.gained
    elif asked.kind == "lost":
        chosen = effect.change.lost
    elif asked.kind == "flipped":
        chosen = effect.change.flipped
    elif asked.kind == "wrong":
        chosen = np.flatnonzero(after.predicted != gold)
    elif asked.kind == "cell":
        chosen = np.flatnonzero((gold == asked.gold) & (after.predicted == asked.predicted))
    else:
        chosen = np.arange(len(gold))
    if asked.label is not None:
        of_label = (gold == asked.label) | (after.predicted == asked.label)
        of_label |= before.predicted == asked.label
        chosen = chosen[of_label[chosen]]
    if asked.text:
        import pyarrow.compute as pc

        holds = np.zeros(len(gold), bool)
        for column in rows.fields.values():
            found = pc.match_substring(column, asked.text, ignore_case=True)
            holds |= found.to_numpy()
        chosen = chosen[holds[chosen]]
    return np.asarray(chosen, np.int64)
