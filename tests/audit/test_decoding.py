"""Files whose bytes are not UTF-8: GB18030 among them, damage, and other encodings."""

from pathlib import Path

import pytest

from pet_mtl.audit.decoding import decode
from pet_mtl.errors import PetMtlError


def rows(text: str, count: int = 20) -> str:
    return "".join(f"{text}{number}\ta\n" for number in range(count))


@pytest.mark.parametrize(
    ("encoding", "text", "told"),
    [
        ("latin-1", "Gemüse für Mädchen, schöne Grüße aus Köln", "CHARSET"),
        ("cp1251", "Это очень хороший фильм, мне понравилось", "CHARSET"),
        ("big5", "這部電影真的很好看，我非常喜歡", "CHARSET"),
        ("euc_kr", "이 영화는 정말 재미있었고 배우들의 연기도 훌륭했습니다", "euc-kr"),
    ],
)
def test_other_encodings_are_refused_and_not_turned_into_chinese(
    tmp_path: Path, encoding: str, text: str, told: str
) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes((rows("plain") + rows(text)).encode(encoding))
    with pytest.raises(PetMtlError, match="not UTF-8") as error:
        decode(path)
    assert f"{path}:21" in str(error.value)
    assert f"-f {told} " in str(error.value)


def test_gb18030_is_read_beside_utf8_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    chinese = rows("今天的新闻说天气很好", 3)
    damaged = b"\xff\xfenews\ta\n"
    path.write_bytes(chinese.encode("gb18030") + chinese.encode() + damaged)
    text, mended = decode(path)
    assert text == chinese + chinese + damaged.decode("utf-8", "replace")
    assert [number for number, _ in mended] == [1, 2, 3, 7]


def test_a_few_damaged_rows_are_no_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes((rows("plain") + "caf\xe9\ta\n").encode("latin-1"))
    text, mended = decode(path)
    assert text == rows("plain") + "caf\ufffd\ta\n"
    assert [number for number, _ in mended] == [21]
