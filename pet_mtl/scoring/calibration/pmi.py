"""Domain-conditional PMI: log p(label | row) - log p(label | the pattern without a row) (Holtzman
et al. 2021)."""

from collections.abc import Sequence

from pet_mtl.data.rows import Rows


def fitting_rows(fields: Sequence[str]) -> Rows:
    """Return the one row whose fields are empty: prefix and pattern are the domain."""
    return Rows.of(dict.fromkeys(fields, ("",)))
