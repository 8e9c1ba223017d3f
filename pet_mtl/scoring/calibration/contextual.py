"""Contextual calibration: the model's answer to texts without content (Zhao et al. 2021)."""

from collections.abc import Sequence

from pet_mtl.data.rows import Rows

# the paper's three; the last one is text here, as in every row
CONTENT_FREE = ("", "N/A", "[MASK]")


def fitting_rows(fields: Sequence[str]) -> Rows:
    """Return one row for each text without content, all its fields alike."""
    return Rows.of(dict.fromkeys(fields, CONTENT_FREE))
