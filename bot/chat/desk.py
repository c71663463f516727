"""What admins do from a chat: posts, schedules, and decisions about posts that wait for approval."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, select

from bot.accounts import Accounts
from bot.chat_tables import Mark, Notice
from bot.decisions import Decisions
from bot.ledger import Ledger, Row
from bot.outbox import Outbox, Slot
from bot.publish.publisher import Publisher
from bot.schedule import Kept, Schedules
from bot.store import Post, Store
from bot.timetable import ScheduleSpec, following
from bot.writing import PostOrder
from corpora.errors import UserError, faults, unknown
from generators.registry import Registry

EXPIRES = timedelta(hours=1)  # after which a post by hand, should nothing have worked till then, stays unposted


@dataclass(frozen=True)
class Desk:
    """Works on the posts and schedules of `store`; `ring` says that there is something to write.

    `publishers`, by account, are asked whether an edited text fits.
    """

    store: Store
    accounts: Accounts
    publishers: Mapping[str, Publisher]
    registry: Registry
    clock: Callable[[], datetime]
    ring: Callable[[], object]

    def post(self, name: str, fields: dict[str, Any], allowed: Collection[str]) -> int | None:
        """Have a post written and delivered; return its number, None where there is one of this `name` already."""
        try:
            order = PostOrder.model_validate(fields)
        except ValidationError as error:
            raise UserError(f"This post cannot be written: {faults(error)}.") from error
        self._check(order.style, order.targets, allowed)
        now = self.clock()
        slot = Slot("", name, order.model_dump(mode="json"), now, now + EXPIRES)
        numbers = list(Outbox(self.store).insert([slot], now))
        self.ring()
        return numbers[0] if numbers else None

    def outcome(self, post: int) -> Row:
        """Return what became of a post."""
        return Ledger(self.store).post(post)

    def schedule(self, fields: dict[str, Any], allowed: Collection[str]) -> tuple[ScheduleSpec, datetime | None]:
        """Keep a new schedule; return it, and when it posts next."""
        spec = ScheduleSpec.checked(fields, f"The schedule '{fields['name']}'")
        self._check(spec.style, spec.targets, allowed)
        Schedules(self.store).add(spec, self.clock())
        return spec, following(spec, self.clock())

    def schedules(self, allowed: Collection[str]) -> list[tuple[Kept, datetime | None]]:
        """Return the schedules that post to none but `allowed` accounts, and when each posts next."""
        kept = [each for each in Schedules(self.store).all()[0] if set(each.spec.targets) <= set(allowed)]
        return [(each, None if each.paused else following(each.spec, self.clock())) for each in kept]

    def change_schedule(self, what: str, name: str, allowed: Collection[str]) -> None:
        """Pause, resume or remove a schedule; raise UserError where there is none of that name to be changed."""
        names = [kept.spec.name for kept, _ in self.schedules(allowed)]
        if name not in names:
            raise unknown("schedule", name, names)
        schedules = Schedules(self.store)
        if what == "resume":
            schedules.resume(name, self.clock())
        else:
            {"pause": schedules.pause, "remove": schedules.remove}[what](name)

    def waiting(self) -> list[Post]:
        """Return the posts that wait for approval."""
        return Decisions(self.store, "").waiting()

    def decide(self, who: str, what: str, post: int, text: str = "") -> None:
        """Approve, edit, redraw, drop or retry a post as `who`; raise UserError where it is in no state for that."""
        decisions, now = Decisions(self.store, who, self.publishers), self.clock()
        if what == "edit":
            decisions.edit(post, text, now)
        else:
            deciding: dict[str, Callable[[int, datetime], object]] = {
                "approve": decisions.approve,
                "redraw": decisions.redraw,
                "drop": decisions.drop,
                "retry": decisions.retry,
            }
            deciding[what](post, now)
        self.ring()

    def notices(self) -> list[Notice]:
        """Return the messages that show posts."""
        with self.store.reading() as session:
            return list(session.scalars(select(Notice)))

    def note(self, post: Post, channel: int, message: int) -> None:
        """Keep that a message shows a post as it is now."""
        with self.store.writing() as session:
            session.merge(Notice(post_id=post.id, channel=channel, message=message, digest=_digest(post)))

    def forget_notice(self, post: int) -> None:
        """Forget the message that showed a post."""
        with self.store.writing() as session:
            session.execute(delete(Notice).where(Notice.post_id == post))

    def mark(self, name: str) -> str:
        """Return a small thing that was kept, "" where it was not."""
        with self.store.reading() as session:
            row = session.get(Mark, name)
            return row.value if row else ""

    def set_mark(self, name: str, value: str) -> None:
        """Keep a small thing."""
        with self.store.writing() as session:
            session.merge(Mark(name=name, value=value))

    def _check(self, style: str, targets: Collection[str], allowed: Collection[str]) -> None:
        self.registry.get(style)
        for name in targets:
            if name not in allowed:
                raise unknown("account", name, allowed)


def is_shown(notice: Notice, post: Post) -> bool:
    """Return whether a message shows a post as it is now."""
    return notice.digest == _digest(post)


def _digest(post: Post) -> str:
    return hashlib.sha256(f"{post.text}\0{post.written}".encode()).hexdigest()[:16]
