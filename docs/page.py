"""Draw docs/study/page.png: the page that `apocrypha inspect novel --html` writes, in a real browser."""

import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PLACE = 300  # of the character that is pointed at


def main(chromium: str = "/usr/bin/chromium") -> None:
    """Write docs/study/page.png; needs the held-out text of the novel, and Chromium."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "novel.html"
        command = [sys.executable, "-m", "bot", "inspect", "novel", "--html", str(path)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 860}, color_scheme="light")
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        page.locator(".c").nth(PLACE).hover()
        image = Image.open(BytesIO(page.screenshot()))
        browser.close()
    image.quantize(128).save(ROOT / "docs" / "study" / "page.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
