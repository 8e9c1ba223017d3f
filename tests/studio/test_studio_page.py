"""The page in a real browser, see `in_browser.py`."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from in_browser import MARKS, wait_until

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
pytestmark = MARKS
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1300, "height": 900}


@pytest.fixture
def address(make_app: Callable[..., Any]) -> Iterator[str]:
    import uvicorn

    from pet_mtl.serving.server import address_of, open_socket

    with open_socket("127.0.0.1", 0) as opened:
        config = uvicorn.Config(make_app(), log_config=None, ws="none", loop="asyncio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        yield address_of(opened, "127.0.0.1")
        server.should_exit = True
        thread.join(20)


class Page:
    """A page of the studio that notes every error the browser tells of."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.said: list[str] = []
        self.refused: list[str] = []
        page.on("console", self._hear)
        page.on("response", self._note)
        page.on("pageerror", lambda each: self.said.append(f"error: {each}"))
        page.goto(address)
        self.scored()

    def _hear(self, message: Any) -> None:
        if not message.text.startswith("Failed to load resource"):  # noted as refused
            self.said.append(f"{message.type}: {message.text}")

    def _note(self, response: Any) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.url}")

    def until(self, condition: str) -> None:
        """Wait for a condition; the page's policy forbids playwright's own waiting in it."""
        wait_until(self.page, lambda: bool(self.page.evaluate(condition)))

    def settled(self) -> None:
        """Wait until no request and no delayed action is under way."""
        self.until("document.documentElement.dataset.pending === '0'")

    def scored(self) -> None:
        """Wait until the last edit is scored and its rows are there."""
        self.page.wait_for_selector("#now-macro_f1", timeout=30_000)
        self.settled()

    def label(self, number: int) -> Any:
        return self.page.locator(".label").nth(number)

    def words(self, number: int) -> list[str]:
        chips = self.label(number).locator(".chip:not(.gone) .word")
        return [text.rstrip("23") for text in chips.all_inner_texts()]

    def type_word(self, number: int, word: str) -> None:
        box = self.label(number).locator("input.add")
        box.fill(word)
        box.press("Enter")

    def add(self, number: int, word: str) -> None:
        self.type_word(number, word)
        self.scored()

    def score(self) -> str:
        return str(self.page.inner_text("#now-macro_f1"))

    def confusion(self) -> list[str]:
        return list(self.page.locator(".cell").all_inner_texts())

    def key(self, name: str) -> Any:
        return self.page.locator(f'[data-key="{name}"]')

    def fits(self) -> bool:
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        return bool(wide <= self.page.viewport_size["width"])


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Page]]:
    contexts, pages = [], []

    def open_(size: dict[str, int] = DESK, language: str = "en-US", scheme: str = "light") -> Page:
        contexts.append(browser.new_context(viewport=size, locale=language, color_scheme=scheme))
        pages.append(Page(contexts[-1].new_page(), address))
        return pages[-1]

    yield open_
    for page in pages:
        assert page.said == []
        assert page.page.title().endswith(("studio", "工作台"))  # no text was run
    for context in contexts:
        context.close()


def test_a_word_is_typed_scored_undone_saved_and_there_again(
    open_page: Callable[..., Page], folder: Path
) -> None:
    page = open_page()
    before, matrix = page.score(), page.confusion()
    assert page.words(1) == ["体", "育"]
    page.label(0).locator("input.add").fill("山水")
    page.page.wait_for_selector(".draft:has-text('山 水')")  # its pieces, as it is typed
    page.add(0, "山水")
    assert page.words(0) == ["新", "山水"]
    assert page.confusion() != matrix
    changed = page.score()
    page.key("undo").click()
    page.scored()
    assert (page.words(0), page.score(), page.confusion()) == (["新"], before, matrix)
    page.key("redo").click()
    page.scored()
    assert (page.words(0), page.score()) == (["新", "山水"], changed)
    page.key("save").click()
    page.page.wait_for_selector(".message.good")
    assert "新 山水   # first" in (folder / "topic.txt").read_text(encoding="utf-8")
    assert page.key("save").is_disabled()
    page.page.reload()
    page.scored()
    assert (page.words(0), page.score()) == (["新", "山水"], changed)


def test_a_file_that_was_changed_is_not_replaced_unseen(
    open_page: Callable[..., Page], folder: Path
) -> None:
    page = open_page()
    page.add(0, "山")
    file = folder / "topic.txt"
    other = file.read_text(encoding="utf-8").replace("体 育", "体 水")
    file.write_text(other, encoding="utf-8")
    page.key("save").click()
    page.page.wait_for_selector(".conflict")
    assert "体 水" in "".join(page.page.locator(".difference .minus").all_inner_texts())
    assert file.read_text(encoding="utf-8") == other
    page.key("take").click()
    page.scored()
    assert (page.words(0), page.words(1)) == (["新"], ["体", "水"])
    page.key("undo").click()  # what was typed is not lost
    page.scored()
    assert page.words(0) == ["新", "山"]
    page.key("save").click()
    page.page.wait_for_selector(".message.good")
    assert "新 山" in file.read_text(encoding="utf-8")


def test_a_reloaded_page_shows_the_file(open_page: Callable[..., Page], folder: Path) -> None:
    page, file = open_page(), folder / "topic.txt"
    right = file.read_text(encoding="utf-8").replace("体 育", "体 水")
    file.write_text(right, encoding="utf-8")
    page.page.reload()
    page.scored()
    assert page.words(1) == ["体", "水"]
    file.write_text(right.replace("体 水", ""), encoding="utf-8")
    page.page.reload()
    page.scored()
    assert page.words(1) == ["体", "水"]
    page.page.wait_for_selector("[data-key=take-moved]")  # it says that the file is another one
    file.write_text(right, encoding="utf-8")
    page.key("take-moved").click()
    page.scored()
    page.page.wait_for_selector("[data-key=take-moved]", state="detached")


def test_all_by_keyboard(open_page: Callable[..., Page]) -> None:
    page = open_page()
    keyboard = page.page.keyboard

    def focused() -> str:
        return str(page.page.evaluate("document.activeElement.getAttribute('aria-label')"))

    for _ in range(60):
        keyboard.press("Tab")
        if focused().endswith("c: add a word"):
            break
    keyboard.type("山")
    keyboard.press("Enter")
    page.scored()
    assert page.words(1) == ["体", "育", "山"]
    assert focused().endswith("c: add a word")
    keyboard.press("ArrowLeft")
    keyboard.press("Alt+ArrowLeft")
    page.scored()
    assert page.words(1) == ["体", "山", "育"]
    keyboard.press("Alt+ArrowUp")
    page.scored()
    assert (page.words(0), page.words(1)) == (["新", "山"], ["体", "育"])
    keyboard.press("ArrowLeft")
    keyboard.press("Delete")
    page.scored()
    assert page.words(0) == ["山"]
    keyboard.press("Control+z")
    page.scored()
    assert page.words(0) == ["新", "山"]
    keyboard.press("Control+Shift+z")
    page.scored()
    assert page.words(0) == ["山"]
    assert page.refused == []
    page.page.locator("#tab-words").focus()
    keyboard.press("ArrowRight")
    page.page.wait_for_selector(".pieces")
    assert page.page.get_attribute("#tab-pattern", "aria-selected") == "true"


def test_an_input_method_is_left_alone_while_it_composes(open_page: Callable[..., Page]) -> None:
    page = open_page()
    method = page.page.context.new_cdp_session(page.page)
    box = page.label(1).locator("input.add")
    box.focus()
    method.send("Input.imeSetComposition", {"text": "sh", "selectionStart": 2, "selectionEnd": 2})
    page.page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.key("sort").evaluate("each => each.dispatchEvent(new Event('change'))")  # draws again
    page.settled()
    method.send("Input.imeSetComposition", {"text": "shan", "selectionStart": 4, "selectionEnd": 4})
    assert box.input_value() == "shan"
    method.send("Input.insertText", {"text": "山"})
    page.page.wait_for_selector(".draft:has-text('山')")
    assert (box.input_value(), page.words(1)) == ("山", ["体", "育"])
    box.press("Enter")
    page.scored()
    assert page.words(1) == ["体", "育", "山"]


def test_words_are_dragged_between_labels(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.label(1).locator(".chip").nth(1).drag_to(page.label(2))
    page.scored()
    assert (page.words(1), page.words(2)) == (["体"], ["科", "育"])
    page.label(2).locator(".chip").nth(1).drag_to(page.label(2).locator(".chip").nth(0))
    page.scored()
    assert page.words(2) == ["育", "科"]
    page.key("compare").check()
    assert page.label(1).locator(".chip.gone").inner_text() == "育"
    assert page.label(2).locator(".chip.added").count() == 1


def test_wrong_words_are_told(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.type_word(0, "龘")  # no score follows
    page.page.wait_for_selector("#effect .problems")
    page.page.wait_for_selector(".chip.wrong")
    page.key("undo").click()
    page.scored()
    assert page.page.locator(".problems").count() == 0


def test_cells_list_their_rows_and_a_row_is_inspected(open_page: Callable[..., Page]) -> None:
    page = open_page()
    cell = page.page.locator(".cell.hit:not(.empty)").first
    own = int(cell.get_attribute("data-key").split("-")[1])
    page.key("row-label").select_option(str(int(own == 0)))  # another label's rows are shown
    page.settled()
    cell.click()
    page.until("document.querySelector('[data-key=row-kind]').value === 'cell'")
    page.settled()
    count = int(page.page.locator(".cell[aria-pressed=true]").inner_text())
    assert page.page.locator(".row").count() == min(30, count)
    page.key("row-kind").select_option("all")
    box, held = page.key("row-text"), list[Any]()
    page.page.route("**/rows", lambda each: each.continue_() if held else held.append(each))
    box.press_sequentially("<s")
    wait_until(page.page, lambda: bool(held))
    box.press_sequentially("c")
    with page.page.expect_response("**/rows"):
        held[0].continue_()  # rows that come while one types on
    box.press_sequentially("ript>")
    page.settled()
    assert box.input_value() == "<script>"
    texts = page.page.locator(".row-text").all_inner_texts()
    assert texts
    assert all("<script>" in text for text in texts)
    page.page.locator(".look").first.click()
    page.page.wait_for_selector(".label-list .best")
    page.key("i-importance").click()
    page.page.wait_for_selector("mark")
    assert page.page.locator("#app img, #app script").count() == 0


def test_patterns_are_edited_scored_and_saved(open_page: Callable[..., Page], folder: Path) -> None:
    page = open_page()
    matrix = page.confusion()
    page.page.click("#tab-pattern")
    page.page.wait_for_selector(".pieces")
    assert page.page.locator(".pattern").count() == 2
    page.key("p-text-0").fill("{title}，{mask}")
    page.key("p-remove-1").click()
    page.until("document.querySelector('.pieces').innerText.includes('，')")
    page.key("p-score").click()
    page.scored()
    assert page.confusion() != matrix
    for key, holds in (("p-undo", "。"), ("p-redo", "，")):  # the row below follows
        page.key(key).click()
        page.until(f"document.querySelector('.pieces').innerText.includes('{holds}')")
    page.key("p-save").click()
    page.page.wait_for_selector(".message.good")
    text = (folder / "toy.yaml").read_text(encoding="utf-8")
    assert '      - "{title}，{mask}"             # first\n    verbalizer:' in text
    assert "# words here" in text
    page.key("p-row").fill("59")
    page.key("p-row").press("Enter")
    page.settled()
    page.key("task").select_option("pair")  # of 6 rows
    page.page.wait_for_selector(".pieces:has-text('？')")
    page.key("p-text-0").fill("{one}")
    page.page.wait_for_selector("#editor .problems")


@pytest.mark.parametrize("task", ["topic", "many", "pair"])
def test_phones_dark_and_chinese(open_page: Callable[..., Page], task: str) -> None:
    page = open_page(PHONE, "zh-CN", "dark")
    assert page.page.inner_text("#tab-words") == "标签词"
    page.key("task").select_option(task)
    page.scored()
    assert page.fits()
    ground = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(18, 23, 22)"
    for view in ("pattern", "inspect", "words"):
        page.page.click(f"#tab-{view}")
        page.settled()
        assert page.fits(), view
    page.key("theme").click()
    assert page.page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    page.key("language").click()
    assert page.page.inner_text("#tab-words") == "Words"
