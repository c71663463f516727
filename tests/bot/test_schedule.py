"""The schedules that are kept, and the posts made of them: on real databases, by several at once, dying in between."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot import schedule_file
from bot.outbox import Outbox, Slot
from bot.schedule import Schedules
from bot.store import Post, Schedule, Store
from bot.timetable import ScheduleSpec
from corpora.errors import UserError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
ROOT = Path(__file__).parent.parent.parent


def spec(name: str = "hourly", **fields: object) -> ScheduleSpec:
    timing = {} if fields.keys() & {"at", "cron", "every", "window"} else {"every": "1h"}
    return ScheduleSpec.checked({"name": name, "style": "bible", "targets": ["folder"], **timing, **fields})


def posts(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.scalars(select(Post.slot).order_by(Post.due, Post.slot)))


def make(store: Store, now: datetime, *names: str) -> list[str]:
    """Make posts of what is due; return the names of what was passed over."""
    made = Schedules(store).make(names or ("hourly",), now, MINUTE, Outbox(store).insert)
    return made.missed.get("hourly", [])


def test_a_slot_becomes_one_post_when_it_is_due(store: Store) -> None:
    schedules = Schedules(store)
    schedules.add(spec(), NOON)
    made = schedules.make(["hourly"], NOON + HOUR - MINUTE, MINUTE, Outbox(store).insert)
    assert (made.posts, made.following) == ([], {"hourly": NOON + HOUR})
    made = schedules.make(["hourly"], NOON + HOUR, MINUTE, Outbox(store).insert)
    assert (len(made.posts), made.following) == (1, {"hourly": NOON + 2 * HOUR})
    assert schedules.make(["hourly"], NOON + HOUR, MINUTE, Outbox(store).insert).posts == []
    assert posts(store) == ["2026-11-23T13:00"]
    assert schedules.get("hourly").start(NOON + HOUR, MINUTE) == NOON + HOUR


def test_a_clock_that_was_wrong_and_is_set_back_stops_nothing(store: Store) -> None:
    schedules, year = Schedules(store), timedelta(days=365)
    schedules.add(spec(), NOON)
    make(store, NOON + year)
    schedules.add(spec("younger"), NOON + year)
    assert make(store, NOON + HOUR) == []
    make(store, NOON + HOUR + MINUTE / 2)
    make(store, NOON + HOUR + MINUTE / 2, "younger")
    made = posts(store)
    assert made == ["2026-11-23T13:00", "2026-11-23T13:00", "2027-11-23T12:00"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"catch_up": "none"}, []),
        ({"catch_up": "last"}, ["2026-11-23T17:00"]),
        ({"catch_up": "all"}, [f"2026-11-23T{hour}:00" for hour in range(13, 18)]),
        ({"catch_up": "all", "most": 2}, ["2026-11-23T16:00", "2026-11-23T17:00"]),
    ],
)
def test_what_was_missed_is_made_up_for_by_the_rule(store: Store, rule: dict[str, object], expected: list[str]) -> None:
    Schedules(store).add(spec(**rule), NOON)
    passed = make(store, NOON + 5 * HOUR + 30 * MINUTE)
    assert posts(store) == expected
    assert passed == [f"2026-11-23T{hour}:00" for hour in range(13, 18 - len(expected))]
    assert make(store, NOON + 5 * HOUR + 40 * MINUTE) == []
    assert posts(store) == expected


@pytest.mark.parametrize("rule", ["none", "last", "all"])
def test_what_is_a_moment_late_was_not_missed(store: Store, rule: str) -> None:
    Schedules(store).add(spec(catch_up=rule), NOON)
    make(store, NOON + HOUR + timedelta(seconds=50))
    assert posts(store) == ["2026-11-23T13:00"]


def test_two_processes_make_a_post_once(open_store: Callable[[], Store]) -> None:
    first, second = open_store(), open_store()
    names = [f"s{number}" for number in range(20)]
    for name in names:
        Schedules(first).add(spec(name, every="1m", catch_up="all", most=10), NOON)
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda store: make(store, NOON + 10 * MINUTE, *names), [first, second]))
    assert len(posts(first)) == 20 * 10


def test_two_schedulers_with_the_same_night_make_each_local_slot_once(open_store: Callable[[], Store]) -> None:
    first, second = open_store(), open_store()
    Schedules(first).add(spec(every="30m", zone="Europe/Berlin"), datetime(2026, 10, 24, 22, tzinfo=UTC))
    for minute in range(0, 6 * 60, 10):
        for store in (first, second):
            make(store, datetime(2026, 10, 24, 22, tzinfo=UTC) + minute * MINUTE)
    expected = [f"2026-10-25T{hour:02}:{minute}" for hour in range(5) for minute in ("00", "30")]
    assert posts(first) == expected[1:]


def test_a_death_between_making_and_noting_loses_and_doubles_nothing(store: Store) -> None:
    Schedules(store).add(spec(catch_up="all"), NOON)

    def dying(slots: Sequence[Slot], now: datetime) -> list[int]:
        Outbox(store).insert(slots, now)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Schedules(store).make(["hourly"], NOON + HOUR, MINUTE, dying)
    assert Schedules(store).get("hourly").seen is None
    make(store, NOON + 2 * HOUR)
    assert posts(store) == ["2026-11-23T13:00", "2026-11-23T14:00"]


KILLED = """
import os, signal, sys
from datetime import datetime, timedelta
from bot.outbox import Outbox
from bot.schedule import Schedules
from bot.store import Store

url, now, before = sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3] == "before"
store = Store(url)

def insert(slots, now):
    if not before:
        Outbox(store).insert(slots, now)
    os.kill(os.getpid(), signal.SIGKILL)

Schedules(store).make(["hourly"], now, timedelta(minutes=1), insert)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_around_the_insertion_loses_and_doubles_nothing(
    store: Store, database: str, moment: str, environment: dict[str, str]
) -> None:
    Schedules(store).add(spec(catch_up="all"), NOON)
    for hour in (1, 2):
        command = [sys.executable, "-c", KILLED, database, (NOON + hour * HOUR).isoformat(), moment]
        done = subprocess.run(command, cwd=ROOT, env=environment | {"PATH": os.environ["PATH"]}, check=False)
        assert done.returncode == -9
    make(store, NOON + 3 * HOUR)
    assert posts(store) == ["2026-11-23T13:00", "2026-11-23T14:00", "2026-11-23T15:00"]


def test_a_paused_schedule_makes_nothing_and_catches_up_with_nothing(store: Store) -> None:
    schedules = Schedules(store)
    schedules.add(spec(catch_up="all"), NOON)
    schedules.pause("hourly")
    make(store, NOON + HOUR)
    schedules.resume("hourly", NOON + 2 * HOUR + MINUTE)
    schedules.resume("hourly", NOON + 10 * HOUR)  # it is not paused: nothing happens
    make(store, NOON + 3 * HOUR)
    assert posts(store) == ["2026-11-23T15:00"]


def test_a_schedule_with_another_timing_begins_anew_and_one_with_other_words_goes_on(store: Store) -> None:
    schedules = Schedules(store)
    schedules.add(spec(catch_up="all"), NOON)
    schedules.add(spec(catch_up="all", temperature=0.5), NOON + 90 * MINUTE, replace=True)
    make(store, NOON + 2 * HOUR)
    assert posts(store) == ["2026-11-23T13:00", "2026-11-23T14:00"]
    schedules.add(spec(every="30m", catch_up="all"), NOON + 190 * MINUTE, replace=True)
    make(store, NOON + 4 * HOUR)
    assert posts(store)[2:] == ["2026-11-23T15:30", "2026-11-23T16:00"]


def test_schedules_are_added_shown_and_removed_by_name(store: Store) -> None:
    schedules = Schedules(store)
    schedules.add(spec("noon", at="12:00"), NOON)
    schedules.add(spec("morning", at="09:00", zone="Europe/Berlin"), NOON)
    assert [kept.spec.name for kept in schedules.all()[0]] == ["morning", "noon"]
    assert schedules.get("noon").spec == spec("noon", at="12:00")
    with pytest.raises(UserError, match="named 'noon' already"):
        schedules.add(spec("noon", at="13:00"), NOON)
    schedules.remove("noon")
    for do in (schedules.get, schedules.pause, schedules.remove):
        with pytest.raises(UserError, match=r"no schedule named 'mornin'\. Did you mean 'morning'\?"):
            do("mornin")


def test_every_change_of_what_is_due_changes_the_fingerprint(store: Store) -> None:
    schedules, later = Schedules(store), NOON
    seen = [schedules.fingerprint()]

    def changed() -> bool:
        seen.append(schedules.fingerprint())
        return seen[-1] != seen[-2]

    schedules.add(spec("a"), later)
    assert changed()
    schedules.add(spec("b"), later)
    assert changed()
    schedules.add(spec("a", every="2h"), later + MINUTE, replace=True)
    assert changed()
    schedules.add(spec("a", every="2h", temperature=1.2), later + 2 * MINUTE, replace=True)
    assert not changed()  # when it is due is the same
    schedules.pause("a")
    assert changed()
    schedules.resume("a", later + 3 * MINUTE)
    assert changed()
    schedules.remove("a")
    schedules.add(spec("c"), later + 4 * MINUTE)
    assert changed()


def test_a_schedule_that_cannot_be_read_stops_no_other(store: Store) -> None:
    schedules = Schedules(store)
    schedules.add(spec("hourly"), NOON)
    schedules.add(spec("broken"), NOON)
    with store.writing() as session:
        session.execute(update(Schedule).where(Schedule.name == "broken").values(spec={"name": "broken", "every": "x"}))
    make(store, NOON + HOUR, "hourly", "broken")
    assert posts(store) == ["2026-11-23T13:00"]
    kept, told = schedules.all()
    assert [each.spec.name for each in kept] == ["hourly"]
    assert "The schedule 'broken' in the store cannot be used" in told[0]
    schedules.add(spec("broken"), NOON, replace=True)
    assert len(schedules.all()[0]) == 2


FILE = """
[schedules.morning]
style = "bible"
targets = ["folder"]
at = 09:00:00
zone = "Europe/Berlin"

[schedules.noon]
style = "code"
targets = ["folder"]
cron = "0 12 * * mon-fri"
"""


def test_apply_makes_the_schedules_those_of_the_file(store: Store, tmp_path: Path) -> None:
    schedules, path = Schedules(store), tmp_path / "schedules.toml"
    path.write_text(FILE, encoding="utf-8")
    schedules.add(spec("old"), NOON)
    changes = schedules.apply(schedule_file.read(path), NOON)
    assert (changes.added, changes.changed, changes.removed, changes.same) == (["morning", "noon"], {}, ["old"], [])
    assert schedules.apply(schedule_file.read(path), NOON + HOUR).same == ["morning", "noon"]
    assert schedules.get("noon").since == NOON

    schedules.pause("noon")
    path.write_text(FILE.replace("09:00:00", '["09:00", "18:00"]'), encoding="utf-8")
    dry = schedules.apply(schedule_file.read(path), NOON + HOUR, dry=True)
    assert schedules.get("morning").since == NOON
    changes = schedules.apply(schedule_file.read(path), NOON + HOUR)
    assert changes == dry
    assert changes.changed == {"morning": "at 09:00 -> 09:00 18:00"}
    assert (changes.paused, changes.same) == (["noon"], ["noon"])
    assert schedules.get("morning").since == NOON + HOUR
    assert schedules.get("noon").paused

    written = schedule_file.write(schedules.all()[0])
    path.write_text(written, encoding="utf-8")
    assert schedules.apply(schedule_file.read(path), NOON + HOUR).same == ["morning", "noon"]
    schedules.remove("noon")
    assert schedules.apply(schedule_file.read(path), NOON + HOUR).added == ["noon"]
    assert schedules.get("noon").paused
    assert schedule_file.write(schedules.all()[0]) == written
    path.write_text(written.replace("paused = true", "paused = false"), encoding="utf-8")
    assert schedules.apply(schedule_file.read(path), NOON + HOUR).changed == {"noon": "paused True -> False"}

    path.write_text("", encoding="utf-8")
    assert schedules.apply(schedule_file.read(path), NOON).removed == ["morning", "noon"]
    assert schedule_file.write(schedules.all()[0]) == ""


def test_all_faults_of_a_file_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "schedules.toml"
    path.write_text('other = 1\n[schedules.a]\nstyle = "x"\n[schedules.b]\npaused = 3\n[schedules]\nc = 1', "utf-8")
    with pytest.raises(UserError) as caught:
        schedule_file.read(path)
    told = str(caught.value).splitlines()
    assert len(told) == 4
    assert "'other'" in told[0]
    assert "[schedules.a] cannot be used: targets: Field required; give exactly one of" in told[1]
    for content, part in (("schedules = 3", "is no table"), ("x = ", "is not TOML"), (None, "cannot be read")):
        path.unlink() if content is None else path.write_text(content, "utf-8")
        with pytest.raises(UserError, match=part):
            schedule_file.read(path)
