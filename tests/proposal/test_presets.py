"""Label words for the usual sets of labels."""

import pytest

from pet_mtl.proposal.presets import Preset, find_preset


def find(labels: list[str], column: str, texts: list[str], language: str) -> Preset | None:
    return find_preset(
        {label: label for label in labels},
        column=column,
        texts=texts,
        language=language,
        entailment=("所以", "可能", "不过"),
    )


@pytest.mark.parametrize(
    ("labels", "column", "texts", "language", "words"),
    [
        ("0 1", "label", "a b", "zh", "不是 是的"),
        ("1 0", "label", "a b", "en", "yes no"),
        ("true false", "x", "a", "zh", "是的 不是"),
        ("0 1", "sentiment", "text", "zh", "差 好"),
        ("0 1", "label", "review", "zh", "差 好"),
        ("0 1", "情感", "文本", "en", "terrible great"),
        ("-1 0 1", "sentiment", "text", "zh", "很差 一般 很好"),
        ("Positive Negative", "label", "text", "zh", "好 差"),
        ("0 1", "sentiment", "title content", "zh", "差 好"),
        ("1 2 3 4 5", "stars", "review_title review_body", "en", "terrible bad okay good great"),
        ("news_sports news_tech", "label", "标题 正文", "zh", "体育 科技"),
        ("neutral neg pos", "label", "text", "en", "okay terrible great"),
        ("负面 正面", "label", "text", "zh", "差 好"),
        ("1 2 3 4 5", "stars", "text", "zh", "很差 较差 一般 不错 很好"),
        ("5.0 4.0 3.0 2.0 1.0", "label", "review", "en", "great good okay bad terrible"),
        ("1星 2星 3星 4星 5星", "label", "text", "zh", "很差 较差 一般 不错 很好"),
        ("0 1 2 3 4", "rating", "text", "en", "terrible bad okay good great"),
        ("Entailment neutral contradiction", "label", "a b", "zh", "所以 可能 不过"),
        ("2 1 0", "label", "premise hypothesis", "zh", "不过 可能 所以"),
        ("news_sports news_tech", "label", "text", "zh", "体育 科技"),
        ("anger joy", "label", "text", "zh", "愤怒 快乐"),
    ],
)
def test_known_sets(labels: str, column: str, texts: str, language: str, words: str) -> None:
    found = find(labels.split(), column, texts.split(), language)
    assert found is not None
    assert [found.words[label] for label in labels.split()] == words.split()


@pytest.mark.parametrize(
    ("labels", "column", "texts", "language"),
    [
        ("0 1", "label", "text", "zh"),  # nothing tells what they mean
        ("0 1 2", "label", "text", "zh"),
        ("1 2 3 4 5", "topic", "text", "zh"),
        ("1 2 3 4 5", "severity", "comment", "en"),  # 5 is the worst
        ("100 101 102", "label", "a b", "zh"),
        ("体育 科技", "label", "text", "zh"),
        ("sports tech", "label", "text", "en"),
    ],
)
def test_others_are_left_alone(labels: str, column: str, texts: str, language: str) -> None:
    assert find(labels.split(), column, texts.split(), language) is None


def test_codes_are_told() -> None:
    found = find(["2", "0", "1"], "label", ["premise", "hypothesis"], "zh")
    assert found is not None
    assert found.meaning == "0 = entailment, 1 = neutral, 2 = contradiction"


def test_ends_of_stars_are_told() -> None:
    """Beside a comment 1 to 5 may be grades whose 1 is the best."""
    found = find(list("12345"), "grade", ["comment"], "en")
    assert found is not None
    assert found.meaning == "1 = worst, 5 = best"
