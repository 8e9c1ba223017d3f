"""Digests by which a folder knows whether it goes on with the same rows."""

import hashlib

from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import TaskData


def rows_digest(task: TaskData) -> str:
    """Return a digest of the texts, labels or targets, and soft labels that a task is trained and
    chosen on."""
    parts = [task.train_keys.tobytes(), task.train.gold.tobytes()]
    if task.dev is not None:
        parts += [row_keys(task.dev).tobytes(), task.dev.gold.tobytes()]
    if task.unlabelled is not None:  # what such a file says of labels is not read
        parts += [row_keys(task.unlabelled).tobytes(), task.unlabelled.labels.tobytes()]
    if (soft := task.soft_labels) is not None:
        parts += [soft.keys.tobytes(), soft.probabilities.tobytes()]
    return short_digest(*parts)


def short_digest(*parts: bytes) -> str:
    """Return a digest of bytes that are cut into these parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]
