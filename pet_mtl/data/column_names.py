"""The usual names of columns, by which a first line is known for a header."""

import re
from collections.abc import Mapping, Sequence

_LABELS = """
label labels class classes category categories target sentiment emotion topic intent tag tags y gold rating stars
polarity gold_label label_desc label_text label_name 标签 类别 分类 类型 类 情感 情绪 主题 意图 领域 星级 评分
"""
_IDS = "id idx index guid uid uuid qid no nr key example_id row 编号 序号 行号"
_TEXTS = """
text sentence content title body review comment question query answer abstract headline description message tweet
premise hypothesis hypo passage context sentence1 sentence2 text1 text2 text_a text_b question1 question2
文本 内容 标题 评论 句子 正文 摘要 描述 问题 回答 前提 假设
"""
LABEL_NAMES, ID_NAMES, TEXT_NAMES = (frozenset(names.split()) for names in (_LABELS, _IDS, _TEXTS))
_PLAIN_LABEL_NAMES = frozenset(["label", "labels", "label_desc", "label_name", "标签", "类别"])
LONGEST_NAME = 40  # characters
_SNAKE = re.compile(r"[a-z]+\d*(_[a-z\d]+){1,3}")
_WORDS = re.compile(r"[A-Za-z]+|[^\W\dA-Za-z_]+")
_REMARK = re.compile(r"[(（\[【][^()（）\[\]【】]*[)）\]】]")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\dA-Za-z_]+")


def is_usual_name(cell: str) -> bool:
    """Say whether a cell names a column, as `text`, `Text_A`, `news_title` or `评论内容` do.

    >>> [is_usual_name(cell) for cell in ("Text", "news_title", "sentence 1", "评论内容",
    ...     "这个东西很不错", "")]
    [True, True, True, True, False, False]
    """
    known = TEXT_NAMES | LABEL_NAMES | ID_NAMES
    name = cell.strip().lower()
    if name in known:
        return True
    words = _WORDS.findall(name)
    halves = (
        [words[0][:2], words[0][2:]]
        if len(words) == 1 and len(words[0]) == 4 and not words[0].isascii()
        else words
    )
    if _SNAKE.fullmatch(name) and any(w in TEXT_NAMES for w in words):
        return True
    return (
        bool(halves)
        and len(name) <= LONGEST_NAME
        and any(w in TEXT_NAMES for w in halves)
        and all(w in known for w in halves)
    )


def ends_like(name: str, names: frozenset[str]) -> bool:
    """Say whether a column's name ends in a usual one, remarks in brackets left out: what comes
    last says what a compound is.

    >>> [ends_like(name, LABEL_NAMES) for name in ("最终分类(勿改)", "news_category", "userLabel",
    ...     "分类描述", "subclass")]
    [True, True, True, False, False]
    """
    parts = _PARTS.findall(_REMARK.sub("", name))
    if not parts:
        return False
    word = parts[-1].lower()
    if word.isascii():
        return word in names
    return any(word.endswith(known) for known in names if len(known) > 1 and not known.isascii())


def looks_like_header(cells: Sequence[str], places: Mapping[str, int]) -> bool:
    """Say whether the first line of a file names its columns, judged by the wanted ones.

    Args:
        cells: of the first line.
        places: of the wanted columns, by field.
    """
    texts = [
        (name, cells[place])
        for name, place in places.items()
        if name not in ("label", "id") and place < len(cells)
    ]
    label = (
        cells[places["label"]].strip().lower()
        if places.get("label", len(cells)) < len(cells)
        else ""
    )
    row_id = cells[places["id"]] if places.get("id", len(cells)) < len(cells) else ""
    if label in _PLAIN_LABEL_NAMES or row_id.strip().lower() in ID_NAMES:
        return True
    return bool(texts) and all(
        is_usual_name(cell) or cell.strip().lower() == name for name, cell in texts
    )
