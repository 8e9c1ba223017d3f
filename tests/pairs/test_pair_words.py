"""Sentences as words, and their clauses."""

import pytest

from pet_mtl.pairs.words import Tagger, clauses, says_something, written


def test_the_words_of_a_sentence_are_the_sentence(tagger: Tagger) -> None:
    sentences = ["昨天下午，老师去了北京。", "GPT-4 比 3.5 好", "，好", "ａ𠮷？"]
    assert [written(words) for words in tagger.words(sentences)] == sentences


@pytest.mark.parametrize(
    ("text", "tag"),
    [("老师", "n"), ("北京", "ns"), ("昨天", "t"), ("觉得", "v"), ("2024", "m"), ("，", "x")],
)
def test_a_word_has_the_tag_of_the_dictionary(tagger: Tagger, text: str, tag: str) -> None:
    assert tagger.word(text).tag == tag


def test_clauses_stand_between_marks_and_say_something(tagger: Tagger) -> None:
    (words,) = tagger.words(["昨天下午，老师去了图书馆。好，我的书"])
    assert [written(clause) for clause in clauses(words)] == ["老师去了图书馆"]
    assert not says_something(tagger.words(["老师去了图书馆"])[0], most=5)
