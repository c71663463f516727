import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
DAYS = "\n".join(
    f"On day {n} there was {('rain', 'sun', 'snow', 'fog')[n * 7 % 4]}, and then a wind." for n in range(400)
)
SETTINGS = """
[[web.keys]]
name = "office"
secret = "office-key"
admin = true
per_minute = 10000
at_once = 100
"""


PLUGIN = 'summary = "What the sky does"\nexamples = ["On day 7"]\n[limits]\ncopied = 5000\nloop = 500\nalike = 1\n'
ALLOWED = '{"allowed": {"by": "me", "at": "now", "why": "posts are tried"}}'


class Server:
    """`apocrypha serve` as a process of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("APOCRYPHA_")}
        environment = kept | {"APOCRYPHA_HOME": str(home), "APOCRYPHA_THREADS": "1"}
        command = [sys.executable, "-m", "bot", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        said = list[str]()
        while not (found := re.search(r"Apocrypha is at (http://\S+:\d+)", "".join(said[-1:]))):
            said.append(self.process.stderr.readline())
            assert said[-1], "".join(said)
        self.url = found[1]

    def stop(self) -> str:
        """End it as a person would; return what it said."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=30)[1]


@contextmanager
def served(home: Path, settings: str = SETTINGS, *options: str) -> Iterator[Server]:
    folder = home / "plugins" / "weather"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plugin.toml").write_text(PLUGIN, encoding="utf-8")
    (folder / "corpus.txt").write_text(DAYS + "\n", encoding="utf-8")
    (home / "cards").mkdir(exist_ok=True)
    (home / "cards" / "weather.json").write_text(ALLOWED, encoding="utf-8")
    (home / "apocrypha.toml").write_text(settings, encoding="utf-8")
    server = Server(home, *options)
    try:
        yield server
    finally:
        said = server.stop()
    assert "Traceback" not in said, said
    assert server.process.returncode == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., object]:
    return lambda settings=SETTINGS, *options: served(tmp_path / "home", settings, *options)
