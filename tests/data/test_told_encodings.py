"""What is said of files in encodings that `train` refuses."""

import logging
from pathlib import Path

import pytest

from pet_mtl.data.encoding import not_utf8
from pet_mtl.data.readers import read_lines, read_rows
from pet_mtl.data.streams import open_rows, stream_rows
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
