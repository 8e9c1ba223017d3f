"""A machine, or a GPU, without memory left is said in a line."""

import pytest
from called import Call

ALLOCATOR = "[enforce fail at alloc_cpu.cpp:118] .\nDefaultCPUAllocator: can't allocate memory"


class OutOfMemoryError(RuntimeError):
    """What torch raises for a GPU, by its name."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "error: out of memory\n"),
        (MemoryError("9 GiB"), "error: out of memory: 9 GiB\n"),
        (OutOfMemoryError("CUDA out of memory."), "error: out of memory: CUDA out of memory.\n"),
        (RuntimeError(ALLOCATOR), "can't allocate memory\n"),
    ],
)
def test_it_is_one_line(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("pet_mtl.suite.suite.load_suite", fail)
    ran = call("train")
    assert ran.code == 1
    first, hint = ran.err.splitlines(keepends=True)
    assert first.endswith(said)
    assert hint.startswith("  hint: ")


def test_other_errors_of_that_type_are_ours_to_mend(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a shape is wrong")

    monkeypatch.setattr("pet_mtl.suite.suite.load_suite", fail)
    with pytest.raises(RuntimeError, match="a shape is wrong"):
        call("train")
