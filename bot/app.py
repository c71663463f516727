"""The bot as one process: what is due is written, and what is written is delivered.

Of several processes on one store one works and the others stand by. Here alone the parts meet the clock and chance.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from bot.cards import Cards
from bot.chat.desk import Desk
from bot.chat.opening import Frontend, open_discord
from bot.decisions import Decisions
from bot.leadership import Leadership
from bot.ledger import Ledger
from bot.outbox import DeposedError, Outbox, Slot
from bot.posting import Courier
from bot.publish.answers import named
from bot.publish.publisher import LaterError, Publisher, RefusedError
from bot.schedule import Schedules, strangers
from bot.scheduler import Scheduler
from bot.settings import Settings
from bot.store import AwayError, Store
from bot.watchdog import Watchdog
from bot.writing import LEAD, PostOrder, Writer
from corpora.errors import UserError
from generators.engine import Engine
from generators.posts import Post
from generators.quality import Gates
from generators.registry import Registry

STAND_BY = 1.0  # seconds between two looks whether the place of the one who works is free, or still ours
AWAY = 2.0  # seconds before a store that is away is tried again
ALL = 100_000  # posts
GREETING = 10.0  # seconds in which a service should say who we are there, before the work begins without that
THREADS = 80  # which mostly wait: for the engine, the disk, the database
FAREWELL = 10.0  # seconds for a request that is on its way when the bot is to stop

log = logging.getLogger(__name__)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Clock:
    """Shows the time; or one that goes `speed` times as fast, and is right at the moment `right`, past or to come."""

    right: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    speed: float = 1.0

    def __call__(self) -> datetime:
        """Return the moment that it shows."""
        return self.right + (datetime.now(UTC) - self.right) * self.speed


@dataclass
class Bot:
    """All the parts."""

    store: Store
    engine: Engine
    publishers: Mapping[str, Publisher]
    settings: Settings
    registry: Registry
    say: Say
    clock: Clock = Clock()
    chance: Callable[[], float] = field(default_factory=lambda: random.Random().random)

    def __post_init__(self) -> None:
        """Put the parts together; nothing moves yet."""
        self.outbox = Outbox(self.store)
        self.cards = Cards(self.settings)
        self.writer = Writer(self.outbox, self.engine, self.publishers, self._gates, self.clock)
        caps = {account.name: account.cap for account in self.settings.targets}
        self.couriers = {
            name: Courier(self.outbox, publisher, self.clock, self.chance, caps.get(name), self.clock.speed)
            for name, publisher in self.publishers.items()
        }
        self._trouble = ""  # with the store, as it was said last
        self._due, self._ready = asyncio.Event(), {name: asyncio.Event() for name in self.publishers}

    async def run(self, stop: asyncio.Event) -> None:
        """Stand by until the place is free, then work until `stop`; where another process took it, stand by again."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "bot"))
        self._chats = self._opened(asyncio.get_running_loop())
        try:
            with Leadership(self.store) as leadership:
                while not stop.is_set():
                    await self._take_part(leadership, stop)
        finally:
            await self.close()

    async def deliver(self, number: int, accounts: Collection[str]) -> None:
        """Write one post and deliver what is ready for its accounts, unless another process is there to do it."""
        with Leadership(self.store) as leadership:
            if not await asyncio.to_thread(leadership.take):
                self.say("the bot that is running will post it")
                return
            await asyncio.to_thread(self.outbox.lead, list(self.publishers))
            await self.check(accounts)
            due = await asyncio.to_thread(self.outbox.to_write, self.clock(), ALL)
            await self.writer.write(next(post for post in due if post.id == number))
            for name in accounts:
                while await self.couriers[name].step():
                    pass
        await self.close()

    async def rehearse(self, order: PostOrder) -> tuple[Post, list[Publisher]]:
        """Compose a post that goes nowhere; return it and the publishers that would take it."""
        await self.check(order.targets)
        made = await self.writer.compose(order, int(self.chance() * 2**31))
        await self.close()
        return made

    async def edit(self, number: int, text: str, who: str) -> None:
        """Give a waiting post another text; raise UserError where a service it is meant for would not take that."""
        accounts = {each["account"] for each in Ledger(self.store).post(number)["deliveries"]} & self.publishers.keys()
        try:
            if accounts:
                await self.check(accounts)
            Decisions(self.store, who, self.publishers).edit(number, text, self.clock())
        finally:
            await self.close()

    def desk(self, ring: Callable[[], object]) -> Desk:
        """Return where admins work, from a chat or a page; `ring` says that there is something to write."""
        return Desk(self.store, self.settings.targets, self.publishers, self.registry, self.clock, ring)

    async def close(self) -> None:
        """Let go of all services."""
        for publisher in self.publishers.values():
            await publisher.close()

    async def check(self, accounts: Collection[str] = ()) -> None:
        """Say for each account, or these, who we are there, or what is wrong."""
        await asyncio.gather(*(self._greet(name) for name in accounts or self.publishers))

    async def _greet(self, name: str) -> None:
        publisher = self.publishers[name]
        try:
            async with asyncio.timeout(GREETING):
                told = await publisher.check()
        except (RefusedError, LaterError, UserError) as error:
            told = str(error)
        except TimeoutError:
            told = f"no answer within {GREETING:.0f} seconds; it will be tried all the same"
        except Exception as error:  # whatever is wrong there, it is no reason to stop here
            told = named(error)
        self.say(f"{name} ({publisher.platform}): {told}")

    async def _take_part(self, leadership: Leadership, stop: asyncio.Event) -> None:
        """Lead for as long as that is possible, or stand by for a moment."""
        try:
            if not await asyncio.to_thread(leadership.take):
                await _wait(stop, STAND_BY)
                return
            await self._lead(leadership, stop)
        except AwayError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.say(f"{error} It is tried again until it can.")
            await _wait(stop, AWAY)
        leadership.leave()

    async def _lead(self, leadership: Leadership, stop: asyncio.Event) -> None:
        await asyncio.to_thread(self.outbox.lead, list(self.publishers))
        self._trouble = ""
        await self.check()
        done = asyncio.Event()  # nothing new is begun
        with Watchdog() as watchdog:
            making = _tasks(self._scheduler(watchdog).run(), self.writer.run(self._due, self._ring))
            couriers = (courier.run(self._ready[name], done) for name, courier in self.couriers.items())
            serving = _tasks(*couriers, *(chat.run(done) for chat in self._chats))
            (guard,) = _tasks(self._guard(leadership, stop))
            await asyncio.wait({*making, *serving, guard}, return_when=asyncio.FIRST_COMPLETED)
            done.set()
            for task in making:
                task.cancel()
            self._ring()
            if serving:
                await asyncio.wait(serving, timeout=FAREWELL)
            for task in (*serving, guard):
                task.cancel()  # what is not over now is looked up when the bot is back
            results = await asyncio.gather(*making, *serving, guard, return_exceptions=True)
        for error in results:
            if isinstance(error, DeposedError):
                self.say("another process delivers now, or the store was away; standing by")
            elif isinstance(error, Exception):
                raise error

    def _scheduler(self, watchdog: Watchdog) -> Scheduler:
        faults = partial(strangers, styles=self.registry, accounts=self.publishers)
        parts = (Schedules(self.store), self._plan, lambda: self.clock() + LEAD, self._due, watchdog.beat)
        return Scheduler(*parts, speed=self.clock.speed, faults=faults)

    def _plan(self, slots: Iterable[Slot], ahead: datetime) -> list[int]:
        """Make posts of slots, which the scheduler's clock, that is `ahead` of ours, calls due."""
        del ahead
        return self.outbox.insert(slots, self.clock())

    async def _guard(self, leadership: Leadership, stop: asyncio.Event) -> None:
        """Give up what is too late, until the bot is to stop; raise DeposedError when the place is no longer ours."""
        while not stop.is_set():
            if not await asyncio.to_thread(leadership.held):
                raise DeposedError
            await asyncio.to_thread(self.outbox.expire, self.clock())
            await _wait(stop, STAND_BY)

    def _opened(self, loop: asyncio.AbstractEventLoop) -> list[Frontend]:
        def wake() -> None:
            self._due.set()
            self._ring()

        desk = self.desk(lambda: loop.call_soon_threadsafe(wake))
        return open_discord(self.settings.discord, self.engine, desk, self.clock, self.chance, self.say)

    def _ring(self) -> None:
        for bell in self._ready.values():
            bell.set()

    def _gates(self, style: str) -> Gates:
        """Return what judges the posts of the voice that speaks now; raise UserError where its card keeps it away."""
        gates = self.cards.require(self.engine, style).gates
        assert gates is not None
        return gates


def _tasks(*works: Coroutine[object, object, None]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(work) for work in works]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
