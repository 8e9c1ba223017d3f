"""Which texts a model was trained on, in pre-training too: a hash a row, so that nobody scores on
them unawares."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.tensors import is_sorted, read_arrays

TRAINED_ON = "trained_on.safetensors"
Keys = NDArray[np.uint64]


def write_trained_on(folder: Path, keys: Mapping[str, Keys]) -> None:
    """Write the `row_keys` of each task's rows that were trained on, 8 bytes for each different
    text."""
    from safetensors.numpy import save_file

    save_file({task: np.unique(of_task) for task, of_task in keys.items()}, folder / TRAINED_ON)


def read_trained_on(folder: Path) -> dict[str, Keys] | None:
    """Read the sorted keys of each task's rows, None where the model's folder does not hold them.

    Raises:
        PetMtlError: the file is damaged.
    """
    file = folder / TRAINED_ON
    if not file.is_file():
        return None
    keys = read_arrays(file)
    if not all(map(is_sorted, keys.values())):
        hint = "copy the folder again from where it is whole"
        raise PetMtlError("holds no keys of rows", where=str(file), hint=hint)
    return keys


def with_earlier(folder: Path, keys: Mapping[str, Keys]) -> dict[str, Keys]:
    """Return the keys of a run together with those that the model in `folder`, where it starts, was
    trained on.

    Raises:
        PetMtlError: see `read_trained_on`.
    """
    earlier, none = read_trained_on(folder) or {}, np.empty(0, np.uint64)
    return {
        name: np.union1d(earlier.get(name, none), keys.get(name, none))
        for name in {**earlier, **keys}
    }


def rows_seen(rows: Rows, keys: Keys, fields: Sequence[str] = ()) -> NDArray[np.int64]:
    """Return the indices of the rows whose normalised texts are among sorted `keys`.

    Args:
        fields: the names of the fields in the order in which the model's task has them. A key
            depends on the order, and a pattern file may write the same `columns` in another one.

    >>> rows = Rows.of({"title": ["Ａ股 大涨", "新车上市"]})
    >>> rows_seen(rows, row_keys(Rows.of({"title": ["a股大涨"]}))).tolist()
    [0]
    """
    if not len(keys):
        return np.empty(0, np.int64)
    seen = _among(rows, keys)
    if [*fields] != [*rows.fields] and {*fields} == {*rows.fields}:
        seen |= _among(replace(rows, fields={name: rows.fields[name] for name in fields}), keys)
    return np.flatnonzero(seen)


def _among(rows: Rows, keys: Keys) -> NDArray[np.bool_]:
    found = row_keys(rows)
    near = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
    return np.asarray(keys[near] == found)
