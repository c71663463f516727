"""A day of three voices in fast motion, and the page that shows it, as a browser sees it."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bot.schedule import Schedules
from bot.store import Store
from bot.timetable import ScheduleSpec
from tests.servers.bots import clock_from, running, until
from tests.servers.browser import browser

__all__ = ["browser"]

DAWN = datetime(2026, 11, 23, 7, 55, tzinfo=UTC)
DAY = (("morning", "bible", "09:00"), ("noon", "code", "12:00"), ("evening", "latex", "18:00"))


@pytest.fixture
def page_of_the_day(home: Path, mirror: Path, environment: dict[str, str], tmp_path: Path) -> Path:
    """Let a bot live through the day; return the folder's page."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no TeX is installed")
    home.mkdir()
    store = Store(f"sqlite:///{home / 'apocrypha.db'}")
    for name, style, at in DAY:
        fields = {"name": name, "style": style, "targets": ["folder"], "at": at, "zone": "Europe/Berlin"}
        Schedules(store).add(ScheduleSpec.checked(fields | {"catch_up": "all", "expires": "3d"}), DAWN)
    store.close()
    environment["APOCRYPHA_MIRROR"] = str(mirror)
    with running(environment, tmp_path / "log", clock_from(DAWN, timedelta(minutes=20) / timedelta(seconds=1))):
        until(lambda: len(list((home / "posts").rglob("*.json"))) >= len(DAY), 300)
        page = home / "posts" / "index.html"
        until(lambda: page.exists() and page.read_text(encoding="utf-8").count("</article>") >= len(DAY))
    return page


@pytest.mark.e2e
def test_a_day_as_a_browser_shows_it(page_of_the_day: Path, browser: Browser) -> None:
    for width, scheme in ((1100, "light"), (1100, "dark"), (390, "light")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        look(context.new_page(), page_of_the_day, width)
        context.close()


def look(page: Page, path: Path, width: int) -> None:
    told = list[str]()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url) if not request.url.startswith("file://") else None)
    page.goto(path.as_uri())
    articles = page.locator("article")
    shown = [article.locator(".about span").get_attribute("title") for article in articles.all()]
    assert shown[-3:] == [f"{name} 2026-11-23T{at}" for name, _, at in reversed(DAY)]
    morning, noon, evening = (articles.nth(len(shown) - number) for number in (1, 2, 3))
    assert morning.locator(".text").inner_text()
    for article, begins in ((noon, "C code:"), (evening, "")):
        image = article.locator("img")
        image.scroll_into_view_if_needed()
        page.wait_for_function("image => image.complete && image.naturalWidth > 300", arg=image.element_handle())
        assert (image.get_attribute("alt") or "").startswith(begins)
        assert image.get_attribute("alt")
        assert article.locator(".caption").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert "2026" in noon.locator("time").inner_text()
    morning.locator("a").click()
    page.wait_for_url("**/2026-11-23.html#*")
    assert page.locator("h1").inner_text() == "23 November 2026"
    assert told == []
