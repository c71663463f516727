"""The schedules that are kept: added, paused, made those of a file; and posts made of their slots that are due."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, bindparam, case, func, select, type_coerce, update
from sqlalchemy.orm import Session

from bot.outbox import Slot
from bot.store import Schedule, Store
from bot.timetable import WEEK, ScheduleSpec, following, moments, slots
from corpora.errors import UserError, unknown
from generators.registry import Registry

Insert = Callable[
    [Sequence[Slot], datetime], Collection[int]
]  # Outbox.insert: adds what is not there yet, and only that
Entry = tuple[ScheduleSpec, bool | None]  # whether it is paused; None where nothing is said about that


@dataclass(frozen=True)
class Kept:
    """A schedule as it is kept. What was due until `since`, or until `seen`, is none of its business any more."""

    spec: ScheduleSpec
    paused: bool
    since: datetime
    seen: datetime | None

    def start(self, now: datetime, late: timedelta) -> datetime:
        """Return the moment after which its slots count.

        Where that is yet to come, the clock has been set back since it was noted: then what was due up to `late` ago
        counts. What became a post before becomes none again.
        """
        start = max(self.since, self.seen or self.since)
        return start if start <= now else now - late

    def facts(self, now: datetime, count: int) -> dict[str, Any]:
        """Return what is shown of it, with the next `count` moments at which it posts."""
        following = [] if self.paused else moments(self.spec, now, count)
        return {**self.spec.stored, "paused": self.paused, "next": following}


@dataclass
class Changes:
    """What was done, by names, to make the schedules those of a file; `changed` has a line for each.

    `paused` stay so because the file does not say otherwise.
    """

    added: list[str] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)


@dataclass
class Made:
    """What became of schedules looked at: new posts, slots passed over by the catch-up rule, and the next slots."""

    posts: list[int] = field(default_factory=list)
    missed: dict[str, list[str]] = field(default_factory=dict)
    following: dict[str, datetime | None] = field(default_factory=dict)


class Schedules:
    """The schedules of a store. Whoever changes them, every process that makes posts notices."""

    def __init__(self, store: Store) -> None:
        """Work on the schedules of `store`."""
        self._store = store

    def add(self, spec: ScheduleSpec, now: datetime, replace: bool = False) -> None:
        """Keep a schedule from now on; raise UserError where there is one of its name that it is not to `replace`."""
        with self._store.writing() as session:
            row = session.get(Schedule, spec.name)
            if row and not replace:
                raise UserError(f"There is a schedule named '{spec.name}' already; --replace puts this in its place.")
            _put(session, row, spec, row.paused if row else False, now)

    def all(self) -> tuple[list[Kept], list[str]]:
        """Return all schedules by name, and a line for each that cannot be read."""
        kept, broken = [], []
        with self._store.reading() as session:
            for row in session.scalars(select(Schedule).order_by(Schedule.name)):
                try:
                    kept.append(_kept(row))
                except UserError as error:
                    broken.append(str(error))
        return kept, broken

    def get(self, name: str) -> Kept:
        """Return a schedule; raise UserError where there is none of that name."""
        with self._store.reading() as session:
            return _kept(_row(session, name))

    def pause(self, name: str) -> None:
        """Make no posts of a schedule until it is resumed."""
        with self._store.writing() as session:
            _row(session, name).paused = True

    def resume(self, name: str, now: datetime) -> None:
        """Make posts again; what was due meanwhile is not caught up with."""
        with self._store.writing() as session:
            row = _row(session, name)
            if row.paused:
                row.paused, row.since = False, now

    def remove(self, name: str) -> None:
        """Forget a schedule; its posts stay."""
        with self._store.writing() as session:
            session.delete(_row(session, name))

    def apply(self, entries: Iterable[Entry], now: datetime, dry: bool = False) -> Changes:
        """Make the schedules exactly these, or with `dry` only say what that would change.

        One that is not said to be paused or not stays as it is: an unmentioned pause is not undone.
        """
        changes = Changes()
        wanted = {spec.name: (spec, paused) for spec, paused in entries}
        with self._store.writing() as session:
            rows = {row.name: row for row in session.scalars(select(Schedule))}
            changes.removed = sorted(rows.keys() - wanted.keys())
            for name, (spec, paused) in sorted(wanted.items()):
                row = rows.get(name)
                rest = row.paused if row and paused is None else bool(paused)
                if rest and paused is None:
                    changes.paused.append(name)
                if row is None:
                    changes.added.append(name)
                elif told := _difference(row, spec, rest):
                    changes.changed[name] = told
                else:
                    changes.same.append(name)
                    continue
                if not dry:
                    _put(session, row, spec, rest, now)
            if not dry:
                for name in changes.removed:
                    session.delete(rows[name])
        return changes

    def fingerprint(self) -> tuple[object, ...]:
        """Return what is another value after every change that concerns when something is due; cheap to ask for."""
        moments = func.sum(type_coerce(Schedule.since, BigInteger) % (2**31 - 1))  # the sum of them all would not fit
        paused = func.sum(case((Schedule.paused, 1), else_=0))
        with self._store.reading() as session:
            return tuple(session.execute(select(func.count(), paused, moments).select_from(Schedule)).one())

    def stamps(self) -> dict[str, datetime]:
        """Return `since` of all schedules that are not paused: another one where what is due has changed."""
        with self._store.reading() as session:
            return dict(session.execute(_active(Schedule.name, Schedule.since)).all())

    def load(self, names: Collection[str]) -> tuple[list[Kept], list[str]]:
        """Return those of `names` that are there and not paused, and a line for each that cannot be read."""
        kept, broken = [], []
        with self._store.reading() as session:
            for row in session.scalars(_active(Schedule).where(Schedule.name.in_(names))):
                try:
                    kept.append(_kept(row))
                except UserError as error:
                    broken.append(str(error))
        return kept, broken

    def make(self, names: Collection[str], now: datetime, late: timedelta, insert: Insert) -> Made:
        """Make posts of all slots of these schedules that are due, by the catch-up rule of each.

        What is at most `late` is not missed, and made a post by every rule. A death at any point loses and doubles
        nothing: what is inserted but not noted as seen is inserted once more, to no effect.
        """
        made, chosen, seen = Made(), list[Slot](), dict[str, datetime]()
        for kept in self.load(names)[0]:
            spec = kept.spec
            due = list(slots(spec, max(kept.start(now, late), now - max(WEEK, spec.expires)), now))
            made.following[spec.name] = following(spec, now)
            if due:
                seen[spec.name] = due[-1].due
                taken = caught_up(spec, due, now - late)
                chosen += taken
                if passed := [slot.name for slot in due if slot not in taken]:
                    made.missed[spec.name] = passed
        if chosen:
            made.posts = list(insert(sorted(chosen, key=lambda slot: slot.due), now))
        self._note(seen)
        return made

    def _note(self, seen: dict[str, datetime]) -> None:
        if not seen:
            return
        row = update(Schedule).where(Schedule.name == bindparam("which"), Schedule.seen < bindparam("until"))
        # Sorted: two processes cannot wait for each other.
        rows = [{"which": name, "until": _written(moment)} for name, moment in sorted(seen.items())]
        with self._store.writing() as session:
            session.connection().execute(row.values(seen=bindparam("until")), rows)


def caught_up(spec: ScheduleSpec, due: Sequence[Slot], on_time: datetime) -> list[Slot]:
    """Return those of the slots due, in order, that become posts; those due since `on_time` always do."""
    fresh = [slot for slot in due if slot.due >= on_time]
    missed = [slot for slot in due if slot.due < on_time]
    count = {"none": 0, "last": 0 if fresh else 1, "all": spec.most}[spec.catch_up]
    return [*missed[max(len(missed) - count, 0) :], *fresh]


def strangers(specs: Iterable[ScheduleSpec], styles: Registry, accounts: Collection[str]) -> Iterator[str]:
    """Yield a line for each style and account of schedules that there is none of; a style is looked for once."""
    missing = dict[str, str]()  # by style, "" where there is one
    for spec in specs:
        for name in spec.targets:
            if name not in accounts:
                yield f"{spec.name}: {unknown('account', name, accounts)}"
        for style in (spec.style, *(spec.blend or ())[:1]):
            if style not in missing:
                missing[style] = _missing(style, styles)
            if missing[style]:
                yield f"{spec.name}: {missing[style]}"


def _missing(style: str, styles: Registry) -> str:
    try:
        styles.get(style)
    except UserError as error:
        return str(error)
    return ""


def _active(*columns: Any) -> Any:
    return select(*columns).where(Schedule.paused.is_(False))


def _row(session: Session, name: str) -> Schedule:
    row = session.get(Schedule, name)
    if row is None:
        raise unknown("schedule", name, session.scalars(select(Schedule.name)))
    return row


def _put(session: Session, row: Schedule | None, spec: ScheduleSpec, paused: bool, now: datetime) -> None:
    """Write a schedule; where another timing begins, or a pause ends, what was due before is forgotten."""
    if row is None:
        session.add(Schedule(name=spec.name, spec=spec.stored, paused=paused, since=now))
        return
    if _timing(row) != spec.timing or (row.paused and not paused):
        row.since = now
    row.spec, row.paused = spec.stored, paused


def _timing(row: Schedule) -> dict[str, Any]:
    try:
        return _kept(row).spec.timing
    except UserError:
        return {}  # what cannot be read had none


def _kept(row: Schedule) -> Kept:
    spec = ScheduleSpec.checked(row.spec, f"The schedule '{row.name}' in the store")
    return Kept(spec, row.paused, row.since, _read(row.seen) if row.seen else None)


def _difference(row: Schedule, spec: ScheduleSpec, paused: bool) -> str:
    """Return what changes in a schedule, "" for nothing."""
    old, new = row.spec | {"paused": row.paused}, spec.stored | {"paused": paused}
    names = [*old, *(name for name in new if name not in old)]
    return ", ".join(
        f"{name} {_shown(old, name)} -> {_shown(new, name)}" for name in names if old.get(name) != new.get(name)
    )


def _shown(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, "unset")
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _written(moment: datetime) -> str:
    """Write a moment as the store keeps `seen`: the order of the texts is that of the moments."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(seen: str) -> datetime:
    return datetime.strptime(seen, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
