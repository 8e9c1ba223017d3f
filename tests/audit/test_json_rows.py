"""JSON rows on their way through `data clean`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.audit.clean import CHANGES, clean_suite
from pet_mtl.suite.suite import Suite

MakeSuite = Callable[..., Suite]


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_a_key_that_stands_twice_is_told(make_suite: MakeSuite, tmp_path: Path, name: str) -> None:
    rows = [
        '{"text": "one", "label": "a", "text": "two", "label": "b", "text": "three"}',
        '{"text": "four", "label": "a", "more": [{"x\\ud83d": 1, "x\\ud83d": {}}]}',
        '{"text": "five", "label": "b", "a": 1, "b": 1, "c": 1, "d": 1, "a": 1, "b": 1, "c": 1, "d": 1}',
    ]
    in_file = {"t.jsonl": "\n".join(rows), "t.json": f"[{','.join(rows)}]"}
    suite = make_suite(in_file, {"one": f"{{train: {name}}}"}, columns=("text", "label"))
    clean_suite(suite, tmp_path / "out", "majority")
    lines = (tmp_path / "out" / name).read_text("utf-8").splitlines()
    assert lines[name == "t.json"].rstrip(",") == '{"text": "three", "label": "b"}'
    listed = (tmp_path / "out" / CHANGES).read_text("utf-8").splitlines()
    changes = [line.removeprefix(f"{tmp_path}/") for line in listed]
    told = "keys that stand several times, of which the last counts"
    assert changes == [
        f'{name}:1: mended: {told}: "text", "label"',
        f'{name}:2: mended: half a surrogate pair, {told}: "x\ufffd"',
        f'{name}:3: mended: {told}: "a", "b", "c", …',
    ]
