"""Labels that are more than names, in both directions: what is known for one, and what is not."""

import pytest

from pet_mtl.proposal.scales import is_score_name, level_separator, level_words, levels, score_range


@pytest.mark.parametrize(
    ("labels", "column"),
    [
        ("1 2 3 4 5", "stars"),
        ("0 1 2 3 4", "rating"),
        ("1 2 4 5", "product_rating"),  # a level that no row has
        ("0.5 1.0 1.5 10.0", "评分"),
        ("1 2 3 4 5 6 7 8 9 10", "综合评分"),
        ("1星 2星 3星", "label"),
        ("很差 差 一般 好 很好", "label"),
        ("差 中 优", "x"),
        ("Low Medium HIGH", "topic"),
        ("very_negative negative neutral positive very_positive", "label"),
        ("轻微 严重 致命", "label"),
        ("easy medium hard", "label"),
        ("不满意 一般 满意", "label"),
    ],
)
def test_levels_from_the_lowest(labels: str, column: str) -> None:
    order = labels.split()
    assert levels({label: label for label in reversed(order)}, column) == order


@pytest.mark.parametrize(
    ("labels", "column"),
    [
        ("1 2 3 4 5", "label"),
        ("1 2 3 4 5", "category"),
        ("0 1 2", "sentiment"),
        ("100 101 102 103 104", "label"),
        ("100 101 102", "rating"),  # too high for stars
        ("0 1", "rating"),
        ("-1 0 1", "rating"),
        ("low high", "label"),
        ("low medium sport", "label"),
        ("差 较差 一般", "label"),  # two names of one level
        ("很差 一般 5", "label"),
        ("1 1.0 2", "stars"),
        ("体育 财经 科技", "评分"),
    ],
)
def test_other_labels_are_no_levels(labels: str, column: str) -> None:
    assert levels({label: label for label in labels.split()}, column) is None


def test_codes_called_by_levels() -> None:
    assert levels({"2": "高", "0": "低", "1": "中"}, "label") == ["0", "1", "2"]
    assert levels({"0": "高", "2": "低", "1": "中"}, "label") is None  # numbers would fall


def test_levels_that_a_person_asks_for() -> None:
    for labels in (["-1", "0", "1"], ["1", "2"], ["100", "250.5"]):
        names = {label: label for label in reversed(labels)}
        assert levels(names, "label", asked=True) == labels
    assert levels({"a": "a", "b": "b"}, "stars", asked=True) is None


def test_words_of_levels() -> None:
    found = level_words({"high": "high", "low": "low"}, "zh")
    assert found is not None
    assert found.words == {"high": "较高", "low": "较低"}
    numbers = level_words({"1": "1", "10.0": "10.0"}, "en")
    assert numbers is not None
    assert numbers.words == {"1": "one", "10.0": "ten"}
    assert level_words({"0.5": "0.5", "1": "1"}, "zh") is None
    assert level_words({"high": "high", "low": "low"}, "en") is None


@pytest.mark.parametrize(
    ("cells", "column", "ends"),
    [
        ("0.0 0.6 1.25 3.8 4.4 5.0", "score", [0, 5]),
        ("0.1 0.2 0.3 0.4 0.5 0.61", "label", [0, 1]),
        ("1.0 2.5 3.3 4.7 9.1 100", 2, [0, 100]),
        ("0 1 2 3 4 5", "相似度", [0, 5]),
        ("0 1 2 3 4 5", "score", []),  # may be codes
        ("0 1 2 3", "similarity", []),  # the end of no scale
        ("0 1", "similarity", []),
        ("0.0 1.0 0.0 1.0", "label", []),
        ("0 0.5 1", "label", []),
        ("-0.5 0.1 0.2 0.3 0.4 0.5", "score", []),
        ("0.1 0.2 0.3 0.4 0.5 101.5", "score", []),
        ("0.1 0.2 0.3 0.4 0.5 nan", "score", []),
        ("0.1 0.2 0.3 0.4 0.5 inf", "score", []),
        ("0.1 0.2 0.3 0.4 0.5 good", "score", []),
        ("", "score", []),
    ],
)
def test_scores_of_pairs(cells: str, column: str | int, ends: list[int]) -> None:
    assert score_range(cells.split(), column) == ends


def test_numbers_that_a_person_calls_scores() -> None:
    assert score_range(["-0.5", "0.5"], "x", asked=True) == [-1, 1]
    assert score_range(["0", "1"], "x", asked=True) == [0, 1]
    assert score_range(["-3", "-3"], "x", asked=True) == [-3, -2]
    assert score_range(["0", "good"], "x", asked=True) == []


def test_names_of_scores() -> None:
    known = ("similarity", "sentence_similarity", "gold_score", "relatedness", "文本相似度", "得分")
    assert all(map(is_score_name, known))
    others = ("dissimilarity", "edit_distance_score", "不相似度", "year", "label", 2)
    assert not any(map(is_score_name, others))


@pytest.mark.parametrize(
    ("labels", "separator"),
    [
        ("体育/足球 体育/篮球 生活/美食 生活/旅游", "/"),
        ("酒店/价格 酒店/服务 餐厅/价格 餐厅/服务", "/"),  # the same leaves in two branches
        ("a>x a>y b>x b>z other", ">"),
        ("a/x/m a/x/n b/y/m b/y/o", "/"),
        ("a/x a/y b/z", None),  # one branch
        ("价格/包装 包装/服务 价格/服务 服务/物流", None),  # sets
        ("a/x a/y b/x b/y a", None),  # a label above others
        ("1/2 1/4 3/4 3/5", None),
        ("a/x a/ b/x b/y", None),
        ("a/x a/y b/x b/y c d e f g", None),
        ("a b c", None),
    ],
)
def test_leaves_of_a_tree(labels: str, separator: str | None) -> None:
    assert level_separator(labels.split()) == separator
