"""A short Chinese text of three documents, told of eight cities, as a corpus."""

from pathlib import Path

import pytest

from pet_mtl.pairs.words import Tagger
from pet_mtl.pretraining.corpus import FileCorpus, find_corpus

CITIES = ("北京", "上海", "广州", "天津", "南京", "成都", "西安", "武汉")
TEXT = """\
昨天下午，老师带着三个学生去了北京的图书馆。他们在那里看了很多旧书，觉得非常有意思。晚上大家一起坐车回家。
路上下起了大雨，司机开得很慢。学生们没有带伞，到家的时候衣服都湿了。

这家饭馆的菜很好吃，价格也便宜。服务员对客人非常热情。我们以后还会再来的。
不过停车的地方太小，周末总是找不到位置。我的朋友不喜欢排队，所以先走了。

公司今年的收入增加了，明年计划招聘二十个人。经理说，新的办公室已经开始装修。
员工希望增加假期，公司同意考虑这个建议。大家都支持这个决定，没有人反对。
"""


@pytest.fixture
def corpus(tmp_path: Path) -> FileCorpus:
    file = tmp_path / "text.txt"
    texts = [TEXT.replace("北京", city) for city in CITIES]
    file.write_text("\n".join(texts), encoding="utf-8")
    return find_corpus([str(file)])


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    return Tagger()
