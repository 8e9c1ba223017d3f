"""What the model card of a run says beside its settings: which dev rows the model has seen, and the
backbone's licence."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.storage.backbone_digests import weights_digest
from pet_mtl.storage.model_card import CardFacts, license_of
from pet_mtl.storage.trained_on import Keys, read_trained_on
from pet_mtl.suite.suite import Suite


def card_facts(
    suite: Suite, backbone: Path, dev_rows: Mapping[str, Rows], trained_on: Mapping[str, Keys]
) -> CardFacts:
    """Return the facts of a run without its scores.

    Args:
        backbone: its folder, or what it is called on the hub.
        trained_on: the `row_keys` of each task's training rows, those of earlier runs left out.
    """
    earlier = read_trained_on(backbone)
    overlap: dict[str, dict[str, int | None]] = {}
    for name, rows in dev_rows.items():
        keys = row_keys(rows)
        others = [of_task for other, of_task in trained_on.items() if other != name]
        before = None if earlier is None else earlier.get(name, np.empty(0, np.uint64))
        overlap[name] = {
            "dev": len(rows),
            "train": _count(keys, trained_on[name]),
            "other_tasks": _count(keys, np.concatenate([np.empty(0, np.uint64), *others])),
            "backbone": None if before is None else _count(keys, before),
        }
    return CardFacts(
        overlap=overlap,
        license=license_of(suite.model, backbone),
        started_from=weights_digest(str(backbone)),
    )


def _count(keys: Keys, among: Keys) -> int:
    return int(np.isin(keys, among).sum())
