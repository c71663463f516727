"""What schedules will do, counted by hand; and the verbs below `schedule`, as a person types them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import schedule_verbs
from bot.publish.prices import METADATA, POST, price
from bot.simulation import simulate
from bot.timetable import ScheduleSpec
from corpora.errors import UserError

START = datetime(2026, 10, 24, tzinfo=UTC)


def spec(name: str, **fields: object) -> ScheduleSpec:
    return ScheduleSpec.checked({"name": name, "style": "bible", "targets": ["folder"], **fields})


def cost_of(spec: ScheduleSpec, account: str) -> Decimal:
    return price(account, bool(spec.picture))


def test_each_post_is_told_in_local_time_and_in_utc_across_a_clock_change() -> None:
    rows = simulate([spec("daily", at="02:30", zone="Europe/Berlin")], START, 3, cost_of).rows
    assert [(row.slot, row.local.isoformat(), row.utc.isoformat()) for row in rows] == [
        ("2026-10-24T02:30", "2026-10-24T02:30:00+02:00", "2026-10-24T00:30:00+00:00"),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-26T02:30", "2026-10-26T02:30:00+01:00", "2026-10-26T01:30:00+00:00"),
    ]
    assert [row.notes for row in rows] == [[], ["02:30 comes twice; the first counts"], []]
    spring = simulate(
        [spec("daily", at="02:30", zone="Europe/Berlin")], datetime(2027, 3, 27, 12, tzinfo=UTC), 1, cost_of
    )
    assert [(row.local.isoformat(), row.notes) for row in spring.rows] == [
        ("2027-03-28T03:00:00+02:00", ["moved: 02:30 does not exist"])
    ]


def test_posts_and_costs_are_summed_by_month() -> None:
    made = simulate([spec("daily", at="09:00", targets=["x", "folder"])], START, 90, cost_of)
    assert made.posts == {"2026-10": 16, "2026-11": 60, "2026-12": 62, "2027-01": 42}
    assert made.costs == {
        "2026-10": Decimal("0.120"),
        "2026-11": Decimal("0.450"),
        "2026-12": Decimal("0.465"),
        "2027-01": Decimal("0.315"),
    }


def test_what_is_moved_and_skipped_is_told_and_costs_nothing() -> None:
    made = simulate([spec("often", every="2h", quiet="22:00-07:00", targets=["x"])], START, 1, cost_of)
    told = [(row.slot[11:], row.skipped, row.notes) for row in made.rows]
    assert told == [
        *(
            (f"{hour:02}:00", True, [f"skipped: {(hour + 2) % 24:02}:00 comes to the same moment"])
            for hour in (22, 0, 2, 4)
        ),
        ("06:00", False, ["moved: quiet until 07:00"]),
        *((f"{hour:02}:00", False, []) for hour in range(8, 22, 2)),
    ]
    assert made.posts == {"2026-10": 8}
    assert sum(row.cost for row in made.rows) == 8 * POST


def test_two_posts_of_one_account_near_each_other_clash() -> None:
    specs = [spec("a", at="09:00"), spec("b", at="09:09"), spec("c", at="09:19"), spec("d", at="09:05", targets=["x"])]
    made = simulate(specs, START, 1, cost_of)
    assert {row.schedule: row.notes for row in made.rows} == {
        "a": ["clashes with b on folder"],
        "b": ["clashes with a on folder"],
        "c": [],
        "d": [],
    }
    assert made.clashes == 2
    assert simulate(specs, START, 1, cost_of, timedelta(minutes=9)).clashes == 0


Verb = Callable[..., str]


@pytest.fixture
def verb(environment: dict[str, str], home: Path) -> Verb:
    """Run a verb below `schedule`; return what it prints."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(schedule_verbs.schedule, arguments, env=environment)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_a_schedule_from_the_command_line(verb: Verb) -> None:
    told = verb(
        *("add", "morning", "--style", "bible", "--to", "folder", "--at", "09:00", "--at", "18:00"),
        *("--weekdays", "mon-fri", "--zone", "Europe/Berlin", "--blend", "code=0.2", "-t", "0.5", "--approval"),
    )
    assert told.startswith("morning: at 09:00, 18:00 on mon-fri, Europe/Berlin\nnext ")
    assert told.count("next") == 5
    facts = json.loads(verb("list", "--json"))[0]
    assert facts.pop("next")
    assert facts == {
        "name": "morning",
        "style": "bible",
        "targets": ["folder"],
        "zone": "Europe/Berlin",
        "at": ["09:00", "18:00"],
        "weekdays": "mon-fri",
        "approval": True,
        "temperature": 0.5,
        "blend": ["code", 0.2],
        "paused": False,
    }
    assert len(json.loads(verb("show", "morning", "--json"))["next"]) == 5
    assert "weekdays      mon-fri\n" in verb("show", "morning")
    verb("pause", "morning")
    assert "paused        yes" in verb("show", "morning")
    assert verb("list").splitlines()[1].split()[:2] == ["morning", "paused"]
    assert verb("simulate").endswith("clashes: 0\n")
    verb("resume", "morning")
    assert len(json.loads(verb("simulate", "--days", "14", "--json"))["rows"]) in (19, 20, 21)
    verb("add", "morning", "--style", "code", "--to", "folder", "--every", "6h", "--replace")
    assert json.loads(verb("show", "morning", "--json"))["every"] == "6h"
    verb("remove", "morning")
    assert json.loads(verb("list", "--json")) == []


def test_what_cannot_be_is_refused_with_all_that_is_wrong(verb: Verb) -> None:
    with pytest.raises(UserError) as caught:
        verb("add", "a", "--style", "bibel", "--to", "foldr", "--blend", "cod=0.5", "--at", "09:00")
    for part in ("no style named 'bibel'", "no style named 'cod'", "no account named 'foldr'. Did you mean 'folder'"):
        assert part in str(caught.value)
    with pytest.raises(UserError, match=r"blend\.1 = much: .*; give exactly one of"):
        verb("add", "a", "--style", "bible", "--to", "folder", "--blend", "code=much")


def test_what_is_paid_is_simulated(verb: Verb, home: Path) -> None:
    account = '[[accounts]]\nname = "x"\nplatform = "x"\nclient_id = "a"\nrefresh_token = "b"\n'
    home.mkdir()
    (home / "apocrypha.toml").write_text(account, encoding="utf-8")
    for name, style, extra in (("verse", "bible", []), ("card", "bible", ["--picture"]), ("function", "code", [])):
        verb("add", name, "--style", style, "--to", "x", "--to", "folder", "--at", "09:00", *extra)
    rows = json.loads(verb("simulate", "--start", "2026-10-24", "--days", "1", "--json"))["rows"]
    costs = {row["schedule"]: Decimal(row["cost"]) for row in rows}
    assert costs == {"verse": POST, "card": POST + METADATA, "function": POST + METADATA}


def test_schedules_go_to_a_file_and_come_back(verb: Verb, tmp_path: Path) -> None:
    path = tmp_path / "schedules.toml"
    verb("add", "morning", "--style", "bible", "--to", "folder", "--cron", "0 9 * * 7", "--picture")
    verb("add", "night", "--style", "bible", "--to", "folder", "--window", "21:00-23:00", "--quiet", "22:00-07:00")
    verb("pause", "night")
    path.write_text(verb("export"), "utf-8")
    verb("remove", "night")
    assert verb("apply", str(path), "--dry-run") == "+ night\n1 unchanged; nothing was done (--dry-run)\n"
    assert json.loads(verb("apply", str(path), "--json")) == {
        "added": ["night"],
        "changed": {},
        "removed": [],
        "same": ["morning"],
        "paused": [],
    }
    path.write_text(
        path.read_text("utf-8").replace("0 9", "0 10").replace("schedules.night", "schedules.late"), "utf-8"
    )
    assert verb("apply", str(path)).splitlines() == [
        "+ late",
        "~ morning: cron 0 9 * * 7 -> 0 10 * * 7",
        "- night",
        "0 unchanged",
    ]
    table = verb("simulate", "--file", str(path), "--start", "2026-10-24", "--days", "9").splitlines()
    assert table[0].split() == ["slot", "local", "UTC", "schedule", "what", "cost"]
    assert table[1].split("  ")[:2] == ["2026-10-25 10:00", "Sun 25 10:00 +0000"]
    assert table[-3:] == ["2026-10: posts 1, $0.00", "2026-11: posts 1, $0.00", "clashes: 0"]
