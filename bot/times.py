"""How times are written in a schedule: "6h", "09:00", "22:00-07:00", "mon-fri", "Europe/Berlin", "0 9 * * mon"."""

import difflib
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, PlainSerializer

UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
UNITS["s"] = timedelta(seconds=1)
PARTS = re.compile(r"(\d+)([wdhms])")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FULL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Span(NamedTuple):
    """From one time of day to another, the end not in it; over midnight where the end is not after the start."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def around(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """Return the start and end of the span that a naive local `moment` lies in, None where it lies in none."""
        for day in (moment.date() - timedelta(days=1), moment.date()):
            start, end = self.on(day)
            if start <= moment < end:
                return start, end
        return None

    def on(self, day: date) -> tuple[datetime, datetime]:
        """Return the start and end, naive, of the span that begins on a day."""
        later = timedelta(days=self.end <= self.start)
        return datetime.combine(day, self.start), datetime.combine(day + later, self.end)


def parse_duration(given: object) -> object:
    """Read "1h30m", or seconds as a number."""
    if isinstance(given, str) and not given.isdecimal():
        found = PARTS.findall(given)
        if not found or "".join(number + unit for number, unit in found) != given.replace(" ", ""):
            raise ValueError('expected a length of time, as "90m", "6h" or "1d12h"')
        return sum((int(number) * UNITS[unit] for number, unit in found), timedelta())
    if isinstance(given, str | int) and not isinstance(given, bool):
        return timedelta(seconds=int(given))
    if isinstance(given, timedelta):
        return given
    raise ValueError('expected a length of time, as "90m", or seconds')


def show_duration(length: timedelta) -> str:
    """Write a length of time as `parse_duration` reads it."""
    shown, rest = "", length
    for letter, unit in UNITS.items():
        count, rest = divmod(rest, unit)
        shown += f"{count}{letter}" if count else ""
    return shown or "0s"


def parse_time(given: object) -> object:
    """Read "09:00"."""
    if isinstance(given, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", given.strip()):
        hour, minute = map(int, given.split(":"))
        return time(hour, minute)
    if isinstance(given, time) and not given.second and not given.microsecond and not given.tzinfo:
        return given
    raise ValueError('expected a time of day, as "09:00"')


def parse_span(given: object) -> object:
    """Read "09:00-12:00"; "24:00" may end it."""
    if isinstance(given, Span):
        return given
    start, _, end = str(given).replace(" ", "").replace("24:00", "00:00").partition("-")
    try:
        span = Span(parse_time(start), parse_time(end))  # type: ignore[arg-type]  # of text it makes a time
    except ValueError:
        raise ValueError('expected two times of day, as "09:00-12:00"') from None
    if span.start == span.end:
        raise ValueError("begins and ends at the same time")
    return span


def parse_zone(given: object) -> object:
    """Find a time zone by its name in the IANA database."""
    if isinstance(given, ZoneInfo):
        return given
    try:
        return ZoneInfo(str(given))
    except (ValueError, OSError, KeyError):  # KeyError is what ZoneInfoNotFoundError is
        names = {name.lower(): name for name in available_timezones()}
        places = {name.rpartition("/")[2]: name for name in names}  # a person may know the city only
        wanted = str(given).lower().replace(" ", "_")
        nearest = difflib.get_close_matches(wanted, [*names, *places], n=1, cutoff=0.5)
        hint = f"; did you mean {names[places.get(nearest[0], nearest[0])]!r}?" if nearest else ""
        raise ValueError(f'no time zone has this name, as "Europe/Berlin"{hint}') from None


def parse_weekdays(given: object) -> object:
    """Read "mon-fri,sun" or a list of such into weekdays, Monday being 0."""
    written = given if isinstance(given, str) or not isinstance(given, Iterable) else ",".join(map(str, given))
    days = set[int]()
    for piece in str(written).split(","):
        first, _, last = piece.strip().lower().partition("-")
        start, end = _weekday(first), _weekday(last or first)
        days |= {(start + offset) % 7 for offset in range((end - start) % 7 + 1)}
    return tuple(sorted(days))


def show_weekdays(days: Iterable[int]) -> str:
    """Write weekdays as `parse_weekdays` reads them."""
    runs = list[list[int]]()
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _weekday(name: str) -> int:
    found = [number for number, day in enumerate(FULL_DAYS) if len(name) >= 3 and day.startswith(name)]
    if not found:
        raise ValueError(f"{name!r} is no day of the week: {', '.join(DAYS)}")
    return found[0]


@lru_cache(maxsize=4096)
def check_cron(expression: str) -> str:
    """Return a cron expression, its blanks single, that comes true at some time."""
    fields = expression.split()
    expected = 'minute, hour, day of month, month, day of week, as "0 9 * * mon-fri"'
    if len(fields) != 5:
        raise ValueError(f"{len(fields)} fields; expected 5: {expected}")
    try:
        first = next(CronSim(expression, datetime(2000, 1, 1)), None)
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()}; expected {expected}") from None
    if first is None:
        raise ValueError("never comes true")
    return " ".join(fields)


def listed(given: object) -> object:
    """Take one thing for a list of one."""
    return [given] if isinstance(given, str | time) else given


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(show_duration)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time), PlainSerializer(lambda moment: f"{moment:%H:%M}")]
TimesOfDay = Annotated[
    tuple[TimeOfDay, ...], BeforeValidator(listed), AfterValidator(lambda times: tuple(sorted(set(times))))
]
SpanOfDay = Annotated[Span, BeforeValidator(parse_span), PlainSerializer(str)]
Zone = Annotated[ZoneInfo, BeforeValidator(parse_zone), PlainSerializer(str)]
Weekdays = Annotated[tuple[int, ...], BeforeValidator(parse_weekdays), PlainSerializer(show_weekdays)]
Cron = Annotated[str, AfterValidator(check_cron)]
