"""`apocrypha run` as processes of their own, with real time or with a clock that all of them share."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import tomli_w
from pydantic import SecretStr

from bot.accounts import Account
from bot.app import Clock

ROOT = Path(__file__).parents[2]


class BotProcess:
    """A process, and what it has told so far."""

    def __init__(self, environment: dict[str, str], log: Path, clock: Clock | None = None, *options: str) -> None:
        command = [sys.executable, "-m", "bot", "run", *options]
        if clock:
            command += ["--clock", f"{clock.right.isoformat()} {clock.speed}"]
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=output)

    @property
    def told(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def until_told(self, words: str, seconds: float = 120) -> None:
        """Wait until it says something."""
        until(lambda: words in self.told or self.process.poll() is not None, seconds)
        assert words in self.told, self.told

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(environment: dict[str, str], log: Path, clock: Clock | None = None) -> Iterator[BotProcess]:
    """Run a bot, which must not end by itself; it is killed at the end."""
    bot = BotProcess(environment, log, clock)
    try:
        yield bot
        assert bot.process.poll() in (None, 0), bot.told
    finally:
        bot.kill()


def until(reached: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it has not come to that"
        time.sleep(0.02)  # until another process has done something there is nothing to wait on


def clock_from(moment: datetime, speed: float) -> Clock:
    """Return a clock that shows `moment` now."""
    now = datetime.now(UTC)
    return Clock(now + (now - moment) / (speed - 1), speed)


def write_accounts(home: Path, accounts: Iterable[Account]) -> None:
    """Write a settings' file with these accounts, their secrets in it."""
    tables = [
        {name: _plain(value) for name, value in account.model_dump(exclude_none=True).items()} for account in accounts
    ]
    home.mkdir(parents=True, exist_ok=True)
    (home / "apocrypha.toml").write_text(tomli_w.dumps({"accounts": tables}), encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str | int | bool | tuple) else str(value)
