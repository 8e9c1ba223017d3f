"""How much of the texts the model cannot read."""

from typing import Any

from pet_mtl.audit.finding import Finding
from pet_mtl.audit.parts import Part
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.cloze.unreadable import MANY, unreadable_share

LOOKED_AT = 2000  # rows


def check_unreadable(
    part: Part, tokenizer: PieceTokenizer | None
) -> tuple[dict[str, Any], list[Finding]]:
    """Measure the share of unknown and single-byte pieces in the first rows."""
    if tokenizer is None:
        return {}, []
    texts = [
        text
        for column in part.rows.fields.values()
        for text in column.slice(0, LOOKED_AT).to_pylist()
    ]
    share = unreadable_share(tokenizer.encode(texts), tokenizer)
    if share <= MANY:
        return {"unreadable": round(share, 4)}, []
    message = (
        f"the model cannot read {100 * share:.0f} % of the pieces of the texts (unknown to "
        "its vocabulary)"
    )
    hint = "choose a model of their language and script"
    return {"unreadable": round(share, 4)}, [
        Finding("warning", "unreadable", part.title, message, hint=hint)
    ]
