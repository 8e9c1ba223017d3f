"""Texts that the model cannot read: how much of them became unknown or single-byte pieces."""

import re
from collections.abc import Iterable, Sequence

from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.tokenizer import PieceTokenizer

MANY = 0.2  # share of a task's pieces above which a warning is due
_BYTE = re.compile(r"<0x[89A-F][0-9A-F]>")


def unreadable_ids(tokenizer: PieceTokenizer) -> set[int]:
    """Return the unknown piece and those of one byte of a character (`<0xE4>`, or a byte-level
    letter)."""
    found = {
        number
        for piece, number in tokenizer.tokenizer.get_vocab().items()
        if _BYTE.fullmatch(piece)
    }
    if tokenizer.byte_level:
        vocabulary = tokenizer.tokenizer.get_vocab().items()
        found |= {
            number
            for piece, number in vocabulary
            if len(piece) == 1 and "\u00a1" <= piece not in "ĠĊĉč"
        }
    return found if tokenizer.unk_id is None else found | {tokenizer.unk_id}


def unreadable_share(texts: Iterable[Sequence[int]], tokenizer: PieceTokenizer) -> float:
    """Return the share of pieces that say nothing; 0 where there are none."""
    odd = unreadable_ids(tokenizer)
    total = unread = 0
    for ids in texts:
        total += len(ids)
        unread += sum(piece in odd for piece in ids)
    return unread / total if total else 0.0


def unreadable_warnings(
    prompts: Prompts, tokenizer: PieceTokenizer, first: int = 1000
) -> list[str]:
    """Return a warning for each task of whose texts the model can read little, judged by its first
    prompts."""
    import numpy as np

    odd = np.array(sorted(unreadable_ids(tokenizer)))
    warnings = []
    for task in dict.fromkeys(form.task for form in prompts.forms):
        number = next(i for i, form in enumerate(prompts.forms) if form.task == task)
        rows = np.flatnonzero(prompts.form == number)[:first]
        if not len(rows):
            continue
        ids = prompts.ids[prompts.starts[rows[0]] : prompts.starts[rows[-1] + 1]]
        constant = [piece for part in prompts.forms[number].parts for piece in part.ids]
        texts = len(ids) - len(rows) * len(constant)
        unread = int(np.isin(ids, odd).sum()) - len(rows) * int(np.isin(constant, odd).sum())
        if texts and unread / texts > MANY:
            warnings.append(warning(task, unread / texts))
    return warnings


def warning(task: str, share: float) -> str:
    """Say how much of a task's texts is lost."""
    return (
        f"warning: {task}: the model cannot read {100 * share:.0f} % of the pieces of the texts "
        "(unknown to its vocabulary); choose a model of their language and script"
    )
