"""When posts are due: against croniter as a second implementation, and on the nights when clocks change."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.timetable import WRITING, ScheduleSpec, coming, firings, following, settled, slots
from corpora.errors import UserError
from generators.posts import Order

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
CHANGES = {  # the local dates on which clocks are put forward and back
    "Europe/Berlin": (datetime(2026, 3, 29), datetime(2026, 10, 25)),
    "America/New_York": (datetime(2026, 3, 8), datetime(2026, 11, 1)),
    "Australia/Lord_Howe": (datetime(2026, 10, 4), datetime(2026, 4, 5)),
}
GAPS = {"Europe/Berlin": (2, 60), "America/New_York": (2, 60), "Australia/Lord_Howe": (2, 30)}  # hour, minutes


def spec(**fields: object) -> ScheduleSpec:
    return ScheduleSpec.checked({"name": "morning", "style": "bible", "targets": ["folder"], **fields})


def names(made: ScheduleSpec, day: datetime) -> list[str]:
    """Return the names of all slots that are due in the 24 hours or so of a local day."""
    after, until = (settled(at, made.zone) for at in (day - timedelta(microseconds=1), day + DAY))
    return [slot.name for slot in slots(made, after, until) if slot.name.startswith(day.date().isoformat())]


def fault(**fields: object) -> str:
    with pytest.raises(UserError) as caught:
        spec(**fields)
    return str(caught.value)


def field(low: int, high: int, letters: list[str] | None = None) -> st.SearchStrategy[str]:
    """Draw a field of a cron expression: all, a number, a list, a range, a step."""
    number = st.integers(low, high)
    pair = st.lists(number, min_size=2, max_size=2, unique=True).map(sorted)  # croniter takes 0-0 for every minute
    shapes = [
        st.just("*"),
        number.map(str),
        st.lists(number, min_size=2, max_size=4).map(lambda numbers: ",".join(map(str, numbers))),
        pair.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.tuples(pair, st.integers(1, 9)).map(lambda both: f"{both[0][0]}-{both[0][1]}/{both[1]}"),
    ]
    if letters:
        shapes.append(st.lists(st.sampled_from(letters), min_size=1, max_size=3).map(",".join))
    return st.one_of(shapes)


MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "MON", "tue", "wed", "thu", "fri", "sat"]
CRONS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12, MONTHS), field(0, 6, WEEKDAYS)).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(CRONS, st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))
def test_cron_means_what_croniter_says(expression: str, start: datetime) -> None:
    after = start.replace(tzinfo=UTC)
    # With implement_cron_bug a day field that begins with a star, as */2, is one that says nothing: vixie cron's rule.
    second = croniter(expression, after, implement_cron_bug=True, max_years_between_matches=60)
    ours = [firing.due for firing in islice(coming(spec(cron=expression), after), 12)]
    assert ours == [second.get_next(datetime) for _ in ours]
    assert ours


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "Sun", "0,7", "6-7", "fri-sat,0"])
def test_sunday_has_two_numbers_and_a_name(sunday: str) -> None:
    days = {firing.due.weekday() for firing in islice(coming(spec(cron=f"0 9 * * {sunday}"), START), 20)}
    assert 6 in days
    assert days == {"6-7": {5, 6}, "fri-sat,0": {4, 5, 6}}.get(sunday, {6})


def test_with_both_days_given_either_will_do() -> None:
    due = [firing.due for firing in islice(coming(spec(cron="0 9 13 * fri"), START), 60)]
    assert {moment.day == 13 for moment in due} == {True, False}
    assert all(moment.day == 13 or moment.weekday() == 4 for moment in due)


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("rule", [{"every": "15m"}, {"cron": "*/15 * * * *"}])
def test_on_the_night_a_clock_changes_each_local_time_is_one_slot(zone: str, rule: dict[str, str]) -> None:
    spring, autumn = CHANGES[zone]
    every = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)]
    made = spec(zone=zone, **rule)
    hour, minutes = GAPS[zone]
    left_out = {f"{hour:02}:{minute:02}" for minute in range(0, minutes, 15)}
    assert [name[11:] for name in names(made, autumn)] == every
    assert [name[11:] for name in names(made, spring)] == [moment for moment in every if moment not in left_out]
    for day in (spring, autumn):
        dues = [slot.due for slot in slots(made, settled(day, made.zone) - DAY, settled(day, made.zone) + 2 * DAY)]
        assert dues == sorted(set(dues))


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("at", ["01:45", "02:00", "02:15", "02:29", "02:30", "09:00"])
def test_a_daily_slot_comes_once_on_every_day_of_the_year(zone: str, at: str) -> None:
    made = spec(zone=zone, at=at)
    counted = Counter(slot.name for slot in slots(made, START, START + 365 * DAY))
    assert set(counted.values()) == {1}
    assert len(counted) == 365
    assert {name[11:] for name in counted} == {at}


@pytest.mark.parametrize("zone", CHANGES)
def test_a_time_that_is_left_out_is_moved_to_the_first_that_there_is(zone: str) -> None:
    day = CHANGES[zone][0]
    hour, minutes = GAPS[zone]
    made = spec(zone=zone, at="02:10")
    (slot,) = slots(made, settled(day, made.zone), settled(day + DAY, made.zone))
    there = slot.due.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert slot.name == f"{day:%Y-%m-%d}T02:10"
    assert there == datetime.combine(day, time(hour)) + timedelta(minutes=minutes)


def test_a_time_that_comes_twice_is_the_first() -> None:
    made = spec(zone="Europe/Berlin", at="02:30")
    (slot,) = slots(made, datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 22, tzinfo=UTC))
    assert slot.due == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_whole_day_that_is_left_out() -> None:
    """Samoa went over the date line and had no 30th of December 2011."""
    made = spec(zone="Pacific/Apia", at="09:00")
    dues = list(slots(made, datetime(2011, 12, 29, 12, tzinfo=UTC), datetime(2011, 12, 31, tzinfo=UTC)))
    assert [slot.name for slot in dues] == ["2011-12-29T09:00", "2011-12-30T09:00", "2011-12-31T09:00"]
    assert dues[1].due == datetime(2011, 12, 30, 10, tzinfo=UTC)


TIMES = st.times().map(lambda moment: f"{moment:%H:%M}")
SPANS = st.tuples(TIMES, TIMES).filter(lambda ends: ends[0] != ends[1]).map("-".join)
RULES = st.one_of(
    CRONS.map(lambda cron: {"cron": cron}),
    st.integers(1, 4000).map(lambda minutes: {"every": f"{minutes}m"}),
    st.lists(TIMES, min_size=1, max_size=4).map(lambda at: {"at": at}),
    SPANS.map(lambda window: {"window": window}),
)
EXTRAS = st.fixed_dictionaries(
    {"zone": st.sampled_from(ZONES)},
    optional={"quiet": SPANS, "in_quiet": st.sampled_from(["move", "skip"]), "jitter": st.integers(0, 90000)},
)
MOMENTS = st.datetimes(datetime(2026, 2, 25), datetime(2026, 11, 5)).map(lambda moment: moment.replace(tzinfo=UTC))


@st.composite
def specs(draw: st.DrawFn) -> ScheduleSpec:
    fields = draw(RULES) | draw(EXTRAS)
    if "quiet" not in fields:
        fields.pop("in_quiet", None)
    if "window" in fields or fields.get("jitter", 0) > 86400:
        fields.pop("jitter", None)
    try:
        return spec(**fields)
    except UserError as error:
        assume("quiet hours" not in str(error))
        raise


@settings(deadline=None, max_examples=200)
@given(specs(), st.lists(MOMENTS, min_size=3, max_size=3, unique=True).map(sorted))
def test_slots_of_two_intervals_are_those_of_both_together(made: ScheduleSpec, moments: list[datetime]) -> None:
    first, second = moments[0], moments[0] + (moments[1] - moments[0]) / 40
    third = second + (moments[2] - moments[1]) / 40
    both = [*slots(made, first, second), *slots(made, second, third)]
    assert both == list(slots(made, first, third))
    assert len({slot.name for slot in both}) == len(both)
    assert following(made, first) == (both[0].due if both else following(made, third))


@settings(deadline=None, max_examples=200)
@given(specs(), MOMENTS)
def test_nothing_is_due_in_quiet_hours_nor_before_its_time(made: ScheduleSpec, after: datetime) -> None:
    for firing in islice(firings(made, after), 30):
        assert firing.due >= settled(firing.local, made.zone)
        there = firing.due.astimezone(made.zone)
        second = there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()  # quiet hours have no say in
        if made.quiet and not firing.skipped and not second:  # what comes twice: their end may come again
            assert made.quiet.around(there.replace(tzinfo=None, fold=0)) is None


def test_of_several_slots_behind_the_quiet_hours_the_last_counts() -> None:
    made = spec(every="2h", quiet="22:00-07:00")
    evening = datetime(2026, 5, 1, 21, tzinfo=UTC)
    assert next(firings(made, evening)).note == "skipped: 00:00 comes to the same moment"
    due = list(slots(made, evening, datetime(2026, 5, 2, 8, tzinfo=UTC)))
    assert [slot.name for slot in due] == ["2026-05-02T06:00", "2026-05-02T08:00"]
    assert due[0].due == datetime(2026, 5, 2, 7, tzinfo=UTC)
    skipping = spec(every="2h", quiet="22:00-07:00", in_quiet="skip")
    assert [slot.name for slot in slots(skipping, due[0].due - DAY / 2, due[1].due)] == [
        "2026-05-01T20:00",
        "2026-05-02T08:00",
    ]


def test_a_window_has_one_moment_a_day_which_is_always_the_same() -> None:
    made = spec(window="09:00-12:00", zone="Europe/Berlin")
    due = [slot.due for slot in slots(made, START, START + 200 * DAY)]
    assert len(due) == 200
    within = [moment.astimezone(made.zone).time() for moment in due]
    assert all(time(9) <= moment < time(12) for moment in within)
    assert len(set(within)) > 150
    assert min(within) < time(9, 10)
    assert max(within) > time(11, 50)
    assert due == [slot.due for slot in slots(made, START, START + 200 * DAY)]
    assert due[:5] != list(islice((each.due for each in coming(made.model_copy(update={"name": "b"}), START)), 5))


def test_every_goes_evenly_also_where_it_does_not_fit_a_day() -> None:
    local = [firing.local for firing in islice(coming(spec(every="7h"), START), 20)]
    assert {later - earlier for earlier, later in pairwise(local)} == {timedelta(hours=7)}
    six = [firing.name[11:] for firing in islice(coming(spec(every="6h", zone="Asia/Kathmandu"), START), 4)]
    assert sorted(six) == ["00:00", "06:00", "12:00", "18:00"]
    assert next(coming(spec(every="1w"), START)).local.weekday() == 0


def test_all_faults_are_told_together() -> None:
    told = fault(
        name="Bad Name",
        targets=[],
        zone="Berlin",
        cron="0 25 * * *",
        every="7x",
        weekdays="mon-foo",
        jitter=-4,
        colour="red",
        catch_up="some",
    )
    for part in (
        "name = Bad Name: a name is small letters",
        "targets: Tuple should have at least 1 item",
        "did you mean 'Europe/Berlin'?",
        "cron = 0 25 * * *: bad hour",
        "every = 7x",
        "'foo' is no day of the week",
        "jitter",
        "colour = red",
        "catch_up = some",
        "give exactly one of cron, every, at, window, not cron and every",
        "weekdays: are for `at` and `window`",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({}, "not none"),
        ({"at": "9:60"}, "expected a time of day"),
        ({"at": []}, "at least 1 item"),
        ({"at": "09:00", "zone": "../../etc/passwd"}, "no time zone has this name"),
        ({"at": "09:00", "zone": "Lord Howe"}, "did you mean 'Australia/Lord_Howe'?"),
        ({"at": "09:00", "weekdays": ["mon", "x"]}, "'x' is no day"),
        ({"at": "09:00", "most": 3}, 'is for catch_up = "all"'),
        ({"at": "09:00", "in_quiet": "skip"}, "there are no quiet hours"),
        ({"at": "23:00", "quiet": "22:00-07:00", "in_quiet": "skip"}, "all its slots lie in the quiet hours"),
        ({"at": "09:00", "quiet": "22:00-22:00"}, "begins and ends at the same time"),
        ({"at": "09:00", "targets": ["a", "a"]}, "named twice"),
        ({"at": "09:00", "expires": "0s"}, "greater than 0"),
        ({"at": "09:00", "expires": True}, "expected a length of time"),
        ({"window": "9-12"}, "expected two times of day"),
        ({"window": "09:00-12:00", "jitter": "5m"}, "a window is one already"),
        ({"every": "90s"}, "whole minutes"),
        ({"every": "30s"}, "greater than or equal to"),
        ({"cron": "0 9 * *"}, "4 fields; expected 5"),
        ({"cron": "0 0 30 2 *"}, "bad day-of-month"),
        ({"cron": "* * */20 * 1L"}, "never comes true"),
    ],
)
def test_a_wrong_schedule_is_refused(fields: dict[str, object], part: str) -> None:
    assert part in fault(**fields)


@settings(deadline=None, max_examples=100)
@given(specs())
def test_what_is_stored_is_read_again(made: ScheduleSpec) -> None:
    assert ScheduleSpec.checked(made.stored) == made


def test_times_can_be_written_in_several_ways() -> None:
    made = spec(at=[time(18), "9:00"], weekdays="fri-mon", expires=90, quiet="22:00-24:00")
    assert made.stored["at"] == ["09:00", "18:00"]
    assert made.stored["weekdays"] == "mon,fri-sun"
    assert made.stored["expires"] == "1m30s"
    assert made.stored["quiet"] == "22:00-00:00"
    assert made.when == "at 09:00, 18:00 on mon,fri-sun"
    assert spec(at="09:00", jitter="10").jitter == timedelta(seconds=10)
    assert spec(every="1d12h").when == "every 1d12h"
    assert spec(window="09:00-12:00").when == "in 09:00-12:00"
    assert spec(cron=" 0  9 * * *").when == "cron 0 9 * * *"


def test_a_slot_carries_an_order_that_can_be_written() -> None:
    made = spec(at="09:00", blend=("code", 0.3), temperature=0.5, approval=True, expires="2h", message="Who?")
    slot = next(slots(made, START, START + DAY))
    order = dict(slot.order)
    assert order.pop("targets") == ["folder"]
    assert order.pop("approval") is True
    assert Order.model_validate(order) == Order(style="bible", blend=("code", 0.3), temperature=0.5, message="Who?")
    assert slot.expires - slot.due == timedelta(hours=2)
    assert {"style", *WRITING} == set(Order.model_fields)


def test_times_of_a_schedule_with_jitter_may_change_places() -> None:
    made = spec(every="1m", jitter="10m")
    due = list(slots(made, START, START + DAY / 24))
    assert [slot.due for slot in due] == sorted(slot.due for slot in due)
    assert [slot.name for slot in due] != sorted(slot.name for slot in due)
