"""The labels of rows as scikit-learn has them."""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from pet_mtl.data.label_text import is_missing, label_text
from pet_mtl.data.memory import row_list
from pet_mtl.errors import PetMtlError


def targets_of(y: Any) -> NDArray[Any]:
    """Return the label of each row as scikit-learn takes them.

    Raises:
        PetMtlError: this is no list; a label is missing, which numpy would make the text `nan`;
            labels are sets.
        ValueError: the labels are no classes.
    """
    try:
        labels = row_list(y)
    except PetMtlError:  # which speaks of rows
        raise PetMtlError(
            f"`y` is no list of labels, found {type(y).__name__}", hint="give a label for each row"
        ) from None
    for number, label in enumerate(labels):
        if is_missing(label):
            raise PetMtlError(f"y[{number}] is missing", hint="leave rows without a label out")
    cells = [list(one.values()) if isinstance(one, Mapping) else one for one in labels]
    try:
        targets = np.asarray(cells)
    except ValueError as error:  # lists of several lengths
        raise PetMtlError(
            "`y` holds sets of labels, and a row has one label here",
            hint="`pet_mtl.train` learns sets: pet_mtl.Task(…, more={'kind': 'multi_label'})",
        ) from error
    check_classification_targets(targets)
    return np.asarray(column_or_1d(targets, warn=True))


def typed(labels: list[Any], targets: NDArray[Any]) -> NDArray[Any]:
    """Return labels in the type of the targets where these are the same labels in it: those of a
    mapping may be text, as in YAML, where the targets are numbers.

    >>> typed(["1", "0"], np.array([0, 1])), typed(["b", "a"], np.array(["a"])).tolist()
    (array([1, 0]), ['b', 'a'])
    """
    given = np.array(labels)
    try:
        if targets.dtype.kind == "b":  # numpy has every text but the empty one for true
            cast = np.array([label_text(label) == "true" for label in labels])
        else:
            cast = given.astype(str if targets.dtype.kind == "U" else targets.dtype)
    except (TypeError, ValueError):
        return given
    same = [*map(label_text, cast.tolist())] == [*map(label_text, given.tolist())]
    return np.asarray(cast if same else given)


def refuse_unknown(targets: NDArray[Any], known: Set[str], where: str) -> None:
    """Refuse labels of rows that no words are given for.

    Args:
        known: the labels with words, as they would stand in a file.
        where: the argument that has the words.

    Raises:
        PetMtlError: there are some.
    """
    found = {label_text(label) for label in targets.tolist()}
    if not (unknown := sorted(found - known)):
        return
    hint = f"`{where}` has {', '.join(map(repr, sorted(known)[:5])) or 'none'}"
    if targets.dtype.kind in "iu" and not found & known:  # those of a LabelEncoder, perhaps
        hint += (
            "; where scikit-learn numbers the labels (ensembles, `cross_val_predict` of "
            "probabilities), give numbers from 0 in both: `labels={0: …, 1: …}`, `y=[0, 1, …]`"
        )
    raise PetMtlError(f"the label {unknown[0]!r} has no label word", where=where, hint=hint)
