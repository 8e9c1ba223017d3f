"""HTML elements that escape by construction: a plain `str` is text, only `Html` is markup."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias
from unicodedata import bidirectional

# written without children: <rect …/>
VOID = frozenset({"meta", "rect", "line", "path", "circle", "polyline"})
_FROM_RIGHT = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


# Text, markup, or any nesting of them.
Child: TypeAlias = "str | Iterable[Child]"


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """Return an element; `class_` is written `class`, `text_anchor` is `text-anchor`, None and
    False are left out.

    >>> element("p", "a < b ", element("b", "c"), class_="note", hidden=True)
    '<p class="note" hidden>a &lt; b <b>c</b></p>'
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID and not children:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Return the children one after the other, text escaped."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(child))
        else:
            parts.append(join(*child))
    return Html("".join(parts))


def apart(text: str) -> str:
    """Return text for a line of several: what is written from the right to the left is isolated,
    or it would turn round what stands beside it, such as the arrow between two labels.

    >>> apart("好"), apart("جيد") == "\\u2068جيد\\u2069"
    ('好', True)
    """
    turns = any(bidirectional(character) in _FROM_RIGHT for character in text)
    return f"\u2068{text}\u2069" if turns else text


def percent(share: float, *, decimals: int = 1) -> str:
    """Write a share of one for readers, with a no-break space before the sign.

    >>> percent(0.3456), percent(0.0), percent(0.0004), percent(1.0)
    ('34.6\\xa0%', '0\\xa0%', '< 0.1\\xa0%', '100\\xa0%')
    """
    least = 10.0**-decimals
    if 0 < share < least / 100:
        return f"< {least:g}\xa0%"
    return f"{100 * share:.{decimals}f}".removesuffix(".0") + "\xa0%"


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    written = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{escape(written)}"'
