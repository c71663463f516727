"""The bot in fast motion: schedules, writing and delivery into folders, with real voices and real databases."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import app
from bot import store as storing
from bot.app import Bot, Clock
from bot.publish.opening import open_publisher
from bot.schedule import Schedules
from bot.settings import Settings
from bot.store import Delivery, Store
from bot.timetable import ScheduleSpec
from bot.vault import StoreVault
from bot.writing import LEAD
from generators import registry
from generators.engine import Engine
from generators.voice import open_voice
from tests.servers.bots import clock_from

DAWN = datetime(2026, 11, 23, 8, 59, tzinfo=UTC)
HOURLY = ScheduleSpec(name="hourly", style="weather", targets=("folder",), every="1h", catch_up="all", expires="2d")
Open = Callable[[], Store]


@pytest.fixture
def make_bot(home: Path, weather: Path) -> Callable[..., Bot]:
    (weather / "plugin.toml").write_text("[limits]\ncopied = 5000\nloop = 500\nalike = 1\n", encoding="utf-8")
    settings = Settings(home=home)
    found = registry.find(settings.plugins)

    def make(store: Store, clock: Clock, engine: Engine, say: Callable[[str], None] = print) -> Bot:
        vault = StoreVault(store, home / "vault.key")
        publishers = {account.name: open_publisher(account, vault) for account in settings.targets}
        return Bot(store, engine, publishers, settings, found, say, clock)

    return make


@pytest.fixture
def engine(home: Path, weather: Path) -> Iterator[Engine]:
    settings = Settings(home=home)
    found = registry.find(settings.plugins)
    with Engine(lambda style: open_voice(found.get(style), home, home, settings.places)) as opened:
        yield opened


def sent(store: Store) -> list[str]:
    """Return the slots whose posts are there."""
    with store.reading() as session:
        return sorted(row.post.slot for row in session.query(Delivery).where(Delivery.state == "sent"))


async def until(stop: asyncio.Event, reached: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not reached():
            await asyncio.sleep(0.05)
    stop.set()


async def test_a_day_of_posts_is_there_once_each(
    open_store: Open, make_bot: Callable[..., Bot], engine: Engine, home: Path
) -> None:
    store, clock = open_store(), clock_from(DAWN, 14_400)
    Schedules(store).add(HOURLY, DAWN)
    bot, stop = make_bot(store, clock, engine), asyncio.Event()
    await asyncio.gather(bot.run(stop), until(stop, lambda: len(sent(store)) >= 12))
    slots = sent(store)
    assert slots[:3] == ["2026-11-23T09:00", "2026-11-23T10:00", "2026-11-23T11:00"]
    assert len(set(slots)) == len(slots) >= 12
    files = list((home / "posts").rglob("*.txt"))
    assert len(files) == len(slots)
    assert (home / "posts" / "index.html").exists()


async def test_a_post_is_written_before_it_is_due_and_sent_when_it_is(
    open_store: Open, make_bot: Callable[..., Bot], engine: Engine
) -> None:
    due = DAWN + timedelta(minutes=1)
    store, clock = open_store(), clock_from(due - LEAD, 2)
    Schedules(store).add(HOURLY, DAWN)
    stop = asyncio.Event()
    await asyncio.gather(make_bot(store, clock, engine).run(stop), until(stop, lambda: bool(sent(store))))
    with store.reading() as session:
        (delivery,) = session.query(Delivery)
        post, went = delivery.post, delivery.sent
    assert post.created < post.due == post.frozen == due
    assert due <= went < due + 2 * LEAD


async def test_of_two_bots_one_works_and_the_other_takes_over(
    open_store: Open, make_bot: Callable[..., Bot], engine: Engine, home: Path
) -> None:
    clock = clock_from(DAWN, 14_400)
    first, second = (make_bot(open_store(), clock, engine) for _ in range(2))
    store = open_store()
    Schedules(store).add(HOURLY, DAWN)
    stop_first, stop_second = asyncio.Event(), asyncio.Event()
    working = [asyncio.create_task(first.run(stop_first)), asyncio.create_task(second.run(stop_second))]
    await until(stop_first, lambda: len(sent(store)) >= 4)
    seen = len(sent(store))
    await until(stop_second, lambda: len(sent(store)) >= seen + 4)
    await asyncio.gather(*working)
    slots = sent(store)
    assert len(set(slots)) == len(slots) == len(list((home / "posts").rglob("*.txt")))


async def test_a_store_that_goes_away_is_waited_for(
    open_store: Open, make_bot: Callable[..., Bot], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "AWAY", 0.2)
    monkeypatch.setattr(storing, "PATIENCE", 0.2)
    store, told, stop = open_store(), list[str](), asyncio.Event()
    Schedules(store).add(HOURLY, DAWN)
    bot = make_bot(open_store(), clock_from(DAWN, 14_400), engine, told.append)
    working = asyncio.create_task(bot.run(stop))
    await until(asyncio.Event(), lambda: len(sent(store)) >= 2)
    with away(store):
        await until(asyncio.Event(), lambda: any("the store " in line for line in told))
    count = len(sent(store))
    await until(stop, lambda: len(sent(store)) >= count + 2)
    await working
    assert len(set(sent(store))) == len(sent(store))


@contextmanager
def away(store: Store) -> Iterator[None]:
    """Take the database away from all others: PostgreSQL ends their connections, SQLite is locked."""
    if store.engine.dialect.name == "postgresql":
        others = "pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        with store.engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM {others}")
        yield
    else:
        with store.writing() as session:
            session.connection()
            yield
