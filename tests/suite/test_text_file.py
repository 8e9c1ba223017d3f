import os
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.text_file import read_text_file


def test_line_ends_and_the_mark_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_text_file(path) == "a\nb\nc\n"


def test_wrong_bytes_name_offset_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("第一\n".encode() + "第二".encode("gbk"))
    with pytest.raises(
        PetMtlError,
        match=(
            r"a\.txt:2: not UTF-8: byte 7 is 0xb5\n  hint: the file may be "
            r"GBK"
        ),
    ):
        read_text_file(path)


def test_what_is_no_chinese_is_not_told_to_be_gbk(tmp_path: Path) -> None:
    """Nearly all bytes can be read as GBK, but as characters that nobody writes."""
    path = tmp_path / "a.txt"
    hints = {}
    for text, encoding in (("gemüse Gemüse\nwörter Wörter\n", "latin-1"), ("新闻 新闻\n", "gbk")):
        path.write_bytes(text.encode(encoding))
        with pytest.raises(PetMtlError) as caught:
            read_text_file(path)
        hints[encoding] = caught.value.problems[0].hint
    assert hints["latin-1"] == "save the file as UTF-8"
    assert str(hints["gbk"]).startswith("the file may be GBK")


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="the system has no names for pipes")
def test_a_pipe_gives_its_text_again() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a\r\nb")
    os.close(writing)
    try:
        assert [read_text_file(Path(f"/dev/fd/{reading}")) for _ in range(2)] == ["a\nb"] * 2
    finally:
        os.close(reading)
