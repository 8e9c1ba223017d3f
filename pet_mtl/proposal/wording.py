"""How a proposed task is worded: language, prefix, patterns, names of fields and of the task."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pet_mtl.proposal.two_texts import is_pair
from pet_mtl.suite.pattern import MASK_NAME
from pet_mtl.suite.task import ID_COLUMN, LABEL_COLUMN

LOOKED_AT, CHARACTERS = 2000, 1000  # texts, and of each
A_LANGUAGE = 0.2  # of the letters
_HAN, _KANA = re.compile("[\u3400-\u9fff]"), re.compile("[\u3040-\u30ff]")


@dataclass(frozen=True)
class Wording:
    """What stands around the texts, by language; `{0}` and `{1}` are the fields, `{task}` is the
    task's name. `behind` stands behind all texts where the model is causal."""

    prefix: str
    pattern: str
    pair: str
    behind: str
    entailment: tuple[str, str, str]


# Short ones: each token costs time on every row. The pair's form is that of Schick & Schütze, 2021
# (PET), for MNLI.
WORDINGS = {
    "zh": Wording(
        "分类：",
        "{{mask}}。{{{0}}}",
        "{{{0}}}？{{mask}}，{{{1}}}",
        "。{{mask}}",
        ("所以", "可能", "不过"),
    ),
    "en": Wording(
        "{task}: ",
        "It is {{mask}}. {{{0}}}",
        "{{{0}}}? {{mask}}, {{{1}}}",
        ". It is {{mask}}",
        ("yes", "maybe", "no"),
    ),
}
NONE = {"zh": ("无", "没有"), "en": ("none", "nothing")}  # of the labels, for sets of them


def language(texts: Sequence[str]) -> str:
    """Return `zh` where a good share of the letters is Chinese, else `en`.

    >>> language(["新车 iPhone 上市"]), language(["a film by 张艺谋, shown in the cinemas again"])
    ('zh', 'en')
    """
    return "zh" if _is_written_in(_HAN, texts) else "en"


def japanese_note(texts: Sequence[str], language: str) -> str | None:
    """Say that Japanese texts, which hold Chinese characters too, got the wording of another
    language.

    >>> japanese_note(["新车 iPhone 上市", "「の」字装修"], "zh")
    """
    if not _is_written_in(_KANA, texts):
        return None
    name = {"zh": "Chinese", "en": "English"}[language]
    return (
        f"the texts look Japanese, but the wording (prefix, pattern, some label words) is {name}: "
        "edit it"
    )


def _is_written_in(script: re.Pattern[str], texts: Sequence[str]) -> bool:
    """Say whether a good share of the letters of texts is of a script."""
    sample = "".join(text[:CHARACTERS] for text in texts[:LOOKED_AT])
    return len(script.findall(sample)) > A_LANGUAGE * sum(map(str.isalpha, sample))


def field_names(columns: Sequence[str | int]) -> list[str]:
    """Return a name for each text column that a pattern can hold.

    >>> field_names(["Review Text"]), field_names([0]), field_names([2, 3])
    (['review_text'], ['text'], ['first', 'second'])
    >>> field_names([0, 1, 3])
    ['text_0', 'text_1', 'text_3']
    >>> field_names(["a-b", "a b"])
    ['a_b', 'a_b_2']
    """
    names: list[str] = []
    by_position = {1: ["text"], 2: ["first", "second"]}.get(len(columns))
    for number, column in enumerate(columns):
        name = re.sub(r"\W+", "_", str(column).lower()).strip("_")
        if by_position and isinstance(column, int):
            name = by_position[number]
        if not name.isidentifier() or name in (LABEL_COLUMN, ID_COLUMN, MASK_NAME):
            name = f"text_{name}".rstrip("_")
        if not name.isidentifier():
            name = "text"
        names.append(name if name not in names else f"{name}_{number + 1}")
    return names


def task_name(stem: str) -> str:
    """Return a task's name for a file's.

    >>> task_name("My Reviews (2024)"), task_name("TNEWS_train")
    ('my-reviews-2024', 'tnews')
    >>> task_name("新闻"), task_name("--x")
    ('task', 'x')
    """
    plain = re.sub(r"[^a-z0-9_]+", "-", stem.lower()).strip("-_")
    return re.sub(r"[_-]train(ing)?$", "", plain) or "task"


def pattern_for(fields: Sequence[str], wording: Wording, *, causal: bool) -> str:
    """Return the pattern of a task with one text, with a pair of texts, or with more of them one
    after the other, as a headline and what stands below it.

    Args:
        causal: the label word must stand at the end.

    >>> pattern_for(["premise", "hypothesis"], WORDINGS["zh"], causal=False)
    '{premise}？{mask}，{hypothesis}'
    >>> pattern_for(["ticket_subject", "body"], WORDINGS["en"], causal=False)
    'It is {mask}. {ticket_subject} {body}'
    """
    if causal:
        return " ".join(f"{{{field}}}" for field in fields) + wording.behind.format()
    if is_pair(fields):
        return wording.pair.format(*fields)
    more = "".join(f" {{{field}}}" for field in fields[1:])
    return wording.pattern.format(fields[0]) + more
