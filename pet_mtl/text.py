"""Text normalisation for comparing rows: two texts that a reader would call the same get the same key."""

import unicodedata


def normalize_text(text: str) -> str:
    """Return `text` in NFKC form, lower case, without white space.

    >>> normalize_text("Ｉ Phone　发布 ")
    'iphone发布'
    """
    return "".join(unicodedata.normalize("NFKC", text).lower().split())
