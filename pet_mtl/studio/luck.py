"""How likely chance alone gains so much: words are tried on the same rows until one is better."""

import math

FEW_ROWS = 500
_EXACT = 2000


def sign_test(gained: int, lost: int) -> float:
    """Return how likely so many of the rows that changed would be gained if each were a coin flip
    (sign test, Dixon and Mood 1946; one-sided McNemar).

    >>> sign_test(5, 0), sign_test(3, 3) > 0.5, sign_test(0, 0)
    (0.03125, True, 1.0)
    """
    flips = gained + lost
    if flips <= _EXACT:
        return float(sum(math.comb(flips, k) for k in range(gained, flips + 1)) / 2**flips)
    distance = (gained - 0.5 - flips / 2) / (math.sqrt(flips) / 2)
    return math.erfc(distance / math.sqrt(2)) / 2


def after_tries(p: float, tries: int) -> float:
    """Return how likely the best of some tries is so lucky (Šidák 1967).

    >>> round(after_tries(0.05, 10), 3)
    0.401
    """
    return -math.expm1(tries * math.log1p(-p)) if p < 1 else 1.0
