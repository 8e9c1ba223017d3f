"""What two texts of a row are to each other, by the names of their columns: a pair, or a title and
what stands below it, which are one text."""

import re
from collections.abc import Sequence

_PAIRS = """
question+passage question+context question+answer query+passage query+document query+title
premise+hypothesis premise+hypo sentence1+sentence2 text1+text2 text_a+text_b question1+question2
问题+段落 问题+回答 前提+假设
"""
# they belong together, however much longer one is
PAIRS = [tuple(pair.split("+")) for pair in _PAIRS.split()]
_PARTS = """
title headline subject summary 标题 主题 题目
body content text description article abstract 正文 内容 文本 描述 摘要
"""
_HEADS, _BODIES = (frozenset(names.split()) for names in _PARTS.strip().splitlines())


def is_pair(names: Sequence[str]) -> bool:
    """Return whether two texts stand beside each other.

    >>> is_pair(["premise", "hypothesis"]), is_pair(["Ticket Subject", "body"]), is_pair(["text"])
    (True, False, False)
    """
    last = {_last_word(name) for name in names}
    return len(names) == 2 and not (last & _HEADS and last & _BODIES)


def reading_order(fields: Sequence[str]) -> list[str]:
    """Return fields in the order in which they are read: of two whose names tell it in theirs,
    whatever the order of the columns is.

    >>> reading_order(["hypothesis", "premise"]), reading_order(["body", "ticket_subject"])
    (['premise', 'hypothesis'], ['ticket_subject', 'body'])
    >>> reading_order(["second", "first"]), reading_order(["body"])
    (['second', 'first'], ['body'])
    """
    if len(fields) == 2:
        one, other = fields
        if (other, one) in PAIRS or (_last_word(one) in _BODIES and _last_word(other) in _HEADS):
            return [other, one]
    return [*fields]


def _last_word(name: str) -> str:
    return re.split(r"[\W_]+", name.strip().lower())[-1]
