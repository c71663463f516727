"""What schedules will do, before they do it: each post in local time, what it costs, and what stands in its way."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, takewhile

from bot.timetable import Firing, ScheduleSpec, firings

Price = Callable[[ScheduleSpec, str], Decimal]
NEAR = timedelta(minutes=10)  # two posts of an account within this clash


@dataclass
class Row:
    """A slot: by whose local time it is named, when it is due there and in UTC, and what there is to say about it."""

    schedule: str
    style: str
    slot: str
    local: datetime
    utc: datetime
    targets: tuple[str, ...]
    cost: Decimal
    skipped: bool
    notes: list[str] = field(default_factory=list)


@dataclass
class Simulation:
    """All rows as they fall due, and what is posted and paid in each month (of local time)."""

    rows: list[Row]
    posts: dict[str, int]
    costs: dict[str, Decimal]

    @property
    def clashes(self) -> int:
        """Return how many posts clash with another one."""
        return sum(any(note.startswith("clashes") for note in row.notes) for row in self.rows)


def simulate(
    specs: Iterable[ScheduleSpec],
    start: datetime,
    days: int,
    price: Price,
    near: timedelta = NEAR,
) -> Simulation:
    """Run schedules for some days from a moment on; a `price` is that of a schedule's post for an account."""
    end = start + timedelta(days=days)
    rows = []
    for spec in specs:
        within = takewhile(lambda firing: firing.due <= end, firings(spec, start))
        rows += [_row(spec, firing, price) for firing in within]
    rows.sort(key=lambda row: (row.utc, row.schedule))
    _find_clashes(rows, near)
    posts, costs = defaultdict[str, int](int), defaultdict[str, Decimal](Decimal)
    for row in rows:
        if not row.skipped:
            posts[f"{row.local:%Y-%m}"] += len(row.targets)
            costs[f"{row.local:%Y-%m}"] += row.cost
    return Simulation(rows, dict(sorted(posts.items())), dict(sorted(costs.items())))


def _row(spec: ScheduleSpec, firing: Firing, price: Price) -> Row:
    local = firing.due.astimezone(spec.zone)
    cost = Decimal(0) if firing.skipped else sum((price(spec, account) for account in spec.targets), Decimal(0))
    notes = [firing.note] if firing.note else []
    twice = firing.local.replace(tzinfo=spec.zone, fold=1).astimezone(UTC).astimezone(spec.zone)
    if not firing.skipped and twice.fold:
        notes.append(f"{firing.local:%H:%M} comes twice; the first counts")
    return Row(spec.name, spec.style, firing.name, local, firing.due, spec.targets, cost, firing.skipped, notes)


def _find_clashes(rows: Iterable[Row], near: timedelta) -> None:
    """Note on both of two posts of one account that they are near each other; each has a note for each neighbour."""
    by_account = defaultdict[str, list[Row]](list)
    for row in rows:
        if not row.skipped:
            for account in row.targets:
                by_account[account].append(row)
    for account, posts in by_account.items():
        for first, second in pairwise(posts):
            if second.utc - first.utc < near:
                first.notes.append(f"clashes with {second.schedule} on {account}")
                second.notes.append(f"clashes with {first.schedule} on {account}")
