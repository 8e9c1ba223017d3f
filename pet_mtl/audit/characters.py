"""Characters that no writer meant: what is odd, where it stands, and what it was."""

import html
import re
from codecs import getincrementaldecoder
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pet_mtl.audit.finding import Finding, Level
from pet_mtl.audit.parts import Part

Mend = Callable[[str], str]
CHECK = "characters"

_TAGS = (
    "a|b|big|blockquote|br|center|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|li|ol|p|pre|"
    "script|small|span|strong|sub|sup|table|tbody|td|th|tr|u|ul"
)
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.I)
# escaped once or more often (`&amp;lt;`); no more digits than a character's number has: Python
# refuses thousands of them
_ENTITY = re.compile(r"&(?:amp;)*((?:[a-z]{2,8}\d?|#\d{1,7}|#x[\da-f]{1,6});)", re.I)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_RETURN = re.compile("\r(?!\n)")
# not the joiners of emoji and Persian; but what turns the order of reading
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
# the second is two of the first, saved as UTF-8 and read as GBK
_REPLACEMENT = re.compile("\ufffd|锟斤拷")
_WESTERN = re.compile("[\u0080-\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{2,}")
# of scripts that people write, without phonetic letters and such, which good text may be by chance:
# `É”` is `ɔ`
_WRITTEN = re.compile("[\u00a0-\u024f\u0300-\u04ff\u05d0-\u05ea\u0600-\u06ff\u0900-\U0010ffff]+")
_BEHIND_WORDS = frozenset("\u00a0«»‘’‚“”„–—…·°")
_FOREIGN = re.compile(r"[^\x00-\x7f]{3,}\??")
_HAN = re.compile("[\u4e00-\u9fff]")
_PASSES = 10  # over a text that is mended; `<<<b>b>b>` of any depth would take one a tag
_OPEN_TAG_END = re.compile(r"</?(?:br|p|div|li|tr|h[1-6])\b", re.I)


@dataclass(frozen=True)
class Kind:
    """A kind of odd character; `mend` returns the text without it, None where nobody can tell what
    stood there."""

    name: str
    level: Level
    found: Callable[[str], bool]
    mend: Mend | None = None


def check_characters(part: Part) -> tuple[dict[str, Any], list[Finding]]:
    """Count the rows that hold odd characters, by kind."""
    rows: dict[str, set[int]] = {kind.name: set() for kind in KINDS}
    for column in part.rows.fields.values():
        for row, text in enumerate(column.to_pylist()):
            for kind in KINDS:
                if kind.found(text):
                    rows[kind.name].add(row)
    figures = {kind.name: len(rows[kind.name]) for kind in KINDS if rows[kind.name]}
    findings = []
    for kind in KINDS:
        if odd := sorted(rows[kind.name]):
            hint = "`pet-mtl data clean` mends them" if kind.mend else None
            found = np.array(odd, np.int64)
            findings.append(part.finding(kind.level, CHECK, found, f"hold {kind.name}", hint))
    return {"odd_characters": figures}, findings


def mend_text(text: str) -> tuple[str, list[str]]:
    """Return the text without the odd characters that can be mended, and their kinds.

    >>> mend_text("caf\\u00c3\\u00a9&nbsp;新<br>闻\\u200b")
    ('café 新 闻', ['mojibake', 'HTML remains', 'invisible characters'])
    """
    kinds = dict[str, None]()
    # what is mended may bring others about: `<b\u200br>` is a tag then
    for _ in range(_PASSES):
        before = text
        for kind in KINDS:
            if kind.mend and kind.found(text):
                mended = kind.mend(text)
                if mended != text:
                    text = mended
                    kinds[kind.name] = None
        if text == before:
            break
    return text, [*kinds]


def _unmojibake(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 or as GBK.

    >>> _unmojibake("鏂伴椈"), _unmojibake("新闻"), _unmojibake("“……”")
    ('新闻', '新闻', '“……”')
    """
    if any(map(_is_western, _WESTERN.finditer(text))):
        text = _WESTERN.sub(lambda run: _reread_western(run[0]), text)
    return _FOREIGN.sub(lambda run: _reread_gbk(run[0]), text)


def _is_western(found: re.Match[str]) -> bool:
    """Say whether a run can be nothing but UTF-8 that was read as Windows-1252.

    A single letter with a quote or space behind it, as in `CAFÉ »`, may be UTF-8 by chance; a
    capital behind small letters (`kafÄ“`) hardly.
    """
    run, read = found[0], _reread_western(found[0])
    if read == run:
        return False
    if len(read) > 1 or not _BEHIND_WORDS.issuperset(run[1:]):
        return True
    before = found.string[: found.start()][-1:]
    return run[0].isupper() and (before.islower() or before.isdigit())


def _reread_western(run: str) -> str:
    try:
        # the five bytes that Windows-1252 leaves out are read as the control characters of the same
        # number
        raw = b"".join(c.encode("latin-1" if ord(c) < 256 else "cp1252") for c in run)
        read = raw.decode("utf-8")
    except UnicodeError:
        return run
    return read if _WRITTEN.fullmatch(read) else run


def _reread_gbk(run: str) -> str:
    """Return what stood there; of a character that GBK's pairs of bytes cut in half, a replacement
    character stays."""
    pairs = run.rstrip("?\ufffd")
    try:
        raw = pairs.encode("gb18030")
        read = getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeError:
        return run
    lost = len(read.encode()) < len(raw)
    # common Chinese characters may be valid UTF-8 by chance, but then of Greek, Cyrillic or Arabic
    # letters
    right = len(read) > 1 and 2 * len(_HAN.findall(read)) > len(read)
    return read + ("\ufffd" if lost else run[len(pairs) :]) if right else run


def _unhtml(text: str) -> str:
    """Return the text that HTML shows; its tags may be written by entities.

    >>> _unhtml("&lt;p&gt;A&amp;amp;B&lt;/p&gt; &amp;nbsp; 1 &lt; 2 &c;")
    ' A&B    1 < 2 &c;'
    """
    text = _ENTITY.sub(lambda found: html.unescape(f"&{found[1]}").replace("\xa0", " "), text)
    return _TAG.sub(lambda found: " " if _OPEN_TAG_END.match(found[0]) else "", text)


def _is_html(text: str) -> bool:
    return ("<" in text or "&" in text) and _unhtml(text) != text


def _is_mojibake(text: str) -> bool:
    return not text.isascii() and _unmojibake(text) != text


def _uncontrol(text: str) -> str:
    return _CONTROL.sub(lambda found: " " if found[0].isspace() else "", text)


def _has(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


# mojibake first: what it is made of looks like control characters
KINDS = (
    Kind("mojibake", "warning", _is_mojibake, _unmojibake),
    Kind("HTML remains", "warning", _is_html, _unhtml),
    Kind("stray carriage returns", "warning", _has(_RETURN), lambda text: _RETURN.sub(" ", text)),
    Kind("control characters", "warning", _has(_CONTROL), _uncontrol),
    Kind(
        "invisible characters", "warning", _has(_INVISIBLE), lambda text: _INVISIBLE.sub("", text)
    ),
    Kind("replacement characters", "warning", _has(_REPLACEMENT)),
    Kind("private-use characters", "note", _has(_PRIVATE)),
    Kind("unbalanced quotes", "note", lambda text: text.count('"') % 2 == 1),
)
