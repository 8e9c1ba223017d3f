"""Two tabs on one task: neither writes over what the other saved."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_browser import MARKS
from test_studio_page import Page, address, open_page  # noqa: F401

from pet_mtl.studio import session
from pet_mtl.words import trial

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
pytestmark = MARKS


def test_the_second_to_save_sees_what_the_first_saved(
    open_page: Callable[..., Page],  # noqa: F811
    folder: Path,
) -> None:
    one, other = open_page(), open_page()
    one.add(0, "山水")
    other.add(2, "火")
    one.key("save").click()
    one.page.wait_for_selector(".message.good")
    saved = (folder / "topic.txt").read_text(encoding="utf-8")
    assert "山水" in saved
    other.key("save").click()
    other.page.wait_for_selector(".conflict")
    assert "山水" in other.page.inner_text(".difference")
    assert (folder / "topic.txt").read_text(encoding="utf-8") == saved
    assert other.words(2) == ["科", "火"]  # its own edit is still there
    assert [line.split()[0] for line in other.refused] == ["409"]


def test_the_second_does_not_stop_what_the_first_waits_for(
    open_page: Callable[..., Page],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = open_page(), open_page()
    compute, go = trial.compute_states, threading.Event()

    def slow(*args: Any) -> Any:
        *_, on_batch = args
        while not go.wait(0.05):
            on_batch(0)
        return compute(*args)

    monkeypatch.setattr(trial, "compute_states", slow)
    for page, word in ((one, "山水"), (other, "水火")):
        page.type_word(0, word)
        page.page.wait_for_selector("#progress .progress")
    go.set()
    for page in (one, other):
        page.page.wait_for_selector("#progress .progress", state="detached")
        page.scored()
    scores = one.score(), other.score()
    for page, word in ((other, "山水"), (one, "水火")):
        page.key("undo").click()
        page.add(0, word)
    assert scores == (other.score(), one.score())
    assert one.confusion() != other.confusion()


def test_another_task_is_opened_while_the_words_are_saved(
    open_page: Callable[..., Page],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> None:
    page, go = open_page(), threading.Event()
    page.page.on("dialog", lambda dialog: dialog.accept())
    save = session.save_words

    def slow(*args: Any) -> str:
        go.wait(20)
        return save(*args)

    monkeypatch.setattr(session, "save_words", slow)
    page.add(0, "火")
    page.key("save").click()
    page.key("task").select_option("many")
    page.page.wait_for_selector(".label:nth-of-type(4)")
    go.set()
    page.scored()
    assert "火" in (folder / "topic.txt").read_text(encoding="utf-8")
    assert page.page.title().startswith("many")
    assert page.key("task").input_value() == "many"
