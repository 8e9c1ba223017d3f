import json

import pytest

from pet_mtl.text import (
    LONGEST_LINE,
    json_text,
    letter_words,
    one_line,
    printable,
    short_lines,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\x7f\x00", "a\\x0db\\x7f\\x00"),
        ("ab\u202edc\u2066", "ab\\u202edc\\u2066"),
        ("正\u200b面\ufeff\u00ad", "正\\u200b面\\ufeff\\xad"),
        ("\udce9", "\\udce9"),
        ("\U000e0041", "\\U000e0041"),
        ("a\tb\nc 新闻 é 😀", "a\tb\nc 新闻 é 😀"),
        ("می\u200cخواهم ශ්\u200dරී", "می\u200cخواهم ශ්\u200dරී"),
        ("👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥", "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥"),
        ("a\u200db 新\u200c闻 می\u200c \u200d👧", "a\\u200db 新\\u200c闻 می\\u200c \\u200d👧"),
    ],
)
def test_what_steers_a_terminal_or_is_not_seen_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_line_end_in_a_name_forges_no_line() -> None:
    assert one_line("a\nerror: b") == "a\\nerror: b"


def test_long_lines_are_cut_in_the_middle_each_for_itself() -> None:
    cut = short_lines("short\n" + "a" * 900 + "z").split("\n")
    assert cut[0] == "short"
    assert len(cut[1]) == LONGEST_LINE
    assert cut[1].startswith("aaa")
    assert cut[1].endswith("aaz")
    assert "(901 characters)" in cut[1]
    assert short_lines("b" * LONGEST_LINE) == "b" * LONGEST_LINE


@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_says_the_same_and_is_safe(ascii_only: bool) -> None:
    value = {"\x9b31m": ["\u202e", "\x1b", "\ud800", "\U000e0041", "新闻"]}
    text = json_text(value, ascii_only=ascii_only)
    assert json.loads(text) == value
    assert printable(text) == text
    assert ascii_only is text.isascii()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ＡＢ１２ x_y, l’été", ["ＡＢ", "x", "y", "l", "été"]),
        ("e\u0301cole स्वास्थ्य ผลไม้", ["e\u0301cole", "स्वास्थ्य", "ผลไม้"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("a\u200db \u3164 한\u200b글 ❤\ufe0flove \u0301", ["a", "b", "한", "글", "love"]),
    ],
)
def test_words_of_letters(text: str, words: list[str]) -> None:
    assert letter_words(text) == words
