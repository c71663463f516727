"""When a schedule's posts are due. Pure: there is no clock and no store here.

A slot has the name of its local calendar time, as "2026-11-23T09:00", without an offset. So a time that comes twice, in
autumn, is one slot, the first time; and a time that spring leaves out is moved to the first moment that there is. Of
several slots that come to lie at one moment, in spring or behind quiet hours, the last one counts: nobody wants three
posts at once.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import islice, takewhile
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bot.outbox import Slot
from bot.times import Cron, Duration, SpanOfDay, TimesOfDay, Weekdays, Zone, show_duration, show_weekdays
from corpora.errors import UserError, faults

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
ANCHOR = datetime(1970, 1, 5)  # the Monday, in local time, that "every" is counted from
MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(weeks=1)
LEAST = timedelta(microseconds=1)
DRY = 3000  # slots skipped in a row after which none will ever come: what is skipped repeats after 1440 at most
RULES = ("cron", "every", "at", "window")
TIMING = ("zone", *RULES, "weekdays", "jitter", "quiet", "in_quiet")


class ScheduleSpec(BaseModel):
    """A schedule as a person writes it. Unset options of the text are the style's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    style: str = Field(min_length=1)
    targets: tuple[str, ...] = Field(min_length=1, description="accounts, by their names in the settings")
    zone: Zone = ZoneInfo("UTC")

    cron: Cron | None = Field(
        None, description="five fields; with both days given, either will do, as vixie cron has it"
    )
    every: Duration | None = Field(None, ge=MINUTE, description="counted from a Monday's midnight, by the local clock")
    at: TimesOfDay | None = Field(None, min_length=1)
    window: SpanOfDay | None = Field(None, description="one moment in it a day, drawn from the name and the date")
    weekdays: Weekdays = Field((), description="for `at` and `window`; every day where empty")
    jitter: Duration = Field(timedelta(), ge=timedelta(), le=DAY, description="up to this much later, drawn by slot")
    quiet: SpanOfDay | None = Field(None, description="local hours in which nothing is posted")
    in_quiet: Literal["move", "skip"] = "move"

    catch_up: Literal["none", "last", "all"] = Field("last", description="of slots missed while nothing ran")
    most: int = Field(10, ge=1, le=1000, description="slots that `all` catches up with, the latest ones")
    expires: Duration = Field(timedelta(hours=1), gt=timedelta(), description="how late a post may still go out")
    approval: bool = False

    temperature: float | None = Field(None, ge=0, le=5)
    length: int | None = Field(None, ge=1)
    prefix: str = ""
    message: str = ""
    blend: tuple[str, float] | None = None
    adapt: float | None = Field(None, ge=0, lt=1)
    picture: bool | None = None
    caption: str = ""

    @classmethod
    def checked(cls, given: dict[str, Any], place: str = "This schedule") -> Self:
        """Build from what a person wrote; raise UserError with all that is wrong with it."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            told = [faults(error).removeprefix("the whole: ")]
            if all(fault["loc"] for fault in error.errors()):  # what does not go together was not looked at
                told += conflicts(given)
            raise UserError(f"{place} cannot be used: {'; '.join(told)}.") from error

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("a name is small letters, digits and hyphens, begins with a letter, 40 characters at most")
        return name

    @field_validator("every")
    @classmethod
    def _is_in_minutes(cls, every: timedelta | None) -> timedelta | None:
        if every and every % MINUTE:
            raise ValueError("slots are named by the minute: give whole minutes")
        return every

    @field_validator("targets")
    @classmethod
    def _are_different(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(targets)) < len(targets):
            raise ValueError("an account is named twice")
        return targets

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if told := conflicts({name: getattr(self, name) for name in self.model_fields_set}):
            raise ValueError("; ".join(told))
        if self.quiet and self.in_quiet == "skip" and following(self, datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError("all its slots lie in the quiet hours, and would be skipped")
        return self

    @property
    def when(self) -> str:
        """Say when it posts, in a few words, in its time zone."""
        days = f" on {show_weekdays(self.weekdays)}" if self.weekdays else ""
        if self.cron:
            return f"cron {self.cron}"
        if self.every:
            return f"every {show_duration(self.every)}"
        times = f"in {self.window}" if self.window else f"at {', '.join(f'{time:%H:%M}' for time in self.at or ())}"
        return times + days

    @property
    def order(self) -> dict[str, Any]:
        """Return what is to be written, and for whom, as a slot carries it."""
        names = {"style", "targets", "approval", *WRITING}
        return self.model_dump(mode="json", include=names, exclude_defaults=True)

    @property
    def stored(self) -> dict[str, Any]:
        """Return all but what goes without saying."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def timing(self) -> dict[str, Any]:
        """Return what decides which slots there are."""
        return self.model_dump(include=set(TIMING))


WRITING = ("temperature", "length", "prefix", "message", "blend", "adapt", "picture", "caption")


def conflicts(given: dict[str, Any]) -> list[str]:
    """Return what does not go together in the fields that are given."""
    there = {name for name, value in given.items() if value not in (None, (), [], "")}
    told = []
    rules = [name for name in RULES if name in there]
    if len(rules) != 1:
        told.append(f"give exactly one of {', '.join(RULES)}, not {' and '.join(rules) or 'none'}")
    if "weekdays" in there and not there & {"at", "window"}:
        told.append("weekdays: are for `at` and `window`; cron has its own")
    if there >= {"window", "jitter"} and given["jitter"]:
        told.append("jitter: a window is one already")
    if "in_quiet" in there and "quiet" not in there:
        told.append("in_quiet: there are no quiet hours")
    if "most" in there and given.get("catch_up") != "all":
        told.append('most: is for catch_up = "all"')
    return told


@dataclass(frozen=True, order=True, slots=True)
class Firing:
    """A slot's fate: when it is due (UTC), by which local time it is named (naive), and what moved or stopped it."""

    due: datetime
    local: datetime
    note: str = ""
    skipped: bool = False

    @property
    def name(self) -> str:
        """Return the slot's name."""
        return self.local.isoformat(timespec="minutes")


def slots(spec: ScheduleSpec, after: datetime, until: datetime) -> Iterator[Slot]:
    """Yield the slots that are due after one moment, up to and with another, as they fall due."""
    order = spec.order
    for firing in takewhile(lambda firing: firing.due <= until, firings(spec, after)):
        if not firing.skipped:
            yield Slot(spec.name, firing.name, order, firing.due, firing.due + spec.expires)


def following(spec: ScheduleSpec, after: datetime) -> datetime | None:
    """Return when the next slot after a moment is due, None where there is none."""
    return next((firing.due for firing in coming(spec, after)), None)


def coming(spec: ScheduleSpec, after: datetime) -> Iterator[Firing]:
    """Yield what is due after a moment and not skipped; end only where nothing will come any more."""
    skipped = 0
    for firing in firings(spec, after):
        skipped = skipped + 1 if firing.skipped else 0
        if skipped > DRY:
            return
        if not firing.skipped:
            yield firing


def moments(spec: ScheduleSpec, after: datetime, count: int) -> list[str]:
    """Return the next moments at which it posts, in its own time zone, written as ISO 8601 has them."""
    return [firing.due.astimezone(spec.zone).isoformat() for firing in islice(coming(spec, after), count)]


def firings(spec: ScheduleSpec, after: datetime) -> Iterator[Firing]:
    """Yield what is due after a moment, and what is skipped, as it falls due; there is no end to it."""
    ordered = _alone(_placed(spec, local) for local in _turns(spec, _earliest(spec, after)))
    if spec.window or spec.jitter:
        ordered = _delayed(spec, ordered)
    yield from (firing for firing in ordered if firing.due > after)


def _turns(spec: ScheduleSpec, after: datetime) -> Iterator[datetime]:
    """Yield the naive local times that the rule names, after such a time."""
    if spec.cron:
        yield from CronSim(spec.cron, after)
    elif spec.every:
        count = (after - ANCHOR) // spec.every
        while True:
            count += 1
            yield ANCHOR + count * spec.every
    else:
        times = (spec.window.start,) if spec.window else spec.at or ()
        day = after.date()
        while True:
            if not spec.weekdays or day.weekday() in spec.weekdays:
                yield from (turn for time in times if (turn := datetime.combine(day, time)) > after)
            day += DAY


def _placed(spec: ScheduleSpec, local: datetime) -> Firing:
    """Return when a local time comes, outside of the quiet hours."""
    moment = settled(local, spec.zone)
    there = _local(moment, spec.zone)
    note = "" if there == local else f"moved: {local:%H:%M} does not exist"
    quiet = spec.quiet.around(there) if spec.quiet else None
    if quiet is None:
        return Firing(moment, local, note)
    if spec.in_quiet == "skip":
        return Firing(moment, local, f"skipped: quiet until {quiet[1]:%H:%M}", skipped=True)
    return Firing(settled(quiet[1], spec.zone), local, f"moved: quiet until {quiet[1]:%H:%M}")


def _alone(placed: Iterable[Firing]) -> Iterator[Firing]:
    """Skip those that a later one overtook by being at the same moment; only moved ones can be."""
    held: Firing | None = None
    for firing in placed:
        if held:
            if held.due == firing.due:
                held = replace(held, note=f"skipped: {firing.local:%H:%M} comes to the same moment", skipped=True)
            yield held
        held = firing if firing.note else None
        if not held:
            yield firing
    if held:
        yield held


def _delayed(spec: ScheduleSpec, ordered: Iterable[Firing]) -> Iterator[Firing]:
    """Put each slot off by what is drawn for it; a later one may be due first now."""
    waiting = list[Firing]()  # a heap
    for placed in ordered:
        while waiting and waiting[0].due <= placed.due:  # whatever comes now is due later
            yield heappop(waiting)
        heappush(waiting, placed if placed.skipped else replace(placed, due=placed.due + _delay(spec, placed)))
    while waiting:
        yield heappop(waiting)


def _delay(spec: ScheduleSpec, placed: Firing) -> timedelta:
    """Draw how much later than placed a slot is due: the same for the same name and slot, on every machine."""
    room = spec.jitter + timedelta(seconds=1)
    if spec.window:
        room = settled(spec.window.on(placed.local.date())[1], spec.zone) - placed.due
    if spec.quiet:
        there = _local(placed.due, spec.zone)
        begins = min(start for day in (0, 1) if (start := spec.quiet.on(there.date() + day * DAY)[0]) > there)
        room = min(room, settled(begins, spec.zone) - placed.due)
    digest = hashlib.sha256(f"{spec.name} {placed.name}".encode()).digest()
    drawn = int.from_bytes(digest[:8]) * int(room.total_seconds()) >> 64
    return timedelta(seconds=max(drawn, 0))


def _earliest(spec: ScheduleSpec, after: datetime) -> datetime:
    """Return a naive local time so early that all slots due after a moment are named by a later one."""
    moment = after - (2 * DAY if spec.window else spec.jitter)
    if spec.quiet and (quiet := spec.quiet.around(_local(moment, spec.zone))):
        moment = min(moment, settled(quiet[0], spec.zone) - LEAST)
    return _local(moment, spec.zone)


def settled(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment (UTC) of a naive local time: of two the first, and where it is left out the first after it."""
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if _local(moment, zone) == local:
        return moment
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)  # before the clock is put forward, as `moment` is after
    before = early.astimezone(zone).utcoffset()
    while moment - early > timedelta(seconds=1):
        middle = early + (moment - early) // timedelta(seconds=2) * timedelta(seconds=1)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            moment = middle
    return moment


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
