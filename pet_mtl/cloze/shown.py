"""One row's prompt, token by token, as a page shows it."""

from collections.abc import Mapping, Sequence

import numpy as np

from pet_mtl.cloze.columns import cut_text
from pet_mtl.cloze.form import Form, Kind
from pet_mtl.cloze.shorten import shorten
from pet_mtl.cloze.tokenizer import PieceTokenizer


def show_prompt(
    form: Form,
    text: Mapping[str, str],
    tokenizer: PieceTokenizer,
    max_length: int,
    masks: int,
    said: Sequence[int] = (),
) -> list[tuple[int, Kind]]:
    """Return one row's prompt as `(token id, kind)`; kinds are special, prefix, pattern, field,
    slot.

    Args:
        said: the label numbers that other tasks say, in the order of `form.said_parts`; the
            first label where nothing is said.
    """
    told = iter(said)
    fields = {
        (part.field, part.space_before): tokenizer.encode(
            [cut_text(text[part.field], tail=form.long_text == "head_tail")],
            space_before=part.space_before,
        )[0]
        for part in form.parts
        if part.field is not None
    }
    room = form.room(max_length)
    parts = [part for part in form.parts if part.field is not None]
    lengths = [
        np.array([min(len(fields[part.field, part.space_before]), max_length)])  # type: ignore[index]
        for part in parts
    ]
    kept = {
        id(part): int(keep[0]) for part, keep in zip(parts, shorten(lengths, room), strict=True)
    }
    shown: list[tuple[int, Kind]] = []
    for part in form.parts:
        if part.is_slot:
            shown += [(tokenizer.mask_id, "slot")] * (masks if form.behind is None else 1)
        elif part.said is not None:
            label = next(told, 0)
            shown += [(i, part.kind) for i in (part.words[label] if part.words else ())]
        elif part.field is None:
            shown += [(i, part.kind) for i in part.ids]
        else:
            shown += [(i, "field") for i in fields[part.field, part.space_before][: kept[id(part)]]]
    return shown
