import warnings

import pytest

from pet_mtl.cloze import chinese_words
from pet_mtl.cloze.chinese_words import FIRST_HAN, LAST_HAN, WordCutter, is_han

TEXTS = [
    "我们在北京大学学习自然语言处理技术",
    "新华社北京8月29日电，国务院总理出席会议并发表重要讲话。",
    "苹果公司发布iPhone新款手机，价格上涨10%！",
    "穿T恤唱卡拉OK的程序员",
    "南京市长江大桥于一九六八年建成通车",
    "龘𠀀㐀的字很少见",
    "",
    "hello world",
    "結婚的和尚未結婚的",
]


@pytest.fixture(scope="module")
def cutter() -> WordCutter:
    return WordCutter()


def test_the_cuts_are_jiebas(cutter: WordCutter) -> None:
    """The oracle: jieba without its guesser of unknown words, at every border between two Chinese
    characters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba

        jieba.setLogLevel(60)
        found, han = cutter.begins(TEXTS), is_han(TEXTS)
        base = borders = 0
        for text in TEXTS:
            starts, position = set(), 0
            for word in jieba.cut(text, HMM=False):
                starts.add(position)
                position += len(word)
            for place in range(1, len(text)):
                if han[base + place] and han[base + place - 1]:
                    borders += 1
                    assert found[base + place] == (place in starts), (text, place)
            base += len(text)
    assert borders > 60


def test_cutters_share_the_dictionary(cutter: WordCutter, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cutter.begins(TEXTS).tolist()
    monkeypatch.setattr(chinese_words, "_unigrams", None)  # it is not read again
    assert WordCutter().begins(TEXTS).tolist() == expected


def test_han() -> None:
    text = chr(FIRST_HAN) + "a" + chr(LAST_HAN) + chr(LAST_HAN + 1) + "，😀中"
    assert is_han([text[:3], text[3:]]).tolist() == [True, False, True, False, False, False, True]
    assert is_han([]).tolist() == []
