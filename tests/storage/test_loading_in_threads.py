"""Several threads load models at once: each gets a whole one, and so does who loads later."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from pet_mtl.storage.pretrained import load_backbone, load_pieces


def test_models_are_loaded_one_at_a_time(backbone: Path) -> None:
    def load(_: int) -> Any:
        load_pieces(str(backbone))
        return load_backbone(str(backbone)).state_dict()

    with ThreadPoolExecutor(4) as pool:
        found = [load(0), *pool.map(load, range(8)), load(0)]
    for name, tensor in found[0].items():
        assert all(torch.equal(tensor, other[name]) for other in found)
