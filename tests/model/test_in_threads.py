"""Batches side by side give what one after the other gives."""

import threading
import time

import pytest
import torch
from one_thread import two_threads  # noqa: F401

from pet_mtl.model.in_threads import in_threads

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("two_threads")


def computes_with(_: int) -> tuple[str, int]:
    time.sleep(0.01)
    return threading.current_thread().name, torch.get_num_threads()


def test_each_thread_computes_alone_and_others_as_before() -> None:
    with in_threads(CPU, 8) as each:
        found = list(each(computes_with, range(8)))
    assert len({name for name, _ in found}) == 2
    assert {count for _, count in found} == {1}
    later: list[tuple[str, int]] = []
    thread = threading.Thread(target=lambda: later.append(computes_with(0)))
    thread.start()
    thread.join()
    assert later[0][1] == torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("device", "jobs", "threads"), [("cuda", 100, 2), ("cpu", 3, 2), ("cpu", 100, 1)]
)
def test_nothing_is_parted_on_a_gpu_for_few_batches_or_one_thread(
    device: str, jobs: int, threads: int
) -> None:
    torch.set_num_threads(threads)
    with in_threads(torch.device(device), jobs) as each:
        assert each is map


def test_results_come_in_order() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0)
        return number

    with in_threads(CPU, 20) as each:
        assert list(each(slow_first, range(20))) == list(range(20))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_what_has_not_begun_never_does(stop: type[BaseException]) -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        return number

    with pytest.raises(stop), in_threads(CPU, 1000) as each:
        for number in each(work, range(1000)):
            if number == 3:
                raise stop
    count = len(begun)
    assert count < 100
    time.sleep(0.05)
    assert len(begun) == count
