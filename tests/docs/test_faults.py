"""The tests that the table of faults names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_kind_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| kind ")]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)`", row.split("|")[3])
        assert named, row
        assert not [name for name in named if not (ROOT / name).is_file()], row
