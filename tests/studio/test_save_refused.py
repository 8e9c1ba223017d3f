"""Files that the page reads and does not write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")


def test_patterns_with_learned_pieces_keep_them(
    folder: Path, open_client: Callable[..., Any]
) -> None:
    """The page shows them without, and would write them so."""
    file = folder / "toy.yaml"
    text = file.read_text(encoding="utf-8").replace("{one}？", "{soft:3}{one}？")
    file.write_text(text, encoding="utf-8")
    client = open_client()
    asked = {"what": "patterns", "prefix": "新：", "patterns": ["{one}？{mask}，{two}"]}
    asked["words"] = {"0": ["好", "真好"], "1": ["坏"]}
    for seen in ("", client.get("/api/tasks/pair").json()["patterns_file"]["digest"]):
        found = client.post("pair/save", {**asked, "seen": seen}, 422)
        assert "`{soft:…}`" in found["problems"][0]["message"]
    assert file.read_text(encoding="utf-8") == text
    task = client.get("/api/tasks/pair").json()
    assert (task["patterns"], task["patterns_file"]["path"]) == (["{one}？{mask}，{two}"], None)
    words = {"0": ["好"], "1": ["坏"]}
    seen = task["words_file"]["digest"]
    client.post("pair/save", {"what": "words", "words": words, "seen": seen})
    text = text.replace("[好, 真好]", '["好"]')
    assert file.read_text(encoding="utf-8") == text
    file.write_text(text.replace("{soft:3}", ""), encoding="utf-8")  # the user takes them out
    assert client.get("/api/tasks/pair").json()["patterns_file"]["path"] == str(file)


def test_changes_of_a_file_that_is_not_written_are_shown(
    folder: Path, open_client: Callable[..., Any]
) -> None:
    file = folder / "many.txt"
    file.write_text("一,二\n三\n", encoding="utf-8")  # OpenPrompt's form
    (folder / "many.tsv").write_text("一\t0\n二\t1\n", encoding="utf-8")
    client = open_client()
    assert client.get("/api/tasks/many").json()["words"]["1"] == ["三"]
    file.write_text("一,二\n四\n", encoding="utf-8")
    assert client.get("/api/tasks/many").json()["words"]["1"] == ["四"]
