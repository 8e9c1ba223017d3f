import numpy as np
import pytest

from pet_mtl.cloze.draws import Draws


def test_numbers_are_uniform_and_independent() -> None:
    numbers = Draws(1, 0, np.arange(2000)).uniform(0, 50)
    assert numbers.shape == (2000, 50)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    expected = numbers.size / 20
    assert (
        (counts - expected) ** 2 / expected
    ).sum() < 43.8  # chi-square, 19 degrees of freedom, p = 0.001
    for shifted in (numbers[1:], np.roll(numbers, 1, axis=1)[1:]):
        assert abs(np.corrcoef(numbers[: len(shifted)].ravel(), shifted.ravel())[0, 1]) < 0.01


def test_a_row_has_its_numbers_whatever_its_batch() -> None:
    alone = Draws(5, 2, np.array([17])).uniform(3, 8)
    among = Draws(5, 2, np.array([4, 17, 90])).uniform(3, 20)
    assert (among[1, :8] == alone[0]).all()


@pytest.mark.parametrize("other", [(6, 2, 17, 3), (5, 3, 17, 3), (5, 2, 18, 3), (5, 2, 17, 4)])
def test_seed_epoch_row_and_stream_all_matter(other: tuple[int, int, int, int]) -> None:
    seed, epoch, row, stream = other
    one = Draws(5, 2, np.array([17])).uniform(3, 200)
    two = Draws(seed, epoch, np.array([row])).uniform(stream, 200)
    assert not np.isclose(one, two).any()
    assert abs(np.corrcoef(one[0], two[0])[0, 1]) < 0.3
