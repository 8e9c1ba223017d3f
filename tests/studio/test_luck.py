"""How likely chance alone gains so much."""

import pytest
from scipy.stats import binom

from pet_mtl.studio.luck import after_tries, sign_test


@pytest.mark.parametrize(("gained", "lost"), [(1, 0), (5, 3), (40, 20), (700, 640), (1200, 1100)])
def test_sign_test(gained: int, lost: int) -> None:
    expected = binom.sf(gained - 1, gained + lost, 0.5)
    assert sign_test(gained, lost) == pytest.approx(expected, rel=0.02)


def test_the_best_of_many_tries_is_luckier() -> None:
    assert after_tries(0.05, 1) == pytest.approx(0.05)
    assert after_tries(0.05, 3) == pytest.approx(1 - 0.95**3)
    assert after_tries(1.0, 3) == 1.0
    assert after_tries(0.0, 3) == 0.0
