"""The rows of a scored edit, by pages and filters."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import Kind, kind_of
from pet_mtl.kinds.kind import Decided
from pet_mtl.studio.effect import Effect
from pet_mtl.studio.schema import RowsAsked


def list_rows(effect: Effect, asked: RowsAsked) -> dict[str, Any]:
    """Return a page of rows: `{"total", "page", "rows": [{"row", "where", "fields", "gold",
    "before", "after", "right", "probability", "change"}]}`; labels are indices, those of a set a
    list, and numbers are text."""
    chosen = _chosen(effect, asked)
    start = asked.page * asked.size
    rows, change = effect.change.after.rows, effect.change
    said = {
        "gold": rows.gold,
        "before": change.before.predicted,
        "after": change.after.predicted,
    }
    kind = kind_of(change.after.task)
    right = {side: kind.right(rows.gold, said[side]) for side in ("before", "after")}
    flipped, p = set(change.flipped.tolist()), effect.probability
    return {
        "total": len(chosen),
        "page": asked.page,
        "rows": [
            {
                "row": row,
                "where": rows.where(row),
                "fields": rows.text(row),
                **{side: _shown(kind, each[row : row + 1]) for side, each in said.items()},
                "right": {side: bool(each[row]) for side, each in right.items()},
                "probability": None if p is None else float(p[row]),
                "change": _change(row in flipped, right["before"][row], right["after"][row]),
            }
            for row in chosen[start : start + asked.size].tolist()
        ],
    }


def _shown(kind: Kind, said: Decided) -> int | list[int] | str:
    """Return what is said of one row."""
    match kind.spec.facts.target:
        case "labels":
            return np.flatnonzero(said[0] > 0).tolist()
        case "number":
            return kind.written(said)[0]
        case _:
            return int(said[0])


def _change(flipped: bool, before: bool, after: bool) -> str:
    """Return what happened to a row, by who is right."""
    if not flipped:
        return ""
    return "flipped" if before == after else "gained" if after else "lost"


def _has(said: Decided, label: int) -> npt.NDArray[np.bool_]:
    """Return which rows have a label, `[rows]`."""
    if said.ndim == 1:
        return np.asarray(said == label)
    # compared, not indexed: no row has a label that there is not
    return np.asarray((said[:, np.arange(said.shape[1]) == label] > 0).any(1))


def _chosen(effect: Effect, asked: RowsAsked) -> npt.NDArray[np.int64]:
    before, after = effect.change.before, effect.change.after
    rows, gold, kind = after.rows, after.rows.gold, kind_of(after.task)
    if asked.kind == "gained":
        chosen = effect.change.gained
    elif asked.kind == "lost":
        chosen = effect.change.lost
    elif asked.kind == "flipped":
        chosen = effect.change.flipped
    elif asked.kind == "wrong":
        chosen = np.flatnonzero(~kind.right(gold, after.predicted))
    elif asked.kind == "cell":
        if not kind.one_label:
            raise PetMtlError("there is a confusion matrix only where rows have one label")
        chosen = np.flatnonzero((gold == asked.gold) & (after.predicted == asked.predicted))
    else:
        chosen = np.arange(len(gold))
    if asked.label is not None:
        sides = (gold, before.predicted, after.predicted)
        of_label = np.any([_has(said, asked.label) for said in sides], axis=0)
        chosen = chosen[of_label[chosen]]
    if asked.text:
        import pyarrow.compute as pc

        holds = np.zeros(len(gold), bool)
        for column in rows.fields.values():
            found = pc.match_substring(column, asked.text, ignore_case=True)
            holds |= found.to_numpy()
        chosen = chosen[holds[chosen]]
    return np.asarray(chosen, np.int64)
