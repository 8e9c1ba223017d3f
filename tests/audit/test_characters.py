"""Odd characters, and what they were."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pet_mtl.audit.characters import KINDS, check_characters, mend_text
from pet_mtl.audit.parts import Part


@pytest.mark.parametrize(
    ("text", "kind", "mended"),
    [
        ("a\x00b\x0bc", "control characters", "ab c"),
        ("a\rb", "stray carriage returns", "a b"),
        ("a\u200bb\ufeff", "invisible characters", "ab"),
        ("a\u202eb\u202c\u2067c\u2069", "invisible characters", "abc"),
        ("新<b\u200br>闻&n\x00bsp;。", "invisible characters", "新 闻 。"),  # tag and entity then
        ("新闻<br/>天气", "HTML remains", "新闻 天气"),
        ("<b class='x'>新</b>&nbsp;&middot;&#65;", "HTML remains", "新 ·A"),
        ("&#128512;&#x01F600;", "HTML remains", "😀😀"),
        ("&lt;p&gt;新闻&lt;/p&gt;", "HTML remains", " 新闻 "),
        ("A&amp;amp;B&amp;nbsp;&amp;lt;3", "HTML remains", "A&B <3"),
        ("新闻".encode().decode("latin-1"), "mojibake", "新闻"),
        ("it’s".encode().decode("cp1252"), "mojibake", "it’s"),
        ("今天的新闻".encode().decode("gb18030", "replace"), "mojibake", "今天的新\ufffd"),
        (
            "今天的新闻".encode().decode("gb18030", "replace")[:-1] + "?",
            "mojibake",
            "今天的新\ufffd",
        ),
        ("今天新闻".encode().decode("gb18030"), "mojibake", "今天新闻"),
        ("kafē – 20°C".encode().decode("cp1252"), "mojibake", "kafē – 20°C"),
        ("voilà !".encode().decode("latin-1"), "mojibake", "voilà !"),
        ("a\ufffdb", "replacement characters", None),
        ("锟斤拷", "replacement characters", None),
        ("\ue403", "private-use characters", None),
        ('说"好', "unbalanced quotes", None),
    ],
)
def test_kinds(text: str, kind: str, mended: str | None) -> None:
    found = [each.name for each in KINDS if each.found(text)]
    assert kind in found
    once = mend_text(text)[0]
    assert once == (text if mended is None else mended)
    assert mend_text(once) == (once, [])  # what was cleaned is clean


@pytest.mark.parametrize(
    "text",
    [
        "今天天气很好,“新闻”……——说：《好》",
        "a < b & c > d, AT&T; x &y z",
        "<shero>排在倒数第三",
        "<cx>我无法",
        "a\r\nb\tc",
        f"x &#{'9' * 5000}; &#x{'f' * 5000}; y",  # no character's number has so many digits
        "naïve café Zürich – Ärger",
        "„Spaß“ mit dem MENÜ” und „Maß»",
        "“CAFÉ” et « café\u00a0» du CAFÉ\u00a0! C’était « été\u00a0» et l’été\u00a0–",
        "»BRØ« og “Ä”",
        "👩\u200d👧 😀",
        "联通 家里暖气烫烫的 小锟要吃橙子",
        "тест λόγος عربى",
    ],
)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert mend_text(text) == (text, [])
    assert [kind.name for kind in KINDS if kind.found(text)] == []


@given(
    st.text(
        alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=12
    )
)
def test_chinese_is_no_mojibake(text: str) -> None:
    assert mend_text(text) == (text, [])


@given(st.text())
def test_mending_twice_changes_nothing_more(text: str) -> None:
    once = mend_text(text)[0]
    assert mend_text(once) == (once, [])


def test_nested_remains_cost_no_more_than_some_passes() -> None:
    nested = mend_text("<" * 20_000 + "b>" * 20_000)  # minutes, were each depth a pass
    assert nested[1] == ["HTML remains"]


def test_rows_are_counted_once(make_part: Callable[..., Part]) -> None:
    part = make_part(["a\x00", "b", "c\x01"], other=["\x02", "好", "&amp;"])
    figures, findings = check_characters(part)
    assert figures == {"odd_characters": {"HTML remains": 1, "control characters": 2}}
    assert [(f.level, f.where) for f in findings] == [
        ("warning", ("train: row 3",)),
        ("warning", ("train: row 1", "train: row 3")),
    ]
    assert check_characters(make_part(["天气"])) == ({"odd_characters": {}}, [])
