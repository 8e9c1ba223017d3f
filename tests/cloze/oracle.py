"""Prompts written the slow, obvious way: one row, one token at a time."""

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.suite.pattern import Field, Literal, parse_pattern
from pet_mtl.suite.task import TaskSpec


def cut_fields(lengths: list[int], room: int) -> list[int]:
    """Take one token at a time from the currently longest field until all fit; of equals, the one
    that was shortest."""
    rank = sorted(range(len(lengths)), key=lengths.__getitem__)
    lengths = list(lengths)
    while sum(lengths) > room:
        lengths[max(rank, key=lengths.__getitem__)] -= 1
    return lengths


def oracle_parts(
    task: TaskSpec, pattern: int, text: dict[str, str], tokenizer: PieceTokenizer, max_length: int
) -> list[tuple[str, list[int]]]:
    """Return the parts of a prompt before anything is cut, for tokenizers to which spaces do not
    matter."""
    assert not tokenizer.space_matters
    parts = [("constant", list(tokenizer.start_ids))]
    if task.prefix:
        parts.append(("constant", tokenizer.encode([task.prefix])[0]))
    for part in parse_pattern(task.patterns[pattern]).parts:
        if isinstance(part, Literal):
            parts.append(("constant", tokenizer.encode([part.text])[0]))
        elif isinstance(part, Field):
            # cut to `max_length` first, as the store does: it decides which of two equally long
            # fields loses a token
            parts.append(("field", tokenizer.encode([text[part.name]])[0][:max_length]))
        else:
            parts.append(("mask", []))
    parts.append(("constant", list(tokenizer.end_ids)))
    return parts


def oracle_prompt(
    task: TaskSpec,
    pattern: int,
    text: dict[str, str],
    masks: int,
    tokenizer: PieceTokenizer,
    max_length: int,
) -> tuple[list[int], list[int]]:
    """Return the token ids and the slot positions of one prompt with `masks` masks."""
    parts = oracle_parts(task, pattern, text, tokenizer, max_length)
    longest = max(
        len(tokenizer.encode([word])[0]) for words in task.verbalizer.words for word in words
    )
    room = max_length - longest - sum(len(ids) for kind, ids in parts if kind == "constant")
    keep = cut_fields([len(ids) for kind, ids in parts if kind == "field"], room)
    out: list[int] = []
    slots: list[int] = []
    for kind, ids in parts:
        if kind == "field":
            ids = ids[: keep.pop(0)]
        if kind == "mask":
            slots = list(range(len(out), len(out) + masks))
            ids = [tokenizer.mask_id] * masks
        out.extend(ids)
    return out, slots
