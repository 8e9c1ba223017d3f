"""Text as it is compared, and as it is shown: what a file says never steers a terminal."""

import json
import re
import shlex
import unicodedata
from pathlib import Path
from typing import Any

LONGEST_LINE = 500  # characters of a message's line

# What a terminal obeys (C0, DEL, C1), what no reader sees or what turns the order of reading
# (zero-width, bidi marks, tags, line and paragraph separators, invisible fillers), and halves of
# surrogate pairs, which no terminal can be sent. Line ends and tabs are white space of our own
# messages.
INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[{INVISIBLE}]")
# Joiners where they shape what is seen: within words of Arabic, Indic and such scripts, and between
# emoji (behind a variation selector too).
_SHAPED = "\u0600-\u109f\u1780-\u1aff\ua8e0-\uabff\U00010a00-\U00011fff"
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_JOINED = f"(?<=[{_SHAPED}])[\u200c\u200d](?=[{_SHAPED}])"
_HIDDEN = re.compile(f"(?!{_JOINED}|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}]))[{INVISIBLE}]")
_NO_PART = re.compile(f"(?!{_JOINED})[{INVISIBLE}\ufe00-\ufe0f]")  # of a word of letters
_ASCII = bytes(range(128))
_RARE = 0xD8  # the first byte of the characters that GB2312 has by their radicals
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")  # of ASCII: what a backslash takes the meaning from


def normalize_text(text: str) -> str:
    """Return `text` in NFKC form, lower case, without white space.

    >>> normalize_text("Ｉ Phone　发布 ")
    'iphone发布'
    """
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def letter_words(text: str) -> list[str]:
    """Return the words of a text that are written in letters, with the vowel signs, accents and
    joiners in them; text of a script without spaces is not cut.

    >>> letter_words("Größe 12: l’été_x, हिन्दी में 新闻！")
    ['Größe', 'l', 'été', 'x', 'हिन्दी', 'में', '新闻']
    """
    text = _NO_PART.sub(" ", text)
    kinds = {character: unicodedata.category(character) for character in {*text}}
    between = {
        ord(character): " "
        for character, kind in kinds.items()
        if kind[0] != "L" and kind not in ("Mn", "Mc") and character not in "\u200c\u200d"
    }
    return [word for word in text.translate(between).split() if word[0].isalpha()]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "column"), counted(3000, "column")
    ('1 column', '3,000 columns')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def in_shell(path: Path) -> str:
    """Return a path as it is written in a command.

    >>> in_shell(Path("runs/1")), in_shell(Path("my runs/1"))
    ('runs/1', "'my runs/1'")
    """
    return shlex.quote(str(path))


def same_command(out: Path) -> str:
    """Return how a command that was stopped is told to be given again."""
    return f"the same command with `--out {in_shell(out)}`"


def printable(text: str) -> str:
    r"""Return `text` with control characters and invisible marks escaped; line ends and tabs stay,
    and joiners in words and emoji that are written with them.

    >>> print(printable("\x1b[31mred \u202e \u200b \x9b 新闻"))
    \x1b[31mred \u202e \u200b \x9b 新闻
    """
    return _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def one_line(text: str) -> str:
    r"""Return `text` printable, on one line.

    >>> print(one_line("a\nerror: forged"))
    a\nerror: forged
    """
    return printable(text).replace("\n", "\\n")


def markdown_text(text: str) -> str:
    r"""Return `text` for a line of Markdown or a cell of its tables: all of it is text.

    >>> print(markdown_text("a|b <i>\n`*"))
    a\|b \<i\>\\n\`\*
    """
    return _PUNCTUATION.sub(r"\\\g<0>", one_line(text).replace("\t", " "))


def short_lines(text: str) -> str:
    """Return `text` printable, with the lines that are too long cut in the middle.

    >>> len(short_lines("a" * 60_000))
    500
    """
    lines = printable(text).split("\n")
    return "\n".join(line if len(line) <= LONGEST_LINE else _cut(line) for line in lines)


def _cut(line: str) -> str:
    left_out = f" … ({len(line):,} characters) … "
    end = LONGEST_LINE // 5
    return line[: LONGEST_LINE - end - len(left_out)] + left_out + line[-end:]


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    r"""Return `value` as one line of JSON that is safe to show: what `printable` escapes is escaped
    as JSON has it.

    >>> print(json_text({"label": "好\u202e\x9b"}))
    {"label": "好\u202e\u009b"}
    """
    text = json.dumps(value, ensure_ascii=ascii_only)
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def indented_json(value: Any) -> str:
    """Return `value` as JSON for a file that people read too."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


class GbUsage:
    """Counts of a text's characters that tell Chinese from what was another encoding: nearly all
    bytes can be read as GBK, but as characters that nobody writes."""

    def __init__(self) -> None:
        self._private = self._wide = self._known = self._common = 0

    def add(self, text: str) -> "GbUsage":
        """Count a text's characters too."""
        text = text.replace("—", "―").replace("·", "・")  # those that Python's `gb2312` has
        self._private += len(_PRIVATE.findall(text))
        plain = len(text.encode("ascii", "ignore"))
        self._wide += (len(text.encode("gbk", "ignore")) - plain) // 2
        pairs = text.encode("gb2312", "ignore").translate(None, _ASCII)
        self._known += len(pairs) // 2
        self._common += sum(byte < _RARE for byte in pairs[::2])
        return self

    @property
    def usual(self) -> bool:
        """Say whether most characters of two bytes are of GB2312, half of these of its first level
        or signs, and next to none is private (some phones wrote emoji as such)."""
        known = self._wide <= 2 * self._known and self._known <= 2 * self._common
        return known and self._private * 50 <= self._wide
