"""Rings when slots are due, and has posts made of them.

APScheduler is a clock here and nothing more: its jobs live in memory, are made anew from our table, and only ring. What
is due is computed from the table when it rings, and once a minute in any case; so a ring too many does nothing, and one
that is lost is made up for. Whatever changes in the table, from whichever process, is noticed within seconds.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.schedule import Insert, Kept, Schedules
from bot.timetable import ScheduleSpec, following

LOOK, SWEEP = 2, 60  # real seconds between looks for changes, and for slots that no ring was heard of
LATE = timedelta(minutes=1)  # real time; a slot made a post no later than that was not missed
BATCH = 500  # schedules that are read, and made posts of, at once

log = logging.getLogger(__name__)


class Scheduler:
    """Makes posts of due slots while it runs. Several processes may do so on one store."""

    def __init__(
        self,
        schedules: Schedules,
        insert: Insert,
        clock: Callable[[], datetime],
        bell: asyncio.Event,
        beat: Callable[[], None],
        speed: float = 1.0,
        faults: Callable[[Sequence[ScheduleSpec]], Iterable[str]] = lambda _: (),
    ) -> None:
        """`insert` makes posts, `bell` is rung when there are new ones, `beat` is called every few seconds.

        `clock` returns the moment that it is to be, aware; it goes `speed` times as fast as real time. `faults` are
        what is told of schedules before their posts fail.
        """
        self._schedules, self._insert, self._clock, self._bell = schedules, insert, clock, bell
        self._beat, self._speed, self._faults = beat, speed, faults
        self._stamps = dict[str, datetime]()  # of the schedules that ring
        self._next = dict[str, datetime]()  # the first slot of each that no post was made of
        self._due = set[str]()
        self._fingerprint: tuple[object, ...] = ()
        self._looking = True
        self._rung = asyncio.Event()
        self._rung.set()
        # A late ring is as good as any, and one in the place of several too. DebugExecutor: rings are functions that
        # are over at once, and called where they are due, with no task that could be cancelled.
        late = {"misfire_grace_time": None, "coalesce": True}
        self._rings = AsyncIOScheduler(timezone=UTC, executors={"default": DebugExecutor()}, job_defaults=late)

    async def run(self) -> None:
        """Make posts until cancelled; raise AwayError where the database is away."""
        self._rings.start(paused=True)
        # A timer stands still while the machine sleeps; what is rung every few seconds lets all late rings out.
        for ring, seconds in ((self._ring_to_look, LOOK), (self._ring_to_sweep, SWEEP)):
            self._rings.add_job(ring, IntervalTrigger(seconds=seconds, timezone=UTC))
        try:
            while True:
                await self._rung.wait()
                self._rung.clear()
                self._beat()  # here and not in a ring: so it stops as well when what is done after a ring hangs
                await self._answer()
        finally:
            self._rings.shutdown(wait=False)
            await asyncio.sleep(0)  # in the loop's next turn it is done

    async def _answer(self) -> None:
        if self._looking:
            await self._look()
        if self._due:
            await self._make()

    def _ring(self, name: str) -> None:
        self._due.add(name)
        self._rung.set()

    def _ring_to_look(self) -> None:
        self._looking = True
        self._rung.set()

    def _ring_to_sweep(self) -> None:
        now = self._clock()
        self._due |= {name for name, due in self._next.items() if due <= now}
        self._rung.set()

    async def _make(self) -> None:
        """Make posts of what was rung for."""
        names = [self._due.pop() for _ in range(min(BATCH, len(self._due)))]
        if self._due:
            self._rung.set()
        late = LATE * self._speed
        made = await asyncio.to_thread(self._schedules.make, names, self._clock(), late, self._insert)
        for name, passed in made.missed.items():
            log.warning("%s: %d missed slots are passed over, the last of %s", name, len(passed), passed[-1])
        for name, due in made.following.items():
            self._expect(name, due)
        if made.posts:
            self._bell.set()

    def _expect(self, name: str, due: datetime | None) -> None:
        if due is None or name not in self._stamps:
            self._next.pop(name, None)
        else:
            self._next[name] = due

    async def _look(self) -> None:
        """Take over what has changed in the table."""
        fingerprint = await asyncio.to_thread(self._schedules.fingerprint)
        if fingerprint != self._fingerprint:
            self._rings.pause()
            stamps = await asyncio.to_thread(self._schedules.stamps)
            changed = [name for name, since in stamps.items() if self._stamps.get(name) != since]
            for start in range(0, len(changed), BATCH):
                self._replace(await asyncio.to_thread(self._load, changed[start : start + BATCH]))
                if self._due:  # what is late already need not wait for all of ten thousand
                    await self._make()
            self._drop(self._stamps.keys() - stamps.keys())
            self._fingerprint = fingerprint  # from before we looked: a change meanwhile is seen the next time
        self._looking = False
        self._rings.resume()

    def _load(self, names: list[str]) -> list[tuple[Kept, datetime | None]]:
        """Return schedules, and the first slot of each that no post was made of."""
        kept, broken = self._schedules.load(names)
        for line in (*broken, *self._faults([each.spec for each in kept])):
            log.error("%s", line)
        now, late = self._clock(), LATE * self._speed
        return [(each, following(each.spec, each.start(now, late))) for each in kept]

    def _replace(self, loaded: Iterable[tuple[Kept, datetime | None]]) -> None:
        now = self._clock()
        for kept, first in loaded:
            name = kept.spec.name
            self._stamps[name] = kept.since
            self._expect(name, first)
            trigger = SlotTrigger(kept.spec, self._clock, self._speed, first)
            self._rings.add_job(self._ring, trigger, [name], id=name, replace_existing=True)
            if first and first <= now:
                self._due.add(name)

    def _drop(self, names: Iterable[str]) -> None:
        for name in list(names):
            del self._stamps[name]
            self._next.pop(name, None)
            with suppress(JobLookupError):  # one without any further slot has no job
                self._rings.remove_job(name)


class SlotTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Asks the timetable for the next slot, and says when that is in real time, which is what APScheduler knows."""

    def __init__(self, spec: ScheduleSpec, clock: Callable[[], datetime], speed: float, first: datetime | None) -> None:
        """`first` is the next slot where it is known already; it may be over."""
        self._spec, self._clock, self._speed, self._first = spec, clock, speed, first

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return when to ring next, `now` being the real time. For what is due already it has been rung."""
        del previous_fire_time
        moment = self._clock()
        if self._first is None or self._first <= moment:  # APScheduler asks several times about each ring
            self._first = following(self._spec, moment)
        return None if self._first is None else now + (self._first - moment) / self._speed
