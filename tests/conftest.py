import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MIRROR = Path(os.environ.get("APOCRYPHA_MIRROR", ROOT.parent / "shared" / "corpora"))

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """What a person's shell would have, with a home of its own and no mirror."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APOCRYPHA_", "COLUMNS"))}
    return kept | {"APOCRYPHA_HOME": str(home), "APOCRYPHA_THREADS": "1", "COLUMNS": "120"}


@pytest.fixture
def apocrypha(environment: dict[str, str]) -> Run:
    """Run the command as a person would, in a process of its own."""

    def run(*arguments: str, stdin: str = "", ok: bool | None = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bot", *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=300, check=False
        )
        assert ok in (None, done.returncode == 0), f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def mirror() -> Path:
    if not (MIRROR / "bible" / "kjv.txt").exists():
        pytest.skip(f"no mirror of the corpora at {MIRROR}; set APOCRYPHA_MIRROR")
    return MIRROR


@pytest.fixture
def weather(home: Path) -> Path:
    """A plugin of a stranger's: one line of manifest, and a text small enough to learn in a second."""
    folder = home / "plugins" / "weather"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text('summary = "What the sky does"\n', encoding="utf-8")
    skies, winds = ("rain", "sun", "snow", "fog", "hail"), ("north", "east", "south", "west")
    days = [f"On day {n} there was {skies[n * 7 % 5]} and wind from the {winds[n * 3 % 4]}." for n in range(400)]
    (folder / "corpus.txt").write_text("\n".join(days) + "\n", encoding="utf-8")
    (home / "cards").mkdir()
    (home / "cards" / "weather.json").write_text('{"allowed": {"by": "me", "at": "now", "why": "posts are tried"}}')
    return folder
