"""The scheduler with a real clock and with a fast one, and the watchdog that ends what hangs."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from bot import scheduler as scheduling
from bot.outbox import Outbox, Slot
from bot.schedule import Schedules, strangers
from bot.scheduler import Scheduler
from bot.store import Post, Schedule, Store
from bot.timetable import ScheduleSpec, slots
from bot.watchdog import STATUS, Watchdog
from generators import registry

ROOT = Path(__file__).parent.parent.parent
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def spec(name: str, **fields: object) -> ScheduleSpec:
    return ScheduleSpec.checked({"name": name, "style": "bible", "targets": ["folder"], **fields})


def posts(store: Store) -> list[tuple[str, str]]:
    with store.reading() as session:
        rows = session.execute(select(Post.schedule, Post.slot).order_by(Post.due, Post.schedule))
        return [(schedule, slot) for schedule, slot in rows]


class Clock:
    """A clock that shows `start` now and goes `speed` times as fast as real time."""

    def __init__(self, start: datetime, speed: float = 1.0) -> None:
        self.start, self.speed, self.began = start, speed, time.monotonic()

    def __call__(self) -> datetime:
        return self.start + timedelta(seconds=(time.monotonic() - self.began) * self.speed)


@asynccontextmanager
async def running(
    store: Store,
    clock: Clock,
    add: Callable[..., list[int]] | None = None,
    beat: Callable[[], None] = lambda: None,
) -> AsyncIterator[asyncio.Event]:
    """Run a scheduler; return the bell that it rings."""
    bell = asyncio.Event()
    scheduler = Scheduler(Schedules(store), add or Outbox(store).insert, clock, bell, beat, speed=clock.speed)
    task = asyncio.create_task(scheduler.run())
    try:
        yield bell
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(happened: Callable[[], bool], bell: asyncio.Event, seconds: float = 20) -> None:
    """Wait until something has happened that a bell is rung for."""
    async with asyncio.timeout(seconds):
        while not happened():
            await bell.wait()
            bell.clear()


async def test_a_day_in_fast_motion(store: Store) -> None:
    """A day on which the clock changes, forty thousand times as fast."""
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    specs = [
        spec("often", every="30m", zone="Europe/Berlin"),
        spec("daily", at=["02:30", "09:00"], zone="Europe/Berlin"),
        spec("somewhen", window="10:00-12:00", zone="America/New_York"),
    ]
    for each in specs:
        Schedules(store).add(each, start)
    due = {(slot.schedule, slot.name) for each in specs for slot in slots(each, start, start + DAY)}
    async with running(store, Clock(start, speed=40_000)) as bell:
        await until(lambda: due <= set(posts(store)), bell)
    assert len(due) == 46 + 2 + 1  # the hour that comes twice is one hour; it is over before the 24 hours are
    later = {name for schedule, name in posts(store) if (schedule, name) not in due}
    assert all(name >= "2026-10-25T08:00" for name in later)


async def test_a_change_by_another_process_is_noticed_within_seconds(open_store: Callable[[], Store]) -> None:
    ours, theirs = open_store(), open_store()
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    clock = Clock(start, speed=300)
    async with running(ours, clock) as bell:
        await asyncio.sleep(0.5)  # it has looked, and there was nothing
        Schedules(theirs).add(spec("minutely", every="1m"), clock())
        await until(lambda: len(posts(ours)) > 2, bell, seconds=10)
        Schedules(theirs).remove("minutely")
        Schedules(theirs).add(spec("other", every="1m"), clock())
        await until(lambda: sum(name == "other" for name, _ in posts(ours)) > 2, bell, seconds=10)
        count = sum(name == "minutely" for name, _ in posts(ours))
        await until(lambda: sum(name == "other" for name, _ in posts(ours)) > 4, bell, seconds=10)
        assert sum(name == "minutely" for name, _ in posts(ours)) == count


async def test_a_ring_that_is_lost_is_made_up_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "SWEEP", 1)
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    Schedules(store).add(spec("minutely", every="1m"), start)
    clock, bell = Clock(start, speed=60), asyncio.Event()
    scheduler = Scheduler(Schedules(store), Outbox(store).insert, clock, bell, lambda: None, clock.speed)
    task = asyncio.create_task(scheduler.run())
    await until(lambda: bool(posts(store)), bell)
    scheduler._rings.remove_job("minutely")
    count = len(posts(store))
    await until(lambda: len(posts(store)) > count + 1, bell)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_schedule_that_cannot_be_read_is_told_and_stops_no_other(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    rows = [{"name": f"s{number}", "spec": spec(f"s{number}", every="1m").stored} for number in range(600)]
    rows.append({"name": "broken", "spec": {"name": "broken", "every": "sometimes"}})
    with store.writing() as session:
        session.execute(insert(Schedule), [row | {"paused": False, "since": start} for row in rows])
    async with running(store, Clock(start + SECOND * 61)) as bell:  # more are due than are taken at once
        await until(lambda: len(posts(store)) >= 600, bell)
    assert "The schedule 'broken' in the store cannot be used: " in caplog.text


async def test_a_schedule_that_cannot_be_posted_is_told_beforehand(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    Schedules(store).add(spec("verses", every="1m", style="bibel", targets=["folder", "foldr"]), start)
    faults = partial(strangers, styles=registry.find(), accounts=["folder"])
    parts = (Schedules(store), Outbox(store).insert, Clock(start), asyncio.Event(), lambda: None)
    task = asyncio.create_task(Scheduler(*parts, faults=faults).run())
    async with asyncio.timeout(20):
        while "bibel" not in caplog.text:
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert "verses: There is no account named 'foldr'. Did you mean 'folder'?" in caplog.text
    assert "verses: There is no style named 'bibel'. Did you mean 'bible'?" in caplog.text


async def test_a_bug_ends_the_scheduler_with_its_traceback(store: Store) -> None:
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    Schedules(store).add(spec("minutely", every="1m"), start)

    def broken(slots: Sequence[Slot], now: datetime) -> list[int]:
        raise ZeroDivisionError

    scheduler = Scheduler(Schedules(store), broken, Clock(start + DAY), asyncio.Event(), lambda: None)
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(20):
            await scheduler.run()


class Hands:
    """The seconds of a clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_watchdog_bites_when_the_beat_stops() -> None:
    hands, told = Hands(), list[str]()
    watchdog = Watchdog(180 * SECOND, told.append, hands)
    hands.seconds = 100
    watchdog.beat()
    hands.seconds = 280
    assert not watchdog.bites()
    hands.seconds = 281
    assert watchdog.bites()
    assert told == ["the scheduler's clock has not beaten for 181 seconds; the process ends, to be started anew."]


def test_a_watchdog_watches_by_itself() -> None:
    bitten = threading.Event()
    with Watchdog(SECOND / 20, lambda _: bitten.set()):
        assert bitten.wait(10)


HANGING = """
import asyncio, sys, time
from datetime import UTC, datetime, timedelta
from functools import partial
from apscheduler.triggers.base import BaseTrigger
from bot.outbox import Outbox
from bot.schedule import Schedules
from bot.scheduler import Scheduler
from bot.store import Store
from bot.watchdog import Watchdog

store, how = Store(sys.argv[1]), sys.argv[2]

class Broken(BaseTrigger):
    # Ends the timer of APScheduler, which tells nobody.

    def get_next_fire_time(self, previous, now):
        if previous:
            raise RuntimeError
        return now

async def main():
    with Watchdog(timedelta(seconds=3)) as watchdog:
        scheduler = Scheduler(
            Schedules(store), Outbox(store).insert, partial(datetime.now, UTC), asyncio.Event(), watchdog.beat
        )
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(4)  # longer than the limit: it beats
        print("alive", flush=True)
        if how == "loop":
            time.sleep(60)
        scheduler._rings.add_job(print, Broken())
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["loop", "rings"])
def test_a_process_whose_clock_has_stopped_ends(tmp_path: Path, environment: dict[str, str], how: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    command = [sys.executable, "-c", HANGING, url, how]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (STATUS, "alive\n")
    assert "the scheduler's clock has not beaten for" in done.stderr
