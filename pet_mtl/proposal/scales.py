"""Labels that are more than names: levels of a scale, how alike two texts are, leaves of a tree.

What a wrong guess costs is an order that is none, so names must say it: codes such as 1 to 5 under
`label` may be topics, and stay labels.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pet_mtl.data.column_names import ends_like
from pet_mtl.proposal.header import is_number
from pet_mtl.proposal.presets import STAR_COLUMNS, Preset
from pet_mtl.suite.kind import numbers
from pet_mtl.suite.levels import inner_labels

FEWEST_LEVELS = 3  # two are yes and no
HIGHEST = 10  # of numbers that are levels: 0 to 10, half stars
_ENDS = (1, 5, 10, 100)  # where scores of pairs end; they begin at 0
_FEW_SCORES = 5  # different ones; with no more, they may be codes
_LEVEL = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(星|颗星|分|stars?)?", re.IGNORECASE)
_ALIKE = re.compile(r"simil|relatedness|相似", re.IGNORECASE)
_APART = re.compile(r"dis_?simil|dist|diff|不相似|距离|差异", re.IGNORECASE)  # 0 is the same
_SCORES = frozenset(["score", "scores", "sim", "分数", "得分", "打分", "评分"])

# Steps from the lowest to the highest: what they are called, and behind `=` the Chinese word. All
# labels of a task must be steps of one scale, each another.
_QUALITY = """
terrible|awful|very bad|very poor|very negative|very dissatisfied|非常差|很差|极差|很不满意=很差
bad|poor|negative|dissatisfied|差|较差|比较差|不好|不满意|负面=较差
okay|ok|average|fair|neutral|一般|普通|中等|还行|中|中性=一般
good|positive|satisfied|好|较好|比较好|不错|良好|良|满意|正面=不错
great|very good|very positive|very satisfied|excellent|很好|非常好|极好|优秀|优|很满意=很好
"""
_DEGREE = """
very low|很低|极低|非常低=很低
low|低|较低=较低
medium|moderate|mid|中|中等|一般|normal=中等
high|高|较高=较高
very high|很高|极高|非常高=很高
urgent|critical|紧急=紧急
"""
_SEVERITY = """
mild|minor|slight|轻微|轻度|轻=轻微
moderate|medium|中度|中等|中|一般=中等
severe|major|serious|严重|重度|重=严重
critical|致命|危急=致命
"""
_DIFFICULTY = """
easy|简单|容易|易=简单
medium|moderate|中等|适中|中=中等
hard|difficult|困难|较难|难=困难
"""
_SCALES = [
    {
        name: (place, step.split("=")[1])
        for place, step in enumerate(lines.split("\n")[1:-1])
        for name in step.split("=")[0].split("|")
    }
    for lines in (_QUALITY, _DEGREE, _SEVERITY, _DIFFICULTY)
]
ENDS = ("low", "high")
ALIKE_WORDS = {"zh": ("不同", "相同"), "en": ("no", "yes")}
_NUMBERS = "zero one two three four five six seven eight nine ten"
_NUMBER_WORDS = {"zh": list("零一二三四五六七八九十"), "en": _NUMBERS.split()}


def levels(names: Mapping[str, str], column: str, *, asked: bool = False) -> list[str] | None:
    """Return labels that are levels of a scale from the lowest to the highest, else None.

    They are if they are called so (`low`, `medium`, `high`; `1星`), or are numbers under a column
    whose name says it (`stars`, `评分`).

    Args:
        names: what each label is called, by the label.
        asked: a person says that the labels are levels; numbers need no name then.

    >>> levels({name: name for name in ("high", "low", "medium")}, "label")
    ['low', 'medium', 'high']
    >>> codes = {code: code for code in "12345"}
    >>> levels(codes, "stars"), levels(codes, "label")
    (['1', '2', '3', '4', '5'], None)
    """
    value = _values(names, column, asked=asked)
    if value is None or len(set(value.values())) < len(names):
        return None
    order = sorted(names, key=value.__getitem__)
    # labels that are numbers count as these; a scale that falls with them is none to us
    rising = numbers(tuple(order))
    if rising is not None and list(rising) != sorted(set(rising)):
        return None
    return order if asked or len(order) >= FEWEST_LEVELS else None


def _values(names: Mapping[str, str], column: str, *, asked: bool) -> dict[str, float] | None:
    called = _called(names)
    for scale in _SCALES:
        if all(name in scale for name in called.values()):
            return {label: scale[name][0] for label, name in called.items()}
    if asked and all(map(_finite, called.values())):
        return {label: float(name) for label, name in called.items()}
    found = {label: _LEVEL.fullmatch(name) for label, name in called.items()}
    values = {label: float(match[1]) for label, match in found.items() if match}
    told = ends_like(column, STAR_COLUMNS) or all(match and match[2] for match in found.values())
    fits = told and len(values) == len(names) <= HIGHEST + 1 and max(values.values()) <= HIGHEST
    return values if fits else None


def _called(names: Mapping[str, str]) -> dict[str, str]:
    return {
        label: " ".join(name.lower().replace("_", " ").split()) for label, name in names.items()
    }


def level_words(names: Mapping[str, str], language: str) -> Preset | None:
    """Return words for the levels of a scale: Chinese for English names, and for numbers whose
    order no stars tell. None where names are words already, or nothing is known.

    >>> level_words({"low": "low", "high": "high"}, "zh").words
    {'low': '较低', 'high': '较高'}
    """
    called = _called(names)
    for scale in _SCALES if language == "zh" else ():
        if all(name in scale for name in called.values()):
            return Preset("levels", {label: scale[name][1] for label, name in called.items()})
    words = _NUMBER_WORDS[language]
    found = {label: _LEVEL.fullmatch(name) for label, name in called.items()}
    counts = {label: float(match[1]) for label, match in found.items() if match}
    if len(counts) < len(names) or any(n not in range(len(words)) for n in counts.values()):
        return None
    return Preset("levels", {label: words[int(n)] for label, n in counts.items()})


def score_range(cells: Sequence[str], column: str | int, *, asked: bool = False) -> list[int]:
    """Return the ends of the scale on which the scores of pairs lie; empty where cells are none.

    They are if some are no whole numbers, and they are many; whole ones only up to the end of a
    scale, under a name such as `similarity`.

    Args:
        asked: a person says that they are; any numbers do.

    >>> score_range(["0.5", "3.8", "5", "1.2", "2.4", "0"], "score")
    [0, 5]
    >>> score_range(["0", "1"], "similarity"), score_range(["0", "2", "3", "5"], "similarity")
    ([], [0, 5])
    """
    texts = {cell.strip() for cell in cells} - {""}
    if not texts or not all(map(_finite, texts)):
        return []
    values = {float(text) for text in texts}
    low, high = min(values), max(values)
    end = next((end for end in _ENDS if low >= 0 and high <= end), None)
    if asked:
        least = math.floor(low)
        return [0, end] if end else [least, max(math.ceil(high), least + 1)]
    whole = all(value.is_integer() for value in values)
    known = len(values) > 3 and high == end if whole else len(values) > _FEW_SCORES
    return [0, end] if end and known and (not whole or _is_alike(str(column))) else []


def is_score_name(name: str | int) -> bool:
    """Say whether a column's name is one of scores of pairs.

    >>> [is_score_name(name) for name in ("similarity_score", "score", "dissimilarity", "year")]
    [True, True, False, False]
    """
    text = str(name)
    return _is_alike(text) or (ends_like(text, _SCORES) and not _APART.search(text))


def _is_alike(name: str) -> bool:
    return bool(_ALIKE.search(name)) and not _APART.search(name)


def level_separator(labels: Sequence[str]) -> str | None:
    """Return what stands between the names of labels that are leaves of a tree, None for others.

    Half of them or more have several names; no name stands on two levels, and two branches or more
    have several leaves.

    >>> level_separator(["food/price", "food/taste", "room/price", "room/size", "other"])
    '/'
    >>> level_separator(["a/b", "b/c", "a/c"]), level_separator(["news/tech", "news/sport"])
    (None, None)
    """
    for separator in "/>":
        paths = [[part.strip() for part in label.split(separator)] for label in labels]
        deep = [path for path in paths if len(path) > 1]
        if 2 * len(deep) < len(labels) or not all(
            any(map(str.isalpha, name)) for path in paths for name in path
        ):
            continue
        levels_of: dict[str, set[int]] = {}
        for path in paths:
            for level, name in enumerate(path):
                levels_of.setdefault(name, set()).add(level)
        tops = Counter(path[0] for path in deep)
        if (
            all(len(found) == 1 for found in levels_of.values())
            and sum(leaves > 1 for leaves in tops.values()) > 1
            and not set(inner_labels(labels, separator)) & set(labels)
        ):
            return separator
    return None


def _finite(text: str) -> bool:
    """Say whether `train` would read a number."""
    return is_number(text) and "_" not in text and math.isfinite(float(text))
