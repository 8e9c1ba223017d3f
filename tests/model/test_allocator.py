"""What a step frees serves the next one."""

import subprocess
import sys

import pytest

ROUNDS = """
import ctypes, resource
from pet_mtl.model.allocator import keep_freed_memory

if {kept}:
    keep_freed_memory()
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p

def step():
    tensors = [c.malloc(ctypes.c_size_t(size << 20)) for size in (3, 9, 24)]
    for tensor, size in zip(tensors, (3, 9, 24)):
        ctypes.memset(tensor, 1, size << 20)
    for tensor in tensors:
        c.free(ctypes.c_void_p(tensor))

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

step()
before = faults()
for _ in range(5):
    step()
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_tensors_of_the_next_step_take_the_memory_of_the_last_one() -> None:
    def faults(kept: bool) -> int:
        script = ROUNDS.format(kept=kept)
        run = [sys.executable, "-c", script]
        return int(subprocess.run(run, capture_output=True, text=True, check=True).stdout)

    assert faults(kept=True) < faults(kept=False) / 20
