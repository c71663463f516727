"""The bot as one process: what is due is written, and what is written is delivered.

Of several processes on one store one works and the others stand by. Here alone the parts meet the clock and chance.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial

from bot.leadership import Leadership
from bot.outbox import DeposedError, Outbox
from bot.posting import Courier
from bot.publish.publisher import LaterError, Publisher, RefusedError
from bot.schedule import Schedules
from bot.scheduler import Scheduler
from bot.settings import Settings
from bot.store import Store
from bot.watchdog import Watchdog
from bot.writing import PostOrder, Writer
from generators.engine import Engine
from generators.posts import Post
from generators.quality import Gates, Index
from generators.registry import Registry

STAND_BY = 1.0  # seconds between two looks whether the place of the one who works is free, or still ours
POLL = 5.0  # seconds after which posts that are due are looked for even if nobody rang
ALL = 100_000  # posts
FAREWELL = 10.0  # seconds for a request that is on its way when the bot is to stop

log = logging.getLogger(__name__)
Say = Callable[[str], None]
now = partial(datetime.now, UTC)


@dataclass
class Bot:
    """All the parts. `caps` are dollars a month by account; `clock` goes `speed` times as fast as real time."""

    store: Store
    engine: Engine
    publishers: Mapping[str, Publisher]
    settings: Settings
    registry: Registry
    say: Say
    clock: Callable[[], datetime] = now
    speed: float = 1.0
    chance: Callable[[], float] = field(default_factory=lambda: random.Random().random)

    def __post_init__(self) -> None:
        """Put the parts together; nothing moves yet."""
        self.outbox = Outbox(self.store)
        self.writer = Writer(self.outbox, self.engine, self.publishers, cache(self._gates), self.clock)
        caps = {account.name: account.cap for account in self.settings.targets}
        self.couriers = {
            name: Courier(self.outbox, publisher, self.clock, self.chance, caps.get(name))
            for name, publisher in self.publishers.items()
        }
        self._due, self._ready = asyncio.Event(), {name: asyncio.Event() for name in self.publishers}

    async def run(self, stop: asyncio.Event) -> None:
        """Stand by until the place is free, then work until `stop`; where another process took it, stand by again."""
        with Leadership(self.store) as leadership:
            while not stop.is_set():
                if await asyncio.to_thread(leadership.take):
                    await self._lead(leadership, stop)
                    leadership.leave()
                else:
                    await _wait(stop, STAND_BY)
        await self.close()

    async def deliver(self, number: int, accounts: Collection[str]) -> None:
        """Write one post and deliver what is ready for its accounts, unless another process is there to do it."""
        with Leadership(self.store) as leadership:
            if not await asyncio.to_thread(leadership.take):
                self.say("the bot that is running will post it")
                return
            await asyncio.to_thread(self.outbox.lead)
            await self.check(accounts)
            due = await asyncio.to_thread(self.outbox.to_write, self.clock(), ALL)
            await asyncio.to_thread(self.writer.write, next(post for post in due if post.id == number))
            for name in accounts:
                while await self.couriers[name].step():
                    pass
        await self.close()

    async def rehearse(self, order: PostOrder) -> tuple[Post, list[Publisher]]:
        """Compose a post that goes nowhere; return it and the publishers that would take it."""
        await self.check(order.targets)
        made = await asyncio.to_thread(self.writer.compose, order, int(self.chance() * 2**31))
        await self.close()
        return made

    async def close(self) -> None:
        """Let go of all services."""
        for publisher in self.publishers.values():
            await publisher.close()

    async def check(self, accounts: Collection[str] = ()) -> None:
        """Say for each account, or these, who we are there, or what is wrong."""
        for name, publisher in self.publishers.items():
            if accounts and name not in accounts:
                continue
            try:
                self.say(f"{name} ({publisher.platform}): {await publisher.check()}")
            except (RefusedError, LaterError) as error:
                self.say(f"{name} ({publisher.platform}): {error}")

    async def _lead(self, leadership: Leadership, stop: asyncio.Event) -> None:
        await asyncio.to_thread(self.outbox.lead)
        await self.check()
        done = asyncio.Event()  # nothing new is begun
        with Watchdog() as watchdog:
            schedules = Schedules(self.store)
            scheduler = Scheduler(schedules, self.outbox.insert, self.clock, self._due, watchdog.beat, self.speed)
            making = [asyncio.create_task(work) for work in (scheduler.run(), self._write(done))]
            couriers = [
                asyncio.create_task(courier.run(self._ready[name], done)) for name, courier in self.couriers.items()
            ]
            guard = asyncio.create_task(self._guard(leadership, stop))
            await asyncio.wait([*making, *couriers, guard], return_when=asyncio.FIRST_COMPLETED)
            done.set()
            for task in making:
                task.cancel()
            for bell in self._ready.values():
                bell.set()
            if couriers:
                await asyncio.wait(couriers, timeout=FAREWELL)
            for task in (*couriers, guard):
                task.cancel()  # what is not over now is looked up when the bot is back
            results = await asyncio.gather(*making, *couriers, guard, return_exceptions=True)
        for error in results:
            if isinstance(error, DeposedError):
                self.say("another process delivers now; standing by")
            elif isinstance(error, Exception):
                raise error

    async def _guard(self, leadership: Leadership, stop: asyncio.Event) -> None:
        """Return when the bot is to stop; raise DeposedError when the place is no longer ours."""
        while not stop.is_set():
            if not await asyncio.to_thread(leadership.held):
                raise DeposedError
            await _wait(stop, STAND_BY)

    async def _write(self, done: asyncio.Event) -> None:
        while not done.is_set():
            self._due.clear()
            while await self.writer.step():
                for bell in self._ready.values():
                    bell.set()
            await _wait(self._due, POLL)

    def _gates(self, style: str) -> Gates:
        plugin = self.registry.get(style)
        folder = plugin.trained_folder(self.settings.models)
        index = Index.load(folder) if folder else Index.of(plugin.text(self.settings.places).train)
        return Gates(plugin.manifest.limits, index)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
