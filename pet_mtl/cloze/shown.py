"""One row's prompt, token by token, as a page shows it."""

from collections.abc import Sequence
from itertools import islice

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.form import PartKind
from pet_mtl.cloze.tokenizer import PieceTokenizer


def show_prompt(
    prompts: Prompts, item: int, tokenizer: PieceTokenizer, masks: int, said: Sequence[int] = ()
) -> list[tuple[int, PartKind]]:
    """Return a prompt of a store as `(token id, kind)`; kinds are special, prefix, pattern, field,
    slot.

    Args:
        prompts: with the words that other tasks say in their places, where there are some.
        said: the label numbers of these words, in the order of `form.said_parts`.
    """
    assert prompts.kept is not None
    form, told = prompts.forms[prompts.form[item]], iter(said)
    ids = iter(prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist())
    kept = iter(prompts.kept[item].tolist())
    shown: list[tuple[int, PartKind]] = []
    for part in form.parts:
        if part.is_slot:
            shown += [(tokenizer.mask_id, "slot")] * (masks if form.behind is None else 1)
            continue
        if part.said is not None:
            width = len(part.words[next(told)])
        else:
            width = len(part.ids) if part.field is None else next(kept)
        shown += [(i, part.kind) for i in islice(ids, width)]
    return shown
