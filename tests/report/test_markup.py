import pytest

from pet_mtl.report.markup import Html, element, join, percent


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (element("p", "a < b & c"), "<p>a &lt; b &amp; c</p>"),
        (element("p", element("b", "<i>")), "<p><b>&lt;i&gt;</b></p>"),
        (element("a", "x", href='"><script>'), '<a href="&quot;&gt;&lt;script&gt;">x</a>'),
        (element("ul", [element("li", str(k)) for k in range(2)]), "<ul><li>0</li><li>1</li></ul>"),
        (element("g", [[element("b")], "<"]), "<g><b></b>&lt;</g>"),
        (
            element("p", class_="note", text_anchor="end"),
            ('<p class="note" text-anchor="end"></p>'),
        ),
        (element("p", hidden=True, title=None, lang=False), "<p hidden></p>"),
        (
            element("rect", x=1.0, y=2.345, width=100.0, rx=0.0),
            '<rect x="1" y="2.35" width="100" rx="0"/>',
        ),
        (element("circle", element("title", "t"), r=3), '<circle r="3"><title>t</title></circle>'),
        (element("meta", name="viewport"), '<meta name="viewport"/>'),
        (join("<", Html("<br/>"), [">"]), "&lt;<br/>&gt;"),
        (join(), ""),
    ],
)
def test_elements_escape_text_and_keep_markup(made: Html, expected: str) -> None:
    assert made == expected
    assert isinstance(made, Html)


@pytest.mark.parametrize(
    ("share", "decimals", "expected"),
    [
        (0.5, 1, "50 %"),
        (0.123, 1, "12.3 %"),
        (0.0, 1, "0 %"),
        (1e-9, 1, "< 0.1 %"),
        (0.004, 0, "< 1 %"),
        (0.996, 0, "100 %"),
    ],
)
def test_percent(share: float, decimals: int, expected: str) -> None:
    assert percent(share, decimals=decimals) == expected.replace(" %", "\xa0%")
