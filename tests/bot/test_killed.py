"""Real bots that are killed without warning, and servers on which everything has to be there once.

The figures are printed: pytest -s -m e2e tests/bot/test_killed.py
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.app import Clock
from bot.publish.discord import shown
from bot.schedule import Schedules
from bot.store import Attempt, Delivery, Post, Store
from bot.timetable import ScheduleSpec, slots
from tests.servers import places, processes
from tests.servers.bots import BotProcess, clock_from, running, until, write_accounts
from tests.servers.places import Place
from tests.servers.threads import Loop, free_port

KILLS, SLOTS, EVERY = 100, 60, timedelta(minutes=5)
EXTRA = 0.8  # seconds that a life lasts on average beyond its start
SEVERAL = 5  # slots
LAG = 0.15  # seconds to a service, and back
SEED = 20261123


@dataclass
class World:
    """Four places that a schedule posts to, the bots' store, and their environment."""

    places: dict[str, Place]
    store: Store
    environment: dict[str, str]
    spec: ScheduleSpec

    def posts(self) -> list[Post]:
        with self.store.reading() as session:
            return list(session.scalars(select(Post).order_by(Post.due)))

    def open(self) -> int:
        """Return how many posts and deliveries are not over."""
        with self.store.reading() as session:
            due = session.scalar(select(func.count(Post.id)).where(Post.state == "due")) or 0
            unsent = session.scalar(select(func.count(Delivery.id)).where(Delivery.state != "sent")) or 0
        return due + unsent


@pytest.fixture
def world(
    home: Path,
    weather: Path,
    environment: dict[str, str],
    database: str,
    open_store: Callable[[], Store],
    loop: Loop,
    tmp_path: Path,
) -> Iterator[World]:
    # No two posts of late have the same text: a text is what a post is known by on the servers.
    (weather / "plugin.toml").write_text("[limits]\ncopied = 5000\nloop = 500\nalike = 0.99\n", encoding="utf-8")
    port = free_port()
    server = processes.mastodon_mock(port, tmp_path)
    made = [places.folder(tmp_path / "posts"), places.discord(loop), places.x(loop)]
    made.append(places.mastodon(loop, port, "mock_token"))
    for proxy in filter(None, (place.proxy for place in made)):
        proxy.lag = LAG
    names = {place.account.name: place for place in made}
    write_accounts(home, [place.account for place in made])
    spec = ScheduleSpec(
        name="often", style="weather", targets=tuple(names), every=EVERY, catch_up="all", most=1000, expires="365d"
    )
    yield World(names, open_store(), environment | {"APOCRYPHA_STORE": database}, spec)
    for place in made:
        for server_of_ours in filter(None, (place.proxy, place.stub)):
            server_of_ours.close()
    server.stop()


def started(world: World, log: Path, clock: Clock) -> float:
    """Return how many seconds a bot needs from its start to its work."""
    begun = time.monotonic()
    with running(world.environment, log, clock) as bot:
        for platform in ("folder", "discord", "x", "mastodon"):
            bot.until_told(f"({platform}): ")
        return time.monotonic() - begun


@pytest.mark.e2e
def test_a_hundred_sudden_deaths_lose_and_double_nothing(world: World, tmp_path: Path) -> None:
    chance, log = random.Random(SEED), tmp_path / "log"
    start = started(world, log, Clock())
    seconds = KILLS * (start + EXTRA)
    speed = SLOTS * EVERY / timedelta(seconds=seconds)
    # A bot's time stays behind the servers' own, as if all this had been some days ago.
    clock = clock_from(datetime.now(UTC) - timedelta(seconds=3 * seconds * speed), speed)
    begun = clock()
    Schedules(world.store).add(world.spec, begun)
    for _ in range(KILLS):
        bot = BotProcess(world.environment, log, clock)
        time.sleep(chance.uniform(0.5 * start, 1.5 * start + 2 * EXTRA))
        assert bot.process.poll() is None, bot.told
        bot.kill()
    with running(world.environment, log, clock):
        until(lambda: len(world.posts()) >= SLOTS, 300)
        Schedules(world.store).pause(world.spec.name)
        until(lambda: world.open() == 0, 300)
    tell(world, start, seconds)
    check(world, begun, SLOTS)


@pytest.mark.e2e
def test_when_the_leader_is_killed_another_takes_over_within_seconds(world: World, tmp_path: Path) -> None:
    clock = clock_from(datetime.now(UTC) - timedelta(days=3), EVERY / timedelta(seconds=1))  # a slot a second
    begun = clock()
    Schedules(world.store).add(world.spec, begun)
    first = BotProcess(world.environment, tmp_path / "first", clock)
    first.until_told("(mastodon): ")
    with running(world.environment, tmp_path / "second", clock) as second:
        until(lambda: len(world.posts()) >= SEVERAL)
        assert "(mastodon): " not in second.told  # it stands by
        first.kill()
        killed, seen = time.monotonic(), len(world.posts())
        second.until_told(" is there (")
        took_over = time.monotonic() - killed
        until(lambda: len(world.posts()) >= seen + SEVERAL)
        Schedules(world.store).pause(world.spec.name)
        until(lambda: world.open() == 0)
    print(f"\n{world.store.engine.dialect.name}: the other one posted {took_over:.1f} s after the leader's death")
    assert took_over < 30
    check(world, begun, 2 * SEVERAL)


def check(world: World, begun: datetime, least: int) -> None:
    """Look at the servers: each slot's text is there once, and nothing else is."""
    posts = world.posts()
    due = [slot.name for slot in slots(world.spec, begun, posts[-1].due)]
    assert [post.slot for post in posts] == due
    assert len({post.text for post in posts}) == len(posts) >= least
    expected = Counter(post.text for post in posts)
    for name, place in world.places.items():
        there = Counter(place.texts())
        sent = Counter(map(shown, expected)) if place.account.platform == "discord" else expected
        assert plain(there) == plain(sent), name
    x = world.places["x"]
    assert x.stub.asked.count(("POST", "/2/tweets")) == len(posts)  # it was not the stub that refused to post twice


def plain(texts: Counter[str]) -> Counter[str]:
    """Return texts by their letters and digits: a server may dress them up."""
    counted = Counter[str]()
    for text, count in texts.items():
        counted["".join(filter(str.isalnum, text.replace("<p>", "").replace("</p>", "").replace("<br>", "")))] += count
    return counted


def tell(world: World, start: float, seconds: float) -> None:
    with world.store.reading() as session:
        posts, deliveries = (session.scalar(select(func.count(table.id))) for table in (Post, Delivery))
        again = session.scalar(select(func.count(Delivery.id)).where(Delivery.tries > 1))
        broken = session.scalar(select(func.count(Attempt.id)).where(Attempt.ended.is_(None)))
        found = session.scalar(select(func.count(Attempt.id)).where(Attempt.what == "find", Attempt.outcome == "sent"))
    print(
        f"\n{world.store.engine.dialect.name}: {KILLS} kills, a start takes {start:.1f} s; {posts} slots, {deliveries} "
        f"deliveries, {broken} tries cut off, {again} deliveries tried again, {found} found to be there already"
    )
