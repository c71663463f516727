"""Secrets, each with MARKED in it, wherever settings take them: nothing that is said or kept has one of them in it."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from bot import settings
from bot.store import Store
from corpora.errors import UserError
from tests.servers import places
from tests.servers.bluesky_stub import BlueskyStub
from tests.servers.bots import BotProcess, clock_from, write_accounts
from tests.servers.loss import LossProxy
from tests.servers.places import Place
from tests.servers.threads import Loop

Run = Callable[..., subprocess.CompletedProcess[str]]
# What a person's error reporter would do: show the values of all names in a traceback.
REPORTER = """
import sys, traceback

def told(kind, error, trace):
    print(*traceback.TracebackException(kind, error, trace, capture_locals=True).format(), file=sys.stderr)

sys.excepthook = told
"""


@pytest.fixture
def everywhere(loop: Loop, mastodon_mock: int) -> Iterator[list[Place]]:
    """An account of every kind, at a service that can be made to fail."""
    stub = BlueskyStub(loop)
    sky = LossProxy(loop, stub.port, posting="POST /xrpc/com.atproto.repo.putRecord")
    made = [places.discord(loop), places.discord(loop, webhook=True), places.x(loop), places.x(loop, signs=False)]
    made[3].account = made[3].account.model_copy(update={"name": "x2"})
    made.append(places.mastodon(loop, mastodon_mock, "mock_token_MARKED"))
    made.append(places.bluesky(sky, f"http://127.0.0.1:{stub.port}", "bot.test", stub))
    yield made
    for place in made:
        for server in filter(None, (place.proxy, place.stub)):
            server.close()


@pytest.fixture
def marked(home: Path, weather: Path, environment: dict[str, str], database: str, everywhere: list[Place]) -> str:
    """Settings full of secrets; return the address of the store, with a password in it."""
    (weather / "plugin.toml").write_text("[limits]\ncopied = 5000\nloop = 500\nalike = 1\n", encoding="utf-8")
    write_accounts(home, [place.account for place in everywhere])
    environment["APOCRYPHA_STORE"] = address = database.replace("test@", "test:store-MARKED@")
    environment["PYTHONPATH"] = str(home)
    (home / "sitecustomize.py").write_text(REPORTER, encoding="utf-8")
    return address


@contextmanager
def failing(everywhere: list[Place], how: int | str) -> Iterator[None]:
    """Let all services be away, or answer everything with a status."""
    with ExitStack() as stack:
        for proxy in filter(None, (place.proxy for place in everywhere)):
            proxy.posting = b""
            html = "<html>Over capacity</html>"
            stack.enter_context(proxy.down() if how == "down" else proxy.refusing(int(how), html))
        yield


def kept(address: str, home: Path) -> bytes:
    """Return all that was written: every file but those that hold the secrets, and every table."""
    files = [path for path in home.rglob("*") if path.is_file() and path.name not in ("apocrypha.toml", "vault.key")]
    told = [f"{path}".encode() + path.read_bytes() for path in files]
    store = Store(address)
    with store.engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            told += [repr(tuple(row)).encode() for row in connection.execute(text(f'SELECT * FROM "{table}"'))]
    store.close()
    return b"\n".join(told)


@pytest.mark.e2e
def test_nothing_secret_is_said_or_kept(
    apocrypha: Run, marked: str, everywhere: list[Place], environment: dict[str, str], home: Path
) -> None:
    names = [place.account.name for place in everywhere]
    targets = [word for name in names for word in ("--to", name)]
    said = list[str]()

    def run(*arguments: str, ok: bool = True) -> None:
        done = apocrypha(*arguments, ok=ok)
        said.extend((done.stdout, done.stderr))

    run("post", "weather", *targets, "--dry-run", "--json")
    run("post", "weather", *targets)
    for number, how in enumerate(("down", 401, 503), 2):
        with failing(everywhere, how):
            run("post", "weather", *targets)
        run("posts", "show", str(number), "--json")
    run("schedule", "add", "often", "--style", "weather", *targets, "--every", "1m")
    for verbs in ("list --json", "show often", "export", "simulate --days 1 --json"):
        run("schedule", *verbs.split())
    bot = BotProcess(environment, home / "log", clock_from(datetime.now(UTC), 60), "--verbose")
    bot.until_told(" is there (")
    store = Store(marked)
    with store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE schedules RENAME TO lost"))  # it will not expect that
    store.close()
    bot.process.wait(60)
    for verbs in ("posts list --json", "posts list"):
        run(*verbs.split())
    told = "\n".join((*said, bot.told))
    assert "Traceback" in bot.told
    assert not [line for line in told.splitlines() if "MARKED" in line]
    assert b"MARKED" not in kept(marked, home)


ACCOUNT = '[[accounts]]\nname = "a"\nplatform = "{}"\n'
BAD = [
    'token = "one-MARKED"',
    'store = ["postgresql://us:one-MARKED@here/x"]',
    'accounts = "one-MARKED"',
    'accounts = ["one-MARKED"]',
    'accounts = {token = "one-MARKED"}',
    "accounts = one-MARKED",
    'discord = "one-MARKED"',
    '[discord]\ntoken = ["one-MARKED"]',
    '[discord]\ntoken = {one-MARKED = "two-MARKED"}',
    '[discord]\ntokn = "one-MARKED"',
    '[discord]\nhome = "one-MARKED"',
    '[discord]\nservice = "https://us:one-MARKED@discord.com"',
    '[[accounts]]\ntoken = "one-MARKED"',
    ACCOUNT.format("discord") + 'webhook = "https://discord.com/one-MARKED"',
    ACCOUNT.format("discord") + 'token = "one-MARKED"\nchannel = "two-MARKED"',
    ACCOUNT.format("mastodon") + 'api_base_url = "https://us:one-MARKED@example.social"\naccess_token = "two-MARKED"',
    ACCOUNT.format("mastodon") + 'api_base_url = "one-MARKED"\naccess_token = ["two-MARKED"]',
    ACCOUNT.format("bluesky") + 'handle = "a b one-MARKED"\npassword = 5\npasword = "two-MARKED"',
    ACCOUNT.format("x") + 'consumer_key = "one-MARKED"\nclient_id = "two-MARKED"\ncap = "three-MARKED"',
]


@pytest.mark.parametrize("written", BAD)
def test_settings_that_cannot_be_used_are_told_without_what_stands_in_them(
    written: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "apocrypha.toml").write_text(written, encoding="utf-8")
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    with pytest.raises(UserError) as caught:
        settings.load()
    assert "MARKED" not in str(caught.value)


@pytest.mark.parametrize(
    "given", ['"one-MARKED"', '[{"token": "one-MARKED"', "one-MARKED", '[{"token": "one-MARKED"}]']
)
def test_accounts_in_a_variable_are_not_shown(given: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.setenv("APOCRYPHA_ACCOUNTS", given)
    with pytest.raises(UserError) as caught:
        settings.load()
    assert "MARKED" not in str(caught.value)
