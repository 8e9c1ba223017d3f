import pytest
import toys

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.words.suggest import candidates
from pet_mtl.words.suggest.candidates import LONGEST, MOST_WORDS, find_candidates

TEXTS = ["体育，新闻，天气", "中国。体育，科技", "新闻, 科技, news", "good news"]


def test_chinese_words_and_single_characters_of_the_vocabulary() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    found = find_candidates(Rows.of({"text": TEXTS}), [["好"], ["坏", "不好"]], tokenizer, [False])
    assert found[:3] == ("好", "坏", "不好")  # the task's own words first
    assert len(set(found)) == len(found)
    words = {word for word in found[3:] if len(word) > 1}
    assert words == {"体育", "新闻", "科技"}  # in two rows or more; 天气 and 中国 in one
    assert {word for word in found if len(word) == 1} == set(toys.CHINESE)


def test_of_words_as_frequent_those_that_come_first_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["真的", "不好", "体育", "新闻", "天气", "中国"]
    rows = Rows.of({"text": ["，".join(words)] * 2})
    tokenizer = toys.piece_tokenizer("wordpiece")
    for most in (6, 3):
        monkeypatch.setattr(candidates, "MOST_WORDS", most)
        found = find_candidates(rows, [["好"]], tokenizer, [False])
        assert [word for word in found if len(word) > 1] == words[:most]


def test_words_that_the_tokenizer_cannot_write_are_left_out() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    rows = Rows.of({"text": ["篮球体育"] * 3})
    found = find_candidates(rows, [["好"], ["坏"]], tokenizer, [False])
    assert "体育" in found
    assert "篮球" not in found


def test_words_of_which_the_tokenizer_drops_a_character_are_left_out(
    dropping: PieceTokenizer,
) -> None:
    """They would be read as what is left of them, another word."""
    rows = Rows.of({"text": ["体育，新车"] * 3})
    found = find_candidates(rows, [["好"], ["坏"]], dropping, [False])
    assert "体育" in found
    assert not {"新车", "车"} & {*found}


def test_both_fields_are_read_and_no_word_goes_across() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    rows = Rows.of({"one": ["这是体"] * 2, "two": ["育好"] * 2})
    found = find_candidates(rows, [["好"], ["坏"]], tokenizer, [False])
    assert "体育" not in found


def test_english_tasks_get_english_words() -> None:
    tokenizer = toys.piece_tokenizer("byte_level")
    rows = Rows.of({"text": ["sports story, 新闻", "a sports topic"]})
    found = find_candidates(rows, [["good"], ["bad"]], tokenizer, [True])
    assert found[:2] == ("good", "bad")
    assert (
        "sports" not in found or len(tokenizer.encode(["sports"], space_before=True)[0]) <= LONGEST
    )
    assert all(word.isalpha() and word.isascii() for word in found)
    for word in found:
        assert 1 <= len(tokenizer.encode([word], space_before=True)[0]) <= LONGEST
    assert len(found) < MOST_WORDS


def test_a_run_of_chinese_is_no_word_of_letters() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    rows = Rows.of({"text": ["体育新闻 topic", "体育新闻 topic"]})
    found = find_candidates(rows, [["abc"], ["cba"]], tokenizer, [False], longest=9)
    assert "topic" in found
    assert not any(set(word) & set(toys.CHINESE) for word in found)


def test_label_words_without_letters_have_the_script_of_the_rows() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    for text, expected in (("体育，新闻 tv", "体育"), ("topic, a topic 体", "topic")):
        found = find_candidates(
            Rows.of({"text": [text] * 2}), [["1"], ["2"]], tokenizer, [False], longest=9
        )
        assert found[:2] == ("1", "2")
        assert expected in found
        assert {word.isascii() for word in found[2:]} == {expected.isascii()}


@pytest.mark.parametrize(
    ("own", "texts", "expected"),
    [
        # vowel signs belong to their word
        ("खेल", ["स्वास्थ्य सेवा और बाज़ार।"] * 2, {"स्वास्थ्य", "सेवा", "बाज़ार"}),
        ("sport", ["une e\u0301cole, l’été"] * 2, {"une", "e\u0301cole", "été"}),
        ("می\u200cخواهم", ["کتاب\u200cخانه من"] * 2, {"کتاب\u200cخانه"}),
        # most nouns of Korean have two letters
        ("정치", ["정당 주가 그 rates"] * 2, {"정당", "주가"}),
        # other scripts than that of the label words
        ("sport", ["рынок سوق rates 시장"] * 2, {"rates"}),
        ("😀", ["рынок рос"] * 2, {"рынок", "рос"}),
    ],
)
def test_words_of_other_scripts(own: str, texts: list[str], expected: set[str]) -> None:
    tokenizer = toys.piece_tokenizer("byte_level")
    rows = Rows.of({"text": texts})
    found = find_candidates(rows, [[own], ["1"]], tokenizer, [True], longest=99)
    pieces = set(tokenizer.piece_texts(range(tokenizer.vocab_size)))
    assert set(found[2:]) - pieces == expected
