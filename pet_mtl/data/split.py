"""Hold rows out of a training set so that no text stands on both sides."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows


def split_by_text(
    rows: Rows, share: float, seed: int, *, keys: NDArray[np.uint64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the training rows and of the held-out rows, `share` of each label.

    Rows whose normalised texts are the same stay together and count for the label that most of them
    have (for pairs of texts, both must be the same). Which groups are held out depends on their
    texts and `seed`, not on the order of the rows. A label with two groups or more has some on
    either side. `keys` are the `row_keys`, if known.

    >>> rows = Rows.of({"title": list("abcdefgh")}, labels=[0, 0, 0, 0, 1, 1, 1, 1])
    >>> train, dev = split_by_text(rows, 0.25, seed=1)
    >>> len(train), rows.labels[dev].tolist()
    (6, [0, 1])
    """
    groups, group_of, sizes = np.unique(
        row_keys(rows) if keys is None else keys, return_inverse=True, return_counts=True
    )
    labels = group_labels(group_of, rows.labels, len(groups))
    ranks = text_ranks(groups, seed)
    held_out = np.zeros(len(groups), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[np.argsort(ranks[members])]
        held_out[members[_choose(sizes[members].tolist(), share)]] = True
    in_dev = held_out[group_of]
    return np.flatnonzero(~in_dev), np.flatnonzero(in_dev)


def group_labels(
    group_of: NDArray[np.int64], labels: NDArray[np.int64], groups: int
) -> NDArray[np.int64]:
    """Return each group's most frequent label, the smallest among equals.

    Args:
        group_of: group of each row.
        labels: of each row, from -1.
        groups: how many there are.
    """
    kinds = int(labels.max(initial=-1)) + 2
    pairs, counts = np.unique(group_of * kinds + labels + 1, return_counts=True)
    pair_group, pair_label = pairs // kinds, pairs % kinds - 1
    order = np.lexsort((pair_label, -counts, pair_group))
    first = np.searchsorted(pair_group[order], np.arange(groups))
    majority: NDArray[np.int64] = pair_label[order][first]
    return majority


def text_ranks(keys: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return a random number per key that depends on nothing but the key and the seed (splitmix64's
    last steps)."""
    salt = blake2b(str(seed).encode(), digest_size=8).digest()
    mixed = keys ^ np.frombuffer(salt, dtype="<u8").astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _choose(sizes: Sequence[int], share: float) -> list[int]:
    """Return positions of groups that hold about `share` of the rows: at least one, but never all.

    >>> _choose([1, 5, 1, 1, 1, 1], 0.3), _choose([7], 0.9), _choose([1, 1], 0.01)
    ([0, 2, 3], [], [0])
    """
    if len(sizes) < 2:
        return []
    target = share * sum(sizes)
    least = min(sizes)
    chosen: list[int] = []
    total = 0
    for position, size in enumerate(sizes):
        if total + least > target:
            break
        if total + size <= target and len(chosen) < len(sizes) - 1:
            chosen.append(position)
            total += size
    taken = set(chosen)
    rest = [position for position in range(len(sizes)) if position not in taken]
    smallest = min(rest, key=sizes.__getitem__)
    gap = target - total
    if len(rest) > 1 and (not chosen or sizes[smallest] - gap < gap):
        chosen.append(smallest)
    return chosen
