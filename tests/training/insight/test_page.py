"""The page in a real browser, opened from a file."""

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers.browser import browser
from training.checkpoint import Model
from training.insight import page as pages
from training.insight.cells import Finding, Scored
from training.insight.colours import shade_of, shades
from training.insight.trace import Trace, largest, trace

__all__ = ["browser"]
e2e = pytest.mark.e2e
TEXT = 'a </script><b>&amp; "f"\n\tg(h)\n' * 20
ALPHABET = "".join(sorted(set(TEXT)))
FOUND = (
    Finding("quotes", "inside quotation marks", "AUC", (Scored(1, 3, True, 0.98, 0.97),), 0.55, 0.6, 0.2),
    Finding("line", "position in the line", "r", (Scored(0, 5, False, 0.9, 0.85),), 0.1, 0.2, 30.0),
)


@pytest.fixture(scope="module")
def model(made) -> Model:
    return made(ALPHABET, units=20)


@pytest.fixture(scope="module")
def traced(model: Model) -> Trace:
    return trace(model, TEXT)


@pytest.fixture(scope="module")
def written(model: Model, traced: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(pages.render(model, traced, "What it <knows>", "About & all", FOUND, first=23), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, written: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme="light", offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.on("request", lambda asked: faults.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None)
    page.goto(written.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    yield page
    context.close()
    assert not faults


def test_its_numbers_are_those_of_the_trace(model: Model, traced: Trace, written: Path) -> None:
    data = json.loads(written.read_text(encoding="utf-8").split('type="application/json">')[1].split("</script>")[0])
    raw = zlib.decompress(base64.b64decode(data["numbers"]))
    size = len(TEXT)
    assert np.frombuffer(raw[4 : 4 * size], "<f4") == pytest.approx(traced.nats[1:])
    guesses = np.frombuffer(raw[4 * size : 14 * size], "<u2").reshape(size, 5)
    odds = np.frombuffer(raw[14 * size : 24 * size], "<u2").reshape(size, 5) / 65535
    assert np.array_equal(guesses[:, 0], traced.logits.argmax(axis=1))
    assert np.abs(odds - np.sort(traced.probabilities, axis=1)[:, :-6:-1]).max() < 1e-5
    values = (
        np.cumsum(np.frombuffer(raw[24 * size :], np.int8).reshape(40, size), axis=1, dtype=np.int8) / data["levels"]
    )
    assert np.abs(
        values.T * largest(traced.cells) - traced.cells.clip(-largest(traced.cells), largest(traced.cells))
    ).max() < (largest(traced.cells).max() / 200)
    assert (data["text"], data["first"], data["levels"]) == (TEXT, 23, 127)


@e2e
@pytest.mark.alone
def test_a_large_page_is_coarser_small_and_smooth(made, browser: Browser, tmp_path: Path) -> None:
    """Values without any order, which nothing can pack: 5,000 characters and three layers of 512."""
    model = made("ab", units=512, layers=3)
    chance = np.random.default_rng(0)
    cells = np.cumsum(chance.normal(size=(5000, 3, 512)), axis=0, dtype=np.float32)  # slow, as cells are
    found = Trace("lstm", "ab" * 2500, {"cell": cells}, np.zeros((5000, 2), np.float32), np.zeros(5000, np.float32))
    whole = pages.render(model, found, "t", "a")
    assert len(whole.encode()) < 3_000_000
    assert '"levels":15' in whole or '"levels":31' in whole
    (tmp_path / "large.html").write_text(whole, encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "large.html").as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    assert middle(page, "go(7 * k)") < 1000 / 60  # milliseconds: a frame
    assert middle(page, "choose(13 * k)") < 500
    page.close()


def middle(page: Page, action: str) -> float:
    """Return how many milliseconds an action takes with its layout, the median of 30 times `k`."""
    script = f"""() => Array.from({{ length: 30 }}, (_, k) => {{
        const begun = performance.now(); {action}; document.body.offsetHeight; return performance.now() - begun;
    }})"""
    return sorted(page.evaluate(script))[15]


@e2e
def test_the_text_is_as_it_was_and_has_the_cells_colours(page: Page, traced: Trace) -> None:
    expect(page).to_have_title("What it <knows>")
    letters = page.locator(".c")
    assert "".join(letters.all_text_contents()) == TEXT.replace("\n", "⏎")
    numbers = shade_of(np.rint(127 * traced.cells[:, 23] / largest(traced.cells)[23]) / 127)
    shade = shades("light")[numbers[40]]
    rgb = ", ".join(str(int(shade[at : at + 2], 16)) for at in (1, 3, 5))
    expect(letters.nth(40)).to_have_css("background-color", f"rgb({rgb})")


@e2e
def test_pointing_at_a_character_shows_what_comes_next_and_all_cells(page: Page, model: Model, traced: Trace) -> None:
    page.locator(".c").nth(23).hover()
    odds = traced.probabilities[23]
    best = model.card.vocabulary[odds.argmax()]
    first = page.locator("#next li").first
    expect(first.locator("b")).to_have_text({" ": "␣", "\n": "⏎", "\t": "⇥"}.get(best, best))
    expect(first.locator("span")).to_have_text(f"{100 * odds.max():.{1 if odds.max() < 0.0995 else 0}f} %")
    expect(page.locator("#next li")).to_have_count(5)
    expect(page.locator("#chance")).to_contain_text(f"({traced.nats[23]:.2f} nats)")
    pixel = (
        page.locator("#cells canvas")
        .nth(1)
        .evaluate("canvas => [...canvas.getContext('2d').getImageData(3, 0, 1, 1).data]")
    )
    number = shade_of(np.rint(127 * traced.cells[23, 23] / largest(traced.cells)[23]) / 127)
    assert pixel[:3] == [int(shades("light")[number][at : at + 2], 16) for at in (1, 3, 5)]
    expect(page.locator("#said")).to_contain_text("Next:")


@e2e
def test_clicking_a_cell_colours_the_text_by_it(page: Page) -> None:
    before = page.locator(".c").evaluate_all("spans => spans.map(span => span.className)")
    page.locator("#cells canvas").first.click(position={"x": 4, "y": 4})
    expect(page.locator("#cell")).to_have_value("0:0")
    assert page.locator(".c").evaluate_all("spans => spans.map(span => span.className)") != before
    page.locator("#found button").nth(1).click()
    expect(page.locator("#cell")).to_have_value("0:5")
    expect(page.locator("#found button").nth(1)).to_have_attribute("aria-pressed", "true")
    page.fill("#cell", "1:19")
    page.press("#cell", "Enter")
    expect(page.locator("#value")).to_contain_text("of ±")
    page.fill("#cell", "7:1")
    page.press("#cell", "Enter")
    expect(page.locator("#cell")).to_have_value("1:19")  # there is no such cell


@e2e
def test_it_can_be_walked_about_in_by_keyboard_alone(page: Page) -> None:
    place = "document.querySelector('.here').place"
    while page.evaluate("document.activeElement.id") != "text":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(place) == 2
    page.keyboard.press("ArrowDown")
    assert TEXT[:30].count("\n", 0, page.evaluate(place)) == 1
    page.keyboard.press("Home")
    assert page.evaluate(place) == TEXT.index("\n") + 1
    page.keyboard.press("End")
    assert TEXT[page.evaluate(place)] == "\n"
    page.keyboard.press("ArrowUp")
    assert page.evaluate(place) < TEXT.index("\n") + 1
    page.keyboard.press("]")
    expect(page.locator("#cell")).to_have_value("1:4")
    page.keyboard.press("2")
    expect(page.locator("#cell")).to_have_value("0:5")
    page.keyboard.press("g")
    expect(page.locator("#text")).to_have_class("guessing")
    assert len(page.locator(".c").nth(3).get_attribute("data-guesses").split("\n")) == 5
    page.keyboard.press("s")
    expect(page.locator("#surprise")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 29)"
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "cells":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#cell")).to_have_value("0:6")


@e2e
def test_a_phone_has_all_of_it_on_its_screen(browser: Browser, written: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(written.as_uri())
    page.locator(".c").nth(8).tap()
    assert page.evaluate("document.querySelector('.here').place") == 8
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for part in ("#next", "#cells canvas"):
        box = page.locator(part).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800
    context.close()
