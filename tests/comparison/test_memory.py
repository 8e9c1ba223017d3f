import sys

import numpy as np
import pytest
import torch

from pet_mtl.comparison.memory import forget_peak
from pet_mtl.model.hardware import Machine


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else can the peak be reset")
def test_the_peak_of_an_earlier_cell_is_forgotten() -> None:
    machine = Machine.choose(device=torch.device("cpu"))
    np.ones(40_000_000)  # 320 MB
    before = machine.peak_memory_gb()
    if not forget_peak():
        pytest.skip("the peak cannot be reset here")
    assert machine.peak_memory_gb() < before - 0.2
