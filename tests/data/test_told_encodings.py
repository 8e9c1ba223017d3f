"""What is said of files in encodings that `train` refuses."""

import logging
from pathlib import Path

import pytest

from pet_mtl.data.encoding import not_utf8
from pet_mtl.data.readers import read_lines, read_rows
from pet_mtl.data.streams import open_rows, stream_rows
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.raw_table import read_raw_table

CHINESE = "央行宣布下调存款准备金率\t0\n新车上市三天卖出一万辆我们都不知道这是什么\t1\n"
KOREAN = "오늘 날씨가 정말 좋아서 산책을 나갔습니다\t0\n이 영화는 너무 지루하고 재미가 없었어요 다시는 안 본다\t1\n"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logging.getLogger("pet_mtl"), "propagate", True)
    caplog.set_level(logging.INFO, "pet_mtl")
    return caplog


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_all_who_read_it_say_it_once(tmp_path: Path, make_task, told, encoding: str) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(CHINESE.encode(encoding))
    reason = None if encoding == "utf-8" else f"it is {encoding.upper()}, not UTF-8"
    task = make_task()
    readers = (
        lambda: read_rows(path.name, task, base=tmp_path, tolerant=True),
        lambda: [*open_rows(path.name, task, base=tmp_path).blocks()],
        lambda: [*stream_rows(path.name, task, base=tmp_path, size=1)],
    )
    for read in readers:
        told.clear()
        read()
        assert told.messages == ([f"{path}: {reason}"] if reason else [])
    assert read_raw_table(path).reasons.get(None) == reason


def test_lines_say_it_too(make_task, told) -> None:
    raw = CHINESE.replace("\t", " ").encode("gb18030")
    read_lines(raw, make_task(), "stdin")
    assert told.messages == ["stdin: it is GB18030, not UTF-8"]


def test_korean_is_not_taken_for_chinese_in_silence(tmp_path: Path, make_task, told) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(KOREAN.encode("euc_kr"))
    read_rows(path.name, make_task(), base=tmp_path, tolerant=True)
    (message,) = told.messages
    assert message.startswith(f"{path}: it is EUC-KR or GB18030, not UTF-8")
    assert "iconv -f euc-kr -t utf-8" in message


@pytest.mark.parametrize("text", [CHINESE, "好\n坏\n" * 200, "good film\t好\nbad film\t坏\n" * 99])
def test_chinese_is_no_korean(text: str) -> None:
    assert not_utf8("gb18030", text.encode("gb18030")) == "it is GB18030, not UTF-8"


JAPANESE = (
    "今日のニュースはとても良いです\t0\nこの映画はつまらなかったので、東京で別の作品を見た\t1\n"
)


def test_japanese_is_not_taken_for_chinese_in_silence(tmp_path: Path, make_task, told) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(JAPANESE.encode("euc_jp"))
    read_rows(path.name, make_task(), base=tmp_path, tolerant=True)
    (message,) = told.messages
    assert message.startswith(f"{path}: it is EUC-JP or GB18030, not UTF-8")
    assert "iconv -f euc-jp -t utf-8" in message
    in_gb18030 = JAPANESE.replace("別", "気").encode("gb18030")
    assert not_utf8("gb18030", in_gb18030) == "it is GB18030, not UTF-8"


@pytest.mark.parametrize(
    ("text", "encoding", "told_as"),
    [
        (CHINESE, "gb18030", "gb18030"),
        (KOREAN, "euc_kr", "euc-kr"),
        (JAPANESE, "euc_jp", "euc-jp"),
        (JAPANESE, "shift_jis", None),
        ("今天的新聞很好看\t0\n國際經濟情勢\t1\n", "big5", None),
        ("Gemüse für große Männer\t0\nschöne Bücher\t1\n", "latin-1", None),
        ("рынок\t0\nпогода\t1\n", "cp1251", None),
    ],
)
def test_no_other_encoding_is_called_gb18030(
    tmp_path: Path, make_task, text: str, encoding: str, told_as: str | None
) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(PetMtlError, match="not UTF-8") as caught:
        read_rows(path.name, make_task(), base=tmp_path)
    hint = caught.value.problems[0].hint or ""
    assert f"`iconv -f {told_as or 'CHARSET'} -t utf-8 {path} > " in hint
    assert ("looks like" in hint) is (told_as is not None)
