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


def test_settings_that_are_read_at_the_start_are_told(
    folder: Path, open_client: Callable[..., Any]
) -> None:
    """Rows scored as the file was would be shown as those of the file as it is."""
    client, file = open_client(), folder / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("    prefix:", "    aggregation: max\n    prefix:"), encoding="utf-8"
    )
    found = client.post("topic/reload", status=422)
    assert found["problems"][0]["message"] == "the file has another `aggregation` now"
    task = client.get("/api/tasks/topic").json()
    assert (task["aggregation"], task["patterns_file"]["changed"]) == ("mean", True)
    file.write_text(text.replace("topics", "subjects"), encoding="utf-8")  # nothing reads it
    assert client.post("topic/reload")["description"] == "subjects <b>bold</b>"
