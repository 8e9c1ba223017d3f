"""A file in another encoding is told from one with damaged rows."""

from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.raw_table import read_raw_table

RUSSIAN = "text\tlabel\nпогода\t0\nрынок\t1\nok\t0\n"
GERMAN = "text\tlabel\ndas macht „Spaß“\t0\nschön – Größe\t1\nso so\t0\n"
THAI = "text\tlabel\nทีม นักเตะ\t0\nหุ้น ธนาคาร\t1\n"


@pytest.mark.parametrize(
    ("text", "encoding"), [(RUSSIAN, "cp1251"), (GERMAN, "cp1252"), (THAI, "cp874")]
)
@pytest.mark.parametrize("name", ["t.tsv", "t.csv", "t.jsonl"])
def test_rows_of_another_encoding_are_not_left_out(
    tmp_path: Path, text: str, encoding: str, name: str
) -> None:
    if name == "t.csv":
        text = text.replace("\t", ",")
    if name == "t.jsonl":
        rows = (line.split("\t") for line in text.splitlines())
        text = "".join(f'{{"text": "{cell}", "label": "{label}"}}\n' for cell, label in rows)
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    with pytest.raises(PetMtlError, match="not UTF-8: byte 0x") as caught:
        read_raw_table(path)
    (problem,) = caught.value.problems
    assert problem.where == f"{path}:2"
    assert f"`iconv -f CHARSET -t utf-8 {path} > " in str(problem.hint)


@pytest.mark.parametrize("good", ["好新闻\t0\n", "a good film\t0\n"])
def test_damaged_rows_are_left_out(tmp_path: Path, good: str) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(b"text\tlabel\n" + good.encode() * 30 + b"\xff\xff\t1\n")
    table = read_raw_table(path)
    assert (len(table), table.skipped) == (30, 1)
    assert table.reasons[None] == "1 of its rows are not UTF-8"
