"""Label words for the usual sets of labels: pairs, sentiment, stars, inference, topics, emotions.

A set is known by what its labels are called, or by codes (`0`, `1`) under a column or beside texts
whose names tell what they mean. Words of one set have one length wherever a language allows it:
each further length costs a prompt.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pet_mtl.data.column_names import ends_like
from pet_mtl.proposal.two_texts import is_pair

_SENTIMENT_NAMES = """
sentiment polarity attitude 情感 情感倾向 情感极性 情感正负 倾向 极性 好坏 态度
"""
_STAR_NAMES = """
stars star rating ratings score grade review_rating star_rating overall 星级 评分 打分 分数 得分 星
"""
_OPINION_NAMES = "review reviews review_body comment comments 评论 评价 点评 影评"
_SENTIMENT_COLUMNS, STAR_COLUMNS, _OPINIONS = (
    frozenset(names.split()) for names in (_SENTIMENT_NAMES, _STAR_NAMES, _OPINION_NAMES)
)

# of these the highest grade is the worst
_GRAVE = re.compile(r"severity|priority|urgency|risk|严重|优先|紧急|风险")

# The labels of a set in the order of the words below, by what they are called.
_NO_AND_YES = """
no yes,n y,false true,f t,different same,否 是,不是 是,不是 是的,错 对,不同 相同,不相似 相似
"""
_BAD_AND_GOOD = """
negative positive,neg pos,bad good,负面 正面,消极 积极,负向 正向,差评 好评,负 正,贬 褒
"""
_ENTAILED = """
entailment neutral contradiction,entailed neutral contradicted,e n c,蕴含 中立 矛盾,蕴涵 中性 矛盾
"""
_YES_NO, _POLARITY, _INFERENCE = (
    [line.split() for line in lines.split(",")] for lines in (_NO_AND_YES, _BAD_AND_GOOD, _ENTAILED)
)
_NEUTRAL = ("neutral", "neu", "中性", "中立", "中评", "中")
_STAR = re.compile(r"([0-9])(?:\.0+)?\s*(?:星|分|stars?)?", re.IGNORECASE)

_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "zh": {
        "pair": ("不是", "是的"),
        "sentiment": ("差", "好"),
        "sentiment-3": ("很差", "一般", "很好"),
        "stars": ("很差", "较差", "一般", "不错", "很好"),
    },
    "en": {
        "pair": ("no", "yes"),
        "sentiment": ("terrible", "great"),  # those of Gao et al., 2021 (LM-BFF), for SST-2 …
        "sentiment-3": ("terrible", "okay", "great"),
        "stars": ("terrible", "bad", "okay", "good", "great"),  # … and SST-5
    },
}
# Chinese for the English names of topics and feelings: an English name is letters to a Chinese
# model. Two characters each.
_PAIRS = """
sports=体育 sport=体育 finance=财经 financial=财经 economy=经济 business=商业 technology=科技 tech=科技
entertainment=娱乐 health=健康 medical=医疗 medicine=医药 education=教育 edu=教育 politics=政治 political=政治
government=政府 military=军事 travel=旅游 tourism=旅游 food=美食 game=游戏 games=游戏 gaming=游戏 car=汽车 cars=汽车
auto=汽车 house=房产 property=房产 estate=房产 stock=股票 stocks=股票 world=国际 international=国际 national=国内
domestic=国内 culture=文化 story=故事 agriculture=农业 science=科学 fashion=时尚 society=社会 social=社会
home=家居 lottery=彩票 constellation=星座 music=音乐 movie=电影 movies=电影 film=电影 book=图书 books=图书
weather=天气 law=法律 legal=法律 art=艺术 arts=艺术 history=历史 environment=环境 pet=宠物 pets=宠物 animal=动物
baby=母婴 beauty=美妆 hotel=酒店 restaurant=餐厅 phone=手机 computer=电脑 software=软件 internet=互联 bank=银行
insurance=保险 price=价格 service=服务 quality=质量 delivery=物流 logistics=物流 package=包装 packaging=包装
clothes=服装 clothing=服装 fruit=水果 news=新闻 opinion=观点 advertisement=广告 advert=广告
happiness=开心 happy=开心 joy=快乐 sadness=悲伤 sad=悲伤 anger=愤怒 angry=愤怒 fear=恐惧 disgust=厌恶 surprise=惊讶
like=喜欢 love=喜爱 hate=讨厌 other=其他 others=其他 neutral=中性 negative=负面 positive=正面 spam=垃圾 ham=正常
normal=正常 offensive=冒犯 question=疑问 complaint=投诉 praise=表扬 thanks=感谢
"""
_TRANSLATIONS = dict(pair.split("=") for pair in _PAIRS.split())


@dataclass(frozen=True)
class Preset:
    """Words for a set of labels; `meaning` says what was made of codes, for a person to check."""

    name: str
    words: Mapping[str, str]
    meaning: str = ""


def find_preset(
    names: Mapping[str, str],
    *,
    column: str,
    texts: Sequence[str],
    language: str,
    entailment: Sequence[str],
) -> Preset | None:
    """Return the words of a known set of labels, None where it is none.

    Args:
        names: what each label is called, by the label.
        column: name of the label column.
        texts: names of the text columns.
        language: `zh` or `en`.
        entailment: words for entailment, neutral and contradiction.

    >>> found = find_preset({"0": "0", "1": "1"}, column="label", texts=["a", "b"], language="zh",
    ...     entailment=("所以", "可能", "不过"))
    >>> found.name, found.words, found.meaning
    ('pair', {'0': '不是', '1': '是的'}, '0 = no, 1 = yes')
    """
    words = _WORDS[language]
    called = {label: name.strip().lower() for label, name in names.items()}
    column, fields = column.lower(), [text.lower() for text in texts]
    pair = is_pair(fields)
    opinion = column in _SENTIMENT_COLUMNS or any(field in _OPINIONS for field in fields)

    def words_of(name: str, order: Sequence[str], chosen: Sequence[str]) -> Preset | None:
        if set(called.values()) != set(order) or len(called) != len(order):
            return None
        place = {label: order.index(name) for label, name in called.items()}
        return Preset(name, {label: chosen[k] for label, k in place.items()})

    def coded(name: str, order: Sequence[str], means: str, chosen: Sequence[str]) -> Preset | None:
        found = words_of(name, order, chosen)
        pairs = zip(order, means.split(), strict=True)
        told = ", ".join(f"{code} = {meaning}" for code, meaning in pairs)
        return found and Preset(name, found.words, told)

    by_name = [
        *(words_of("nli", order, entailment) for order in _INFERENCE if pair),
        *(words_of("pair", order, words["pair"]) for order in _YES_NO),
        *(words_of("sentiment", order, words["sentiment"]) for order in _POLARITY),
        *(
            words_of("sentiment", [low, middle, high], words["sentiment-3"])
            for low, high in _POLARITY
            for middle in _NEUTRAL
        ),
    ]
    by_code: list[Preset | None] = []
    if pair:
        by_code += [
            coded("pair", ["0", "1"], "no yes", words["pair"]),
            coded("pair", ["-1", "1"], "no yes", words["pair"]),
            # the order of SNLI and MNLI; some files have another one
            coded("nli", ["0", "1", "2"], "entailment neutral contradiction", entailment),
        ]
    elif opinion:
        by_code += [
            coded("sentiment", ["0", "1"], "negative positive", words["sentiment"]),
            coded("sentiment", ["-1", "1"], "negative positive", words["sentiment"]),
            *(
                coded("sentiment", codes, "negative neutral positive", words["sentiment-3"])
                for codes in (["-1", "0", "1"], ["0", "1", "2"])
            ),
        ]
    known = next((found for found in (*by_name, *by_code) if found), None)
    if known or pair:
        return known
    told = ends_like(column, STAR_COLUMNS) or (opinion and not _GRAVE.search(column))
    return _stars(called, told, words["stars"]) or _translated(called, language)


def _stars(called: Mapping[str, str], told: bool, words: Sequence[str]) -> Preset | None:
    """Return words for one to five stars (or 0 to 4), where names tell that they are stars."""
    matches = {label: _STAR.fullmatch(name) for label, name in called.items()}
    if not all(matches.values()):
        return None
    counts = {label: int(match[1]) for label, match in matches.items() if match}
    told = told or not any(map(str.isdigit, (name[-1] for name in called.values())))  # 5星
    for low in (1, 0):
        if told and sorted(counts.values()) == list(range(low, low + 5)):
            meaning = f"{low} = worst, {low + 4} = best"
            return Preset("stars", {k: words[n - low] for k, n in counts.items()}, meaning)
    return None


def _translated(called: Mapping[str, str], language: str) -> Preset | None:
    """Return Chinese words for English names of topics, those that are known and differ."""
    if language != "zh":
        return None
    found: dict[str, str] = {}
    for label, name in called.items():
        word = _TRANSLATIONS.get(re.split(r"[_/.:\-\s]", name)[-1])
        if word and word not in found.values():
            found[label] = word
    return Preset("topics", found) if found else None
