"""Patterns for causal models, which read from left to right: the label word stands behind all else
(as GPT-style models are asked, Brown et al. 2020)."""

from pet_mtl.cloze.label_words import Words
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.cloze.word_tree import word_tree
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.pattern import Field, Literal, Mask, Part, Pattern, Said, written


def slot_room(words: Words, tokenizer: PieceTokenizer) -> tuple[tuple[int, ...], int | None]:
    """Return the numbers of tokens that are put at the slot of a row, one prompt for each, and,
    where label words stand behind the text, how many positions the longest takes there."""
    if not tokenizer.causal:
        return words.lengths, None
    tree = word_tree(words)
    return (len(tree.pieces),), tree.depth


def require_end(pattern: Pattern, task: str, number: int) -> None:
    """Refuse a pattern that goes on behind its label word.

    Raises:
        PetMtlError: with a pattern that does not.
    """
    place = pattern.parts.index(Mask())
    before, behind = pattern.parts[:place], pattern.parts[place + 1 :]
    if behind:
        raise PetMtlError(
            f"pattern {number} `{pattern.source}` goes on behind its `{{mask}}`, and a causal "
            "model reads no further than the label word",
            where=f"task `{task}`",
            hint=f"put the mask at the end, as in `{_reordered(before, behind)}`",
        )


def _reordered(before: tuple[Part, ...], behind: tuple[Part, ...]) -> str:
    """Return a pattern whose mask comes last.

    >>> from pet_mtl.suite.pattern import parse_pattern
    >>> parts = parse_pattern("这是一条{mask}新闻：{title}").parts
    >>> _reordered(parts[:1], parts[2:])
    '新闻：{title}。这是一条{mask}'
    """
    if not any(isinstance(part, Field | Said) for part in behind):
        return "".join(map(written, before)) + "{mask}"
    turned = "".join(map(written, behind)).lstrip("，。,. ")
    first = "".join(map(written, before))
    stop = ""
    if first.strip() and isinstance(behind[-1], Field | Said):
        letters = [part.text for part in (*before, *behind) if isinstance(part, Literal)]
        stop = ". " if "".join(letters).isascii() else "。"
    return f"{turned}{stop}{first}{{mask}}"
