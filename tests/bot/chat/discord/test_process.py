"""`apocrypha run` with nothing but a token: a process that people talk to, that is killed, and told to stop."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.chat.talks import Talks
from bot.store import Store
from tests.servers import crowd
from tests.servers.discord_records import BOT, CHANNEL
from tests.servers.discord_server import DiscordServer, Person
from tests.servers.threads import Loop

ALICE, CAROL = Person(77, "alice"), Person(79, "carol", admin=True)
CALL = f"<@{BOT}> will it rain?"
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def start(server: DiscordServer, home: Path, weather: Path, loop: Loop) -> Iterator[Start]:
    """Return a function that starts the bot and waits until it is connected."""
    started = list[subprocess.Popen[bytes]]()

    def start() -> subprocess.Popen[bytes]:
        server.gateway.sessions.clear()
        started.append(crowd.started(server, home, home / "log", style="weather"))
        loop.run(server.until_connected(), 120)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def log(home: Path) -> list[str]:
    return (home / "log").read_text(encoding="utf-8").splitlines()


async def test_a_token_is_enough(server: DiscordServer, start: Start, home: Path) -> None:
    bot = start()
    answer = await server.answered(await server.say(ALICE, CALL))
    assert answer["content"].startswith("On day")
    bot.send_signal(signal.SIGTERM)
    assert bot.wait(10) == 0
    assert log(home)[0] == f"folder (folder): {home / 'posts' / 'index.html'}"
    assert log(home)[1:4] == [
        "discord: I am apocrypha, run by owner",
        "discord: intents: servers, their messages, direct messages; none that is privileged",
        "discord: 10 commands, told anew",
    ]
    assert "MARKED" not in "".join(log(home))


async def test_killed_and_started_again_it_knows_everything_and_answers_nothing_twice(
    server: DiscordServer, start: Start, home: Path
) -> None:
    bot = start()
    changed = await server.command(CAROL, "settings quiet", hours="02:00-02:01")
    assert await server.told(changed) == "Quiet hours in this server: 02:00-02:01."
    said = await server.say(ALICE, CALL)
    answer = await server.answered(said)
    bot.kill()
    bot.wait()
    events = [each for each in server.gateway.sessions[0].events if each["t"].endswith("_CREATE")]
    start()
    for each in events:
        await server.do(server.gateway.emit(each["t"], each["d"]))
    shown = await server.command(ALICE, "settings show")
    assert "Quiet hours: 02:00-02:01 (UTC)" in await server.told(shown)
    pressed = await server.press(ALICE, answer, "longer")
    await server.responded(pressed)
    last = await server.answered(await server.say(ALICE, f"<@{BOT}> and then?"))
    assert server.replies(said) == [answer]
    store = Store(f"sqlite:///{home / 'apocrypha.db'}")
    first, second = Talks(store).recall(CHANNEL, ALICE.id).turns
    store.close()
    assert (first.message, second.message) == ("will it rain?", "and then?")
    assert first.answer.strip() in second.receipt.request.before
    assert second.answer.strip() in last["content"]


def test_without_the_library_it_is_said_what_to_install(environment: dict[str, str], weather: Path) -> None:
    hidden = "import sys; sys.modules['discord'] = None; sys.argv = ['apocrypha', 'run']"
    code = f"{hidden}; from bot.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment | {"DISCORD_TOKEN": "t"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'apocrypha[discord]'" in done.stderr


@pytest.mark.e2e
@pytest.mark.alone
def test_two_hundred_people_at_once(loop: Loop, tmp_path: Path) -> None:
    """Twenty seconds here; `python -m tests.servers.crowd` has as many people for five minutes."""
    server = DiscordServer(loop, crowd.CHANNELS, crowd.BEATS, checked=False)
    bot = crowd.started(server, tmp_path, tmp_path / "log", daily=1_000_000)
    try:
        loop.run(server.until_connected(), 120)
        figures = loop.run(crowd.crowd(server, 200, 20, crowd.resident(bot.pid)), 200)
        bot.send_signal(signal.SIGTERM)
        assert bot.wait(15) == 0
    finally:
        bot.kill()
        bot.wait()
        server.close()
    told = figures.summary()
    print(told)
    assert told["answers"] == told["questions"] >= 200
    assert told["missed_beats"] == 0
    assert told["first_character_p99"] < 20
    assert told["memory_last_quarter"] < 1.2 * told["memory_second_quarter"]
