"""How much of the texts the model cannot read."""

from typing import Any

from pet_mtl.audit.finding import Finding
from pet_mtl.audit.parts import Part
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.cloze.unreadable import ADVICE, MANY, lost_text, text_readability

LOOKED_AT = 2000  # rows


def check_unreadable(
    part: Part, tokenizer: PieceTokenizer | None
) -> tuple[dict[str, Any], list[Finding]]:
    """Measure the share of pieces that say little in the first rows."""
    if tokenizer is None:
        return {}, []
    texts = [
        text
        for column in part.rows.fields.values()
        for text in column.slice(0, LOOKED_AT).to_pylist()
    ]
    measured = text_readability(texts, tokenizer)
    figures = {"unreadable": round(measured.share, 4)}
    if measured.share <= MANY:
        return figures, []
    return figures, [Finding("warning", "unreadable", part.title, lost_text(measured), hint=ADVICE)]
