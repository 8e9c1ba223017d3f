"""Frequent words that texts share."""

import pytest

from pet_mtl.audit import vocabulary
from pet_mtl.audit.vocabulary import check_vocabulary, frequent_words, overlap, sample
from pet_mtl.cloze.chinese_words import WordCutter


@pytest.fixture(scope="module")
def cutter() -> WordCutter:
    return WordCutter()


def test_words_are_those_of_jieba(cutter: WordCutter) -> None:
    import jieba

    jieba.setLogLevel("ERROR")
    text = "央行宣布下调存款准备金率，市民在公园里散步 Apple发布新手机 a 的 我们"
    expected = {"apple"}
    for word in jieba.lcut(text, HMM=False):
        if not word.isascii() and word.isalnum():
            expected.add(word)
    assert frequent_words([text], cutter) == expected - {"在", "里", "的", "我们", "apple发布"}


def test_only_the_most_frequent_count(cutter: WordCutter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_WORDS", 2)
    assert frequent_words(["天气 天气 天气 新闻 新闻 体育 the the the the"], cutter) == {
        "天气",
        "新闻",
    }


@pytest.mark.parametrize(
    ("one", "other", "expected"), [("abcd", "cdef", 0.5), ("ab", "abcd", 1.0), ("ab", "cd", 0.0)]
)
def test_overlap(one: str, other: str, expected: float) -> None:
    assert overlap(set(one), set(other)) == overlap(set(other), set(one)) == expected


def test_low_overlap_with_a_corpus_is_said() -> None:
    figures, findings = check_vocabulary(
        {"near": ["天气新闻体育"], "far": ["股票 基金 市场"]},
        {"corpus.txt": ["天气", "新闻", "体育", "文化"]},
    )
    assert figures["names"] == ["near", "far", "corpus.txt"]
    assert figures["shared"] == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    assert [(finding.about, finding.level) for finding in findings] == [("far", "note")]


def test_samples_are_even(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_CHARACTERS", 40)
    assert list(sample(map(str, range(10)))) == list("0123456789")
    kept = [int(text) for text in sample(f"{number:03}" for number in range(100))]
    assert kept == list(range(0, 100, 8))


@pytest.mark.parametrize("texts", [["a", "b"], ["hello world"], []])
def test_texts_without_chinese_words(cutter: WordCutter, texts: list[str]) -> None:
    found = frequent_words(texts, cutter)
    assert found == {word for text in texts for word in text.split() if len(word) > 1}
