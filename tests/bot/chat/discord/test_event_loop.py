"""The event loop is never held up: what takes its time is done on other threads."""

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from generators.engine import Engine
from tests.bot.chat.discord.conftest import House
from tests.servers.discord_records import BOT, CHANNEL
from tests.servers.discord_server import TOKEN, DiscordServer, Person
from tests.servers.threads import Loop

PEOPLE = 10
LONG = 2.0  # seconds that the loop may be away, on a machine that has much other work
SLOW = (
    "/sqlalchemy/engine/",
    "/PIL/",
    "/pygments/",
    "/generators/pictures/",
    "/generators/batch.py",
    "/training/ngram.py",
)


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    loop = Loop()
    server = DiscordServer(loop, channels=4, checked=False)
    yield server
    server.close()
    loop.stop()


async def test_the_loop_beats_on_while_many_talk(
    house: House, server: DiscordServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Voices that are not open yet, pictures, a store, ten people: in debug mode, and watched from outside."""
    house.change(service=server.service, token=TOKEN)
    gaps, done, loop = list[float](), asyncio.Event(), asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = LONG
    with (
        Engine(house.engine._open_voice) as engine,
        caplog.at_level(logging.WARNING, "asyncio"),
        watched(threading.current_thread()) as seen,
    ):
        bot = asyncio.create_task(replace(house, engine=engine).frontend().run(done))
        beating = asyncio.create_task(beat(gaps, done))
        await server.until(lambda: server.gateway.sessions)
        await asyncio.gather(*(talk(server, number) for number in range(PEOPLE)))
        done.set()
        await asyncio.gather(bot, beating)
    assert len(seen) > 20
    assert [place for place in seen if any(slow in place for slow in SLOW)] == []
    assert [record.message for record in caplog.records if "Executing" in record.message] == []
    assert max(gaps) < LONG


async def talk(server: DiscordServer, number: int) -> None:
    person, place = Person(100 + number, f"p{number}"), CHANNEL + 10 * (number % 4)
    await server.answered(await server.say(person, f"<@{BOT}> will it rain?", place))
    asked = await server.command(person, "ask", place, message="which way?", style="moves")
    shown = await server.responded(asked)
    pressed = await server.press(person, shown, "again")
    await server.responded(pressed)


async def beat(gaps: list[float], done: asyncio.Event) -> None:
    """Measure how long the loop is away."""
    loop = asyncio.get_running_loop()
    while not done.is_set():
        began = loop.time()
        await asyncio.sleep(0.02)
        gaps.append(loop.time() - began - 0.02)


@contextmanager
def watched(thread: threading.Thread) -> Iterator[set[str]]:
    """Look every few milliseconds where a thread is; collect the files of its calls."""
    places, over = set[str](), threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            frame = sys._current_frames().get(thread.ident or 0)
            while frame:
                places.add(frame.f_code.co_filename)
                frame = frame.f_back

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield places
    finally:
        over.set()
        watcher.join()
