"""JSON of run folders."""

import json
from pathlib import Path

import pytest

from pet_mtl.storage import checked_json
from pet_mtl.storage.checked_json import read_bounded, read_records

GOOD = {"step": 3, "loss": {"a": 0.5}, "dev": {"a": {"macro_f1": 1, "accuracy": 0.5}}, "other": []}


def test_good_lines_stay(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    assert read_records(file) == []
    no_label = {"step": 5, "dev": {"a": {"pearson": 0.5}}, "mean_macro_f1": None, "mean_score": 0.5}
    lines = [GOOD, {"step": 4, "loss": 0.25}, no_label]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_records(file) == lines


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "5",
        "null",
        "{}",
        '{"step": "3"}',
        '{"step": -1}',
        '{"step": 1.5}',
        '{"step": true}',
        '{"step": 1e400}',
        f'{{"step": {"9" * 5000}}}',
        '{"step": 3, "loss": "x"}',
        '{"step": 3, "loss": {"a": NaN}}',
        '{"step": 3, "dev": []}',
        '{"step": 3, "dev": {"a": 0.5}}',
        '{"step": 3, "weights": {"a": null}}',
        "[" * 100_000,
        "\x00\x9b",
    ],
    ids=lambda line: line[:30],
)
def test_damaged_lines_are_left_out_and_said(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n{line}\n{json.dumps(GOOD)}\n", encoding="utf-8")
    with caplog.at_level("INFO", "pet_mtl"):
        assert read_records(file) == [GOOD, GOOD]
    assert "1 damaged line" in caplog.text


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 101)
    with pytest.raises(ValueError, match="larger"):
        read_bounded(file, 100)
    assert len(read_bounded(file, 101)) == 101
    monkeypatch.setattr(checked_json, "LONGEST_LINE", 50)
    assert read_records(file) == []
