"""Draw docs/web.png and docs/web-phone.png: the page of `apocrypha serve`, asked something in a real browser."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

DOCS = Path(__file__).parent
COLOURS = 128


@contextmanager
def served() -> Iterator[str]:
    """Have the server run; yield its address."""
    command = [sys.executable, "-m", "bot", "serve", "--port", "0"]
    server = subprocess.Popen(command, cwd=DOCS.parent, stderr=subprocess.PIPE, text=True)
    assert server.stderr
    found = re.search(r"http://\S+", server.stderr.readline())
    assert found
    try:
        yield found[0]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate()


def draw(browser: Browser, address: str, name: str, width: int, height: int, scheme: str) -> None:
    """Ask, point at a character, and keep what is seen."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    page.check("#think")
    page.fill("#message", "Who made the sea?")
    page.click("#options summary")
    page.fill("#seed", "3")
    page.click("#options summary")
    page.press("#message", "Enter")
    expect(page.locator("#text b").nth(20)).to_be_visible(timeout=60_000)
    expect(page.locator("#stop")).to_be_hidden(timeout=60_000)
    page.locator("#text b").nth(20).hover()
    image = Image.open(BytesIO(page.screenshot()))
    context.close()
    image.quantize(COLOURS).save(DOCS / name, optimize=True)


def main(chromium: str = "/usr/bin/chromium") -> None:
    """Write both pictures; needs Chromium."""
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        draw(browser, address, "web.png", 1200, 860, "light")
        draw(browser, address, "web-phone.png", 390, 780, "dark")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
