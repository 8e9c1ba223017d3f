"""Patterns on the page: each scored alone, and what is typed is not lost."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_browser import MARKS
from test_studio_page import Page, address, open_page  # noqa: F401

from pet_mtl.words import trial

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
pytestmark = MARKS


def test_several_patterns_are_scored_each_alone(
    open_page: Callable[..., Page],  # noqa: F811
) -> None:
    page = open_page()
    page.page.click("#tab-pattern")
    page.settled()
    page.key("p-score").click()
    page.page.locator(".pattern .legend").nth(1).wait_for()
    page.scored()
    told = page.page.locator(".pattern .legend").all_inner_texts()
    assert all(text.startswith("alone: macro-F1 0.") for text in told)
    assert page.key("p-score").inner_text() == "Score (runs the model)"


def test_another_pattern_that_is_typed_ends_their_scores(
    open_page: Callable[..., Page],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, compute, go = open_page(), trial.compute_states, threading.Event()
    working, stop = page.page.locator("#progress .progress"), page.key("p-stop")

    def slow(*args: Any) -> Any:
        *_, on_batch = args
        while not go.wait(0.05):
            on_batch(0)
        return compute(*args)

    monkeypatch.setattr(trial, "compute_states", slow)
    asked: list[Any] = []
    page.page.on("request", lambda each: asked.append(each) if "/effect" in each.url else None)
    page.type_word(0, "山水火")
    working.wait_for()
    page.page.click("#tab-pattern")
    page.key("p-score").click()
    stop.wait_for()
    working.wait_for(state="detached")  # the words are not scored any more
    page.key("p-text-1").fill("{title}，{mask}")
    stop.wait_for(state="detached")
    go.set()
    page.settled()
    words, alone, again = (each.post_data_json for each in asked)
    assert len(alone["patterns"]) == 1
    assert again == words  # which the pattern alone had stopped
    assert page.key("p-score").get_attribute("class") == "primary"
    assert page.key("p-text-1").input_value() == "{title}，{mask}"
    assert page.page.locator(".pattern .legend").count() == 0


def test_a_pattern_that_is_typed_is_asked_about_and_survives_saved_words(
    open_page: Callable[..., Page],  # noqa: F811
    folder: Path,
) -> None:
    page, asked = open_page(), list[str]()
    typed, task = page.key("p-text-0"), page.key("task")
    page.page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.page.click("#tab-pattern")
    typed.fill("{title}，{mask}")
    task.select_option("many")
    assert asked == ["There are unsaved changes."]
    assert task.input_value() == "topic"
    page.page.click("#tab-words")
    page.add(0, "山水")
    page.key("save").click()
    page.page.wait_for_selector(".message.good")
    page.page.click("#tab-pattern")
    page.settled()
    assert typed.input_value() == "{title}，{mask}"


def test_it_says_which_file_was_changed_and_that_the_studio_is_gone(
    open_page: Callable[..., Page],  # noqa: F811
    folder: Path,
) -> None:
    page = open_page()
    suite = folder / "toy.yaml"
    suite.write_text(suite.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    page.page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.page.wait_for_selector(".message.warning")
    told = page.page.inner_text(".message.warning")
    assert "toy.yaml was changed" in told
    assert "topic.txt" not in told
    page.page.route("**/api/tasks/many", lambda route: route.abort())
    page.key("task").select_option("many")
    page.page.wait_for_selector("#message .problems")
    assert "does not answer" in page.page.inner_text("#message .problems")
    assert page.key("task").input_value() == "topic"
