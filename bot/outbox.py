"""Posts and their deliveries: every change of state is here, each in one transaction.

    a post      due -> ready | waiting -> ready | dropped | expired | failed
    a delivery  planned -> sending -> sent
                                   -> planned   it certainly did not arrive, and may later
                                   -> failed    it certainly did not arrive, and never will
                                   -> unknown   nobody knows; so is what a dead process left in "sending"
                                   -> review    nobody can find out
                unknown -> sending ...
                planned -> expired, dropped

"ready" means that its deliveries are planned. What is posted is frozen in the same transaction that plans them: text,
picture, key and moment are the same in every try.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.publish.publisher import Parcel, Sent
from bot.store import Attempt, Candidate, Delivery, Leader, Post, Store
from generators.pictures.picture import Picture

OPEN = ("planned", "sending", "unknown")  # states in which something may still happen by itself
DETAIL = 500  # characters kept of what went wrong


class DeposedError(Exception):
    """Another process delivers now; this one must stop."""


@dataclass(frozen=True)
class Slot:
    """What a schedule wants at one moment; `order` is what is to be written, and for whom."""

    schedule: str
    name: str
    order: dict[str, Any]
    due: datetime
    expires: datetime


@dataclass(frozen=True)
class Writing:
    """A text that was written for a post, and all that was not taken."""

    text: str
    written: str
    receipt: dict[str, Any]
    picture: Picture | None = None
    rejected: Sequence[tuple[str, str]] = field(default=())  # (draft, what was against it)


@dataclass(frozen=True)
class Rules:
    """How an account may be treated: see Publisher.repeatable; `quiet` is its timeout and a margin."""

    repeatable: timedelta
    quiet: timedelta


@dataclass(frozen=True)
class Claim:
    """A delivery that is ours for now: `what` is to be done is "send" or "find"; `tries` counts this one."""

    delivery: int
    attempt: int
    what: str
    doubtful: bool  # an earlier try may have arrived
    tries: int
    parcel: Parcel


class Outbox:
    """The posts of a store, for one who delivers (`lead` first) or for one who only asks and decides."""

    def __init__(self, store: Store) -> None:
        """Work on the posts of `store`."""
        self._store = store
        self._number = 0  # ours as a leader

    def lead(self) -> None:
        """Become the one who delivers; whoever was it before can claim nothing more. Its open tries are unknown now."""
        with self._store.writing() as session:
            leader = session.get(Leader, 1, with_for_update=True)
            if leader is None:
                leader = Leader(id=1, number=0)
                session.add(leader)
            leader.number += 1
            self._number = leader.number
            left = update(Delivery).where(Delivery.state == "sending")
            session.execute(left.values(state="unknown", doubtful=True))

    def insert(self, slots: Iterable[Slot], now: datetime) -> list[int]:
        """Add a post for each slot that has none yet; return the new ones' numbers."""
        added = list[int]()
        with self._store.writing() as session:
            for slot in slots:
                row = {"schedule": slot.schedule, "slot": slot.name, "order": slot.order, "due": slot.due}
                row |= {
                    "expires": slot.expires,
                    "state": "due",
                    "created": now,
                    "written": "",
                    "text": "",
                    "alt": "",
                    "fault": "",
                    "width": 0,
                    "height": 0,
                }
                kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
                adding = kind.insert(Post).values(row).on_conflict_do_nothing(index_elements=["schedule", "slot"])
                added += session.execute(adding.returning(Post.id)).scalars()
        return added

    def to_write(self, now: datetime, count: int) -> list[Post]:
        """Return up to `count` posts that are due and not written yet, the earliest first; expire those too late."""
        with self._store.writing() as session:
            late = update(Post).where(Post.state == "due", Post.expires < now).values(state="expired")
            session.execute(late)
            asked = select(Post).where(Post.state == "due", Post.due <= now).order_by(Post.due, Post.id).limit(count)
            return list(session.scalars(asked))

    def freeze(self, post: int, writing: Writing, costs: dict[str, Decimal], wait: bool, now: datetime) -> bool:
        """Freeze what was written and plan its deliveries, `costs` by account, or `wait` for approval first.

        Return False where the post is no longer due: somebody dropped it, or another process wrote it.
        """
        with self._store.writing() as session:
            row = self._post(session, post, "due")
            if row is None:
                return False
            row.state, row.frozen = "waiting" if wait else "ready", now
            _put(row, writing)
            row.candidates += [
                Candidate(text=text, fault=fault) for text, fault in (*writing.rejected, (writing.written, ""))
            ]
            row.deliveries = [
                Delivery(account=account, key=key(row, account), state="planned", not_before=now, cost=cost)
                for account, cost in costs.items()
            ]
            return True

    def unwritten(self, post: int, fault: str, rejected: Sequence[tuple[str, str]] = ()) -> None:
        """Give a post up for which nothing could be written."""
        with self._store.writing() as session:
            row = self._post(session, post, "due")
            if row:
                row.state, row.fault = "failed", fault
                row.candidates += [Candidate(text=text, fault=fault) for text, fault in rejected]

    def claim(self, account: str, now: datetime, rules: Rules) -> Claim | None:
        """Take the next delivery of an account that something can be done about; it is "sending" from now on.

        One at a time. Raise DeposedError where another process leads.
        """
        with self._store.writing() as session:
            if session.scalar(select(Leader.number).where(Leader.id == 1)) != self._number:
                raise DeposedError
            ready = select(Delivery).join(Post).where(Delivery.account == account, Post.state == "ready")
            if session.scalar(ready.where(Delivery.state == "sending").limit(1)):
                return None
            for late in session.scalars(ready.where(Delivery.state == "planned", Post.expires < now)):
                late.state = "expired"
            waiting = ready.where(Delivery.state.in_(("planned", "unknown")), Delivery.not_before <= now)
            row = session.scalar(waiting.order_by(Delivery.not_before, Delivery.id).limit(1))
            if row is None:
                return None
            row.first_try = row.first_try or now
            repeated = not row.doubtful or now - row.first_try < rules.repeatable
            row.state, row.tries = "sending", row.tries + 1
            row.not_before = now + rules.quiet  # if we die, nobody touches it before our request is surely over
            attempt = Attempt(what="send" if repeated else "find", started=now, delivery_id=row.id)
            session.add(attempt)
            session.flush()
            return Claim(row.id, attempt.id, attempt.what, row.doubtful, row.tries, _parcel(row))

    def next_moment(self, account: str) -> datetime | None:
        """Return when something may be done next for an account, None where nothing is planned."""
        with self._store.reading() as session:
            ready = (Delivery.account == account, Post.state == "ready", Delivery.state.in_(("planned", "unknown")))
            return session.scalar(select(func.min(Delivery.not_before)).join(Post).where(*ready))

    def arrived(self, claim: Claim, sent: Sent, now: datetime) -> None:
        """Note that it is there; what was paid goes on the account's bill, though the try was another one's."""
        with self._store.writing() as session:
            row = self._settled(session, claim, "sent", sent.posted.id, now)
            row.remote, row.url, row.sent, row.error = sent.posted.id, sent.posted.url, now, ""
            row.cost, row.doubtful = sent.cost, False

    def settle(self, claim: Claim, state: str, reason: str, now: datetime, until: datetime | None = None) -> None:
        """Note that it is not there, or ("unknown", "review") that nobody knows; nothing is tried before `until`."""
        with self._store.writing() as session:
            row = self._settled(session, claim, state, reason, now)
            row.error, row.doubtful = reason[:DETAIL], state in ("unknown", "review")
            row.not_before = until or now

    def spent(self, account: str, since: datetime) -> Decimal:
        """Return the dollars that an account has cost since a moment, and may have cost where nobody knows."""
        with self._store.reading() as session:
            billed = Delivery.state.in_(("sent", "sending", "unknown", "review"))
            asked = select(Delivery.cost).where(Delivery.account == account, billed, Delivery.first_try >= since)
            return sum(session.scalars(asked), Decimal(0))

    def recent(self, account: str, count: int) -> list[str]:
        """Return what was written last for an account, sent or still to be sent, the newest first."""
        with self._store.reading() as session:
            asked = select(Post.written).join(Delivery).where(Delivery.account == account, Post.written != "")
            return list(session.scalars(asked.order_by(Post.id.desc()).limit(count)))

    @staticmethod
    def _settled(session: Session, claim: Claim, state: str, detail: str, now: datetime) -> Delivery:
        row = session.get_one(Delivery, claim.delivery)
        row.state = state
        attempt = session.get_one(Attempt, claim.attempt)
        attempt.ended, attempt.outcome, attempt.detail = now, state, detail[:DETAIL]
        return row

    @staticmethod
    def _post(session: Session, post: int, state: str) -> Post | None:
        """Return a post to change, locked, if it is in this state."""
        row = session.get(Post, post, with_for_update=True)
        return row if row and row.state == state else None


def key(post: Post, account: str) -> str:
    """Return what names a post for an account: 64 hexadecimal digits, the same in every try."""
    return hashlib.sha256(json.dumps([post.schedule, post.slot, account]).encode()).hexdigest()


def _put(row: Post, writing: Writing) -> None:
    row.text, row.written, row.receipt = writing.text, writing.written, writing.receipt
    row.picture = writing.picture.png if writing.picture else None
    row.alt = writing.picture.alt if writing.picture else ""
    row.width, row.height = (writing.picture.width, writing.picture.height) if writing.picture else (0, 0)


def _parcel(row: Delivery) -> Parcel:
    post = row.post
    picture = Picture(post.picture, post.alt, post.width, post.height) if post.picture else None
    return Parcel(post.text, row.key, post.frozen or post.created, f"{post.schedule} {post.slot}".strip(), picture)
