"""The page in a real browser, with the voices that come with the package."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bot.web.conftest import SETTINGS, Server
from tests.conftest import Run
from tests.servers.browser import browser

__all__ = ["browser"]
pytestmark = pytest.mark.e2e
VERSE = re.compile(r"^[1-3]? ?[A-Z][A-Za-z ]+ \d+:\d+ \S.+[.?!:;,)]$", re.DOTALL)


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: faults.append(request.url) if not request.url.startswith((server.url, "blob:")) else None,
    )
    page.goto(server.url)
    yield page
    context.close()
    assert not faults


def finished(page: Page) -> str:
    """Return the text when it is written."""
    expect(page.locator("#about")).not_to_be_empty(timeout=60_000)  # it has begun
    expect(page.locator("#stop")).to_be_hidden(timeout=60_000)
    return page.locator("#text").inner_text()


def ask(page: Page, message: str) -> str:
    page.fill("#message", message)
    page.press("#message", "Enter")
    return finished(page)


def test_a_question_is_answered_and_its_link_gives_the_answer_again(page: Page, server: Server) -> None:
    said = ask(page, "What is love?")
    assert VERSE.match(said)
    page.click("#link")
    link = page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(link.split("#")[1])["message"] == ["What is love?"]
    page.goto("about:blank")
    page.goto(link)
    assert finished(page) == said
    page.click("#again")
    assert finished(page) != said
    page.click("#copy")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#text").inner_text()


def test_its_doubts_are_seen_by_mouse_and_by_keyboard(page: Page) -> None:
    page.check("#think")
    ask(page, "Who are you?")
    letters = page.locator("#text b")
    text = "".join(letters.all_inner_texts())
    assert len(text) > 20
    letters.nth(5).hover()
    expect(page.locator("#guesses kbd")).to_have_count(5)
    page.focus("#text")
    page.keyboard.press("End")
    expect(letters.last).to_have_class("here")
    page.keyboard.press("ArrowLeft")
    expect(letters.nth(-2)).to_have_class("here")
    assert page.locator("#text .hidden").inner_text() == text


def test_options_are_heeded(page: Page) -> None:
    page.locator("#voices label", has_text="novel").click()
    page.click("#options summary")
    page.fill("#prefix", "The emperor")
    page.fill("#length", "60")
    page.fill("#seed", "7")
    page.select_option("#blend", "bible")
    said = ask(page, "")
    assert said.startswith("The emperor")
    assert len(said) <= 60 + len("The emperor")
    assert "bible" in page.locator("#about").inner_text()
    assert ask(page, "") == said


def test_a_text_is_drawn_and_described(page: Page) -> None:
    said = ask(page, "Who shall enter?")
    page.click("#draw")
    drawn = page.locator("#drawn")
    expect(drawn).to_be_visible()
    assert drawn.get_attribute("alt") == said
    assert drawn.evaluate("image => image.naturalWidth") > 400


def test_every_trained_voice_has_its_card(page: Page) -> None:
    expect(page.locator("#cards .card", has_text="bible").locator("blockquote")).to_have_text(VERSE, timeout=60_000)
    expect(page.locator("#cards .card").nth(2).locator("blockquote")).not_to_be_empty(timeout=60_000)


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#voices label", has_text="code").click()
    ask(page, "")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_admin_approves_and_edits(
    browser: Browser, serve: Callable[..., Any], apocrypha: Run, tmp_path: Path
) -> None:
    with serve(SETTINGS) as server:
        apocrypha("post", "weather", "--to", "folder", "--approval", ok=True)
        page = browser.new_page()
        page.goto(server.url)
        expect(page.locator("#office")).to_be_hidden()
        page.click("#key")
        page.fill("#key-value", "office-key")
        page.click("text=Use it")
        card = page.locator("#posts .card").first
        card.get_by_role("button", name="Edit").click()
        card.locator("textarea").fill("On day 7 there was a page.")
        card.get_by_role("button", name="Save").click()
        expect(page.locator("#posts .written").first).to_have_text("On day 7 there was a page.")
        page.locator("#posts .card").first.get_by_role("button", name="Approve").click()
        expect(page.locator("#posts h3").first).to_contain_text("ready")
        page.close()
