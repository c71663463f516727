"""The verbs below `schedule`. Each parses, calls one thing and prints."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.arguments import Json, print_json

if TYPE_CHECKING:
    from decimal import Decimal

    from bot.schedule import Kept, Schedules
    from bot.settings import Settings
    from bot.simulation import Price, Simulation
    from bot.timetable import ScheduleSpec

SHOWN = 5  # firings that `show` and `add` look ahead

schedule = typer.Typer(help="When what is posted: add, pause, simulate.", no_args_is_help=True)
_now = partial(datetime.now, UTC)

Name = Annotated[str, typer.Argument(help="the schedule's name")]


@schedule.command()
def add(
    name: Name,
    style: Annotated[str, typer.Option(help="the style that is posted")],
    targets: Annotated[list[str], typer.Option("--to", metavar="ACCOUNT", help="where to; more than once for several")],
    at: Annotated[
        list[str] | None, typer.Option(metavar="HH:MM", help="a time of day; more than once for several")
    ] = None,
    window: Annotated[str | None, typer.Option(metavar="HH:MM-HH:MM", help="once a day, some time in it")] = None,
    every: Annotated[str | None, typer.Option(metavar="TIME", help="as 6h or 90m, counted from midnight")] = None,
    cron: Annotated[str | None, typer.Option(help='five fields, as "0 9 * * mon-fri"')] = None,
    weekdays: Annotated[str | None, typer.Option(help="as mon-fri,sun; for --at and --window")] = None,
    zone: Annotated[str | None, typer.Option(help="a time zone, as Europe/Berlin; UTC where not given")] = None,
    jitter: Annotated[str | None, typer.Option(metavar="TIME", help="up to this much later, as 15m")] = None,
    quiet: Annotated[str | None, typer.Option(metavar="HH:MM-HH:MM", help="hours in which nothing is posted")] = None,
    in_quiet: Annotated[str | None, typer.Option(help="what falls into them: move (to their end) or skip")] = None,
    catch_up: Annotated[str | None, typer.Option(help="of what was missed, post none, the last or all")] = None,
    most: Annotated[int | None, typer.Option(help="how many `--catch-up all` makes up for")] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="how late a post may go out; 1h")] = None,
    approval: Annotated[bool | None, typer.Option("--approval", help="posts wait for a person's approval")] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", "-t", help="0 to 5")] = None,
    length: Annotated[int | None, typer.Option(help="the most characters of a text")] = None,
    prefix: Annotated[str | None, typer.Option(help="begin the text with these words")] = None,
    message: Annotated[str | None, typer.Option(help="let the text answer these words")] = None,
    blend: Annotated[str | None, typer.Option(metavar="STYLE=W", help="give another style the part W in it")] = None,
    adapt: Annotated[float | None, typer.Option(help="the part that recent text has in every guess")] = None,
    picture: Annotated[bool | None, typer.Option("--picture/--text", help="or as the style is best read")] = None,
    caption: Annotated[str | None, typer.Option(help="the text beside a picture")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="in the place of one that has this name")] = False,
) -> None:
    """Add a schedule, and show when it posts next."""
    from bot.timetable import ScheduleSpec

    given = {key: value for key, value in locals().items() if value is not None and key in ScheduleSpec.model_fields}
    if blend:
        other, _, weight = blend.partition("=")
        given["blend"] = (other, weight)
    spec = ScheduleSpec.checked(given, f"The schedule '{name}'")
    settings = _settings()
    _check_names(settings, [spec])
    with _opened(settings) as schedules:
        schedules.add(spec, _now(), replace)
    print(f"{name}: {spec.when}, {spec.zone}")
    _print_next(spec)


@schedule.command("list")
def list_all(as_json: Json = False) -> None:
    """List the schedules, and when each posts next."""
    with _opened() as schedules:
        every = _all(schedules)
    if as_json:
        print_json([kept.facts(_now(), 1) for kept in every])
        return
    rows = [
        (
            kept.spec.name,
            _next(kept, 1)[0],
            kept.spec.when,
            str(kept.spec.zone),
            kept.spec.style,
            " ".join(kept.spec.targets),
        )
        for kept in every
    ]
    _print_table([("name", "next", "when", "zone", "style", "to"), *rows])


@schedule.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show a schedule, and when it posts next."""
    with _opened() as schedules:
        kept = schedules.get(name)
    if as_json:
        print_json(kept.facts(_now(), SHOWN))
        return
    given = kept.spec.model_dump(mode="json", include={*kept.spec.stored, "zone", "catch_up", "expires"})
    for field, value in given.items():
        print(f"{field.replace('_', ' '):<14}{' '.join(map(str, value)) if isinstance(value, list) else value}")
    if kept.paused:
        print(f"{'paused':<14}yes")
    else:
        _print_next(kept.spec)


@schedule.command()
def pause(name: Name) -> None:
    """Post nothing of a schedule until it is resumed."""
    with _opened() as schedules:
        schedules.pause(name)


@schedule.command()
def resume(name: Name) -> None:
    """Post again; what was due meanwhile is left out."""
    with _opened() as schedules:
        schedules.resume(name, _now())


@schedule.command()
def remove(name: Name) -> None:
    """Forget a schedule. What it has posted stays."""
    with _opened() as schedules:
        schedules.remove(name)


@schedule.command()
def apply(
    file: Annotated[Path, typer.Argument(help="TOML, with a table [schedules.NAME] for each schedule")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would change")] = False,
    as_json: Json = False,
) -> None:
    """Make the schedules exactly those of a file, and say what that changes."""
    from bot import schedule_file

    entries = schedule_file.read(file)
    settings = _settings()
    _check_names(settings, [spec for spec, _ in entries])
    with _opened(settings) as schedules:
        changes = schedules.apply(entries, _now(), dry_run)
    for name in changes.paused:
        print(f"{name} stays paused: the file does not say otherwise", file=sys.stderr)
    if as_json:
        print_json(vars(changes))
        return
    for name in changes.added:
        print(f"+ {name}")
    for name, told in changes.changed.items():
        print(f"~ {name}: {told}")
    for name in changes.removed:
        print(f"- {name}")
    print(f"{len(changes.same)} unchanged" + ("; nothing was done (--dry-run)" if dry_run else ""))


@schedule.command()
def export() -> None:
    """Print all schedules as a file for `apply`."""
    from bot import schedule_file
    from corpora.errors import UserError

    with _opened() as schedules:
        every, broken = schedules.all()
    if broken:  # `apply` would remove what is not in the file
        raise UserError("\n".join(broken))
    print(schedule_file.write(every), end="")


@schedule.command()
def simulate(
    days: Annotated[int, typer.Option(min=1, max=3660, help="how many days")] = 90,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the first day (UTC); today, now")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="the schedules of this file, not those that there are")] = None,
    near: Annotated[int, typer.Option(min=0, help="posts of one account within so many minutes clash")] = 10,
    as_json: Json = False,
) -> None:
    """Print every post to come of the schedules not paused: when, its cost, clashes, what is moved or skipped."""
    from bot import schedule_file, simulation

    settings = _settings()
    if file:
        specs = [spec for spec, paused in schedule_file.read(file) if not paused]
    else:
        with _opened(settings) as schedules:
            specs = [kept.spec for kept in _all(schedules) if not kept.paused]
    begin = start.replace(tzinfo=UTC) if start else _now()
    found = simulation.simulate(specs, begin, days, _price(settings), timedelta(minutes=near))
    if as_json:
        print_json(_simulated(found))
        return
    _print_simulated(found)


def _settings() -> "Settings":
    from bot import settings

    return settings.load()


@contextmanager
def _opened(settings: "Settings | None" = None) -> "Iterator[Schedules]":
    from bot.schedule import Schedules
    from bot.store import Store

    store = Store((settings or _settings()).database)
    try:
        yield Schedules(store)
    finally:
        store.close()


def _all(schedules: "Schedules") -> "list[Kept]":
    every, broken = schedules.all()
    for line in broken:
        print(line, file=sys.stderr)
    return every


def _check_names(settings: "Settings", specs: "Sequence[ScheduleSpec]") -> None:
    """Raise UserError with every style and account that there is none of."""
    from bot.schedule import strangers
    from corpora.errors import UserError
    from generators import registry

    styles, accounts = registry.find(settings.plugins), [account.name for account in settings.targets]
    if told := list(strangers(specs, styles, accounts)):
        raise UserError("\n".join(told))


def _price(settings: "Settings") -> "Price":
    """Return what tells the price of a schedule's post for an account."""
    from bot.publish import prices
    from generators import registry

    styles = registry.find(settings.plugins).plugins
    platforms = {account.name: account.platform for account in settings.targets}

    def price(spec: "ScheduleSpec", account: str) -> "Decimal":
        picture = spec.picture
        if picture is None:
            picture = spec.style in styles and styles[spec.style].manifest.picture != "card"
        return prices.price(platforms.get(account, ""), picture)

    return price


def _next(kept: "Kept", count: int) -> list[str]:
    following = ["paused"] if kept.paused else kept.facts(_now(), count)["next"]
    return [moment.replace("T", " ") for moment in following] or ["never"]


def _print_next(spec: "ScheduleSpec") -> None:
    from bot.timetable import moments

    for moment in moments(spec, _now(), SHOWN):
        print(f"{'next':<14}{moment.replace('T', ' ')}")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _simulated(found: "Simulation") -> dict[str, Any]:
    rows = [
        vars(row) | {"local": row.local.isoformat(), "utc": row.utc.isoformat(), "cost": str(row.cost)}
        for row in found.rows
    ]
    costs = {month: str(cost) for month, cost in found.costs.items()}
    return {"rows": rows, "posts": found.posts, "costs": costs, "clashes": found.clashes}


def _print_simulated(found: "Simulation") -> None:
    rows = [
        (
            row.slot.replace("T", " "),
            "" if row.skipped else f"{row.local:%a %d %H:%M %z}",
            "" if row.skipped else f"{row.utc:%d %H:%M}",
            row.schedule,
            "" if row.skipped else f"{row.style} -> {' '.join(row.targets)}",
            f"${row.cost}" if row.cost else "",
            "; ".join(row.notes),
        )
        for row in found.rows
    ]
    _print_table([("slot", "local", "UTC", "schedule", "what", "cost", ""), *rows])
    for month, count in found.posts.items():
        print(f"{month}: posts {count:,}, ${found.costs[month]:.2f}")
    print(f"clashes: {found.clashes:,}")
