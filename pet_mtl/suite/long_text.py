"""What a task may say of texts that are too long for one prompt."""

from typing import Literal

LongText = Literal["head", "head_tail", "windows"]
Pooling = Literal["mean", "max"]
# keys of a task that its stored form has only where they say something: it came before them
UNSTORED = frozenset({"detach", "long_text", "long_text_pooling"})


def check_pooling(long_text: LongText, pooling: Pooling) -> None:
    """Refuse a pooling of what is one prompt.

    Raises:
        ValueError: see there.
    """
    if long_text != "windows" and pooling != "mean":
        raise ValueError("`long_text_pooling` is for `long_text: windows`")
