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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import contains_eager

from bot.publish.publisher import Parcel, Sent
from bot.store import Attempt, Candidate, Delivery, Leader, Post, Store
from generators.pictures.picture import Picture

BILLED = ("sent", "sending", "unknown", "review")  # states of deliveries that cost something, or may have
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
    """A text that was written for a post, what it costs by account, and all drafts that were not taken.

    It goes out at once, or has to `wait` for approval.
    """

    post: int
    text: str
    written: str
    receipt: dict[str, Any]
    costs: Mapping[str, Decimal]
    wait: bool = False
    picture: Picture | None = None
    rejected: Sequence[tuple[str, str]] = ()  # (draft, what was against it)


@dataclass(frozen=True)
class Unwritten:
    """A post that nothing could be written for, why, and all drafts that were not taken."""

    post: int
    fault: str
    rejected: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Rules:
    """How an account may be treated: see Publisher.repeatable and `together`; `quiet` is its timeout and a margin."""

    repeatable: timedelta
    quiet: timedelta
    together: int = 1


@dataclass(frozen=True)
class Claim:
    """A delivery that is ours for now: `what` is to be done is "send" or "find"; `tries` counts this one."""

    delivery: int
    attempt: int
    what: str
    doubtful: bool  # an earlier try may have arrived
    tries: int
    parcel: Parcel


@dataclass(frozen=True)
class Outcome:
    """What came of a claim: `sent`, or the delivery's new state, the reason for it, and how long to leave it alone."""

    claim: Claim
    state: str
    reason: str = ""
    wait: timedelta = timedelta(0)
    sent: Sent | None = None


class Outbox:
    """The posts of a store, for one who delivers (`lead` first) or for one who only asks and decides."""

    def __init__(self, store: Store) -> None:
        """Work on the posts of `store`."""
        self._store = store
        self._number = 0  # ours as a leader

    def lead(self, accounts: Collection[str]) -> None:
        """Become the one who delivers, for these accounts; whoever was it before can claim nothing more.

        Its open tries are unknown now; those for an account that there is no more need a person's review.
        """
        with self._store.writing() as session:
            leader = session.get(Leader, 1, with_for_update=True)
            if leader is None:
                leader = Leader(id=1, number=0)
                session.add(leader)
            leader.number += 1
            self._number = leader.number
            left = update(Delivery).where(Delivery.state == "sending")
            session.execute(left.values(state="unknown", doubtful=True))
            lost = update(Delivery).where(Delivery.state == "unknown", Delivery.account.not_in(accounts))
            session.execute(lost.values(state="review", error="the settings have no account of this name any more"))

    def insert(self, slots: Iterable[Slot], now: datetime) -> list[int]:
        """Add a post for each slot that has none yet; return the new ones' numbers."""
        kind = postgresql if self._store.engine.dialect.name == "postgresql" else sqlite
        adding = kind.insert(Post).on_conflict_do_nothing(index_elements=["schedule", "slot"]).returning(Post.id)
        rows = [_new(slot, now) for slot in slots]
        with self._store.writing() as session:
            return list(session.scalars(adding, rows)) if rows else []

    def expire(self, now: datetime) -> None:
        """Give up what has not gone out in time: posts that are not written or approved, and planned deliveries."""
        late = Post.expires < now
        planned = update(Delivery).where(Delivery.state == "planned", Delivery.post.has(late))
        unready = update(Post).where(Post.state.in_(("due", "waiting")), late)
        with self._store.writing() as session:
            for each in (planned, unready):
                session.execute(each.values(state="expired"))

    def to_write(self, now: datetime, count: int, besides: Collection[int] = ()) -> list[Post]:
        """Return up to `count` posts that are due and not written yet, the earliest first, `besides` some."""
        due = (Post.state == "due", Post.due <= now, Post.expires >= now, Post.id.not_in(besides))
        with self._store.reading() as session:
            return list(session.scalars(select(Post).where(*due).order_by(Post.due, Post.id).limit(count)))

    def freeze(self, results: Iterable[Writing | Unwritten], now: datetime) -> list[int]:
        """Freeze what was written and plan its deliveries, or have it wait for approval first; return these posts.

        Left out are those no longer due: somebody dropped them, or another process wrote them.
        """
        by_post = {each.post: each for each in results}
        due = select(Post).where(Post.id.in_(by_post), Post.state == "due").order_by(Post.id).with_for_update()
        frozen = list[int]()
        with self._store.writing() as session:
            for row in session.scalars(due):
                result = by_post[row.id]
                drafts = list(result.rejected)
                if isinstance(result, Unwritten):
                    row.state, row.fault = "failed", result.fault
                else:
                    drafts.append((result.written, ""))
                    _put(row, result, now)
                    session.add_all(_deliveries(row, result.costs, now))
                    frozen.append(row.id)
                session.add_all(Candidate(post_id=row.id, text=text, fault=fault) for text, fault in drafts)
        return frozen

    def claim(self, account: str, now: datetime, rules: Rules) -> list[Claim]:
        """Take what can be done next for an account, `rules.together` at most; it is "sending" from now on.

        Nothing where something is under way. Raise DeposedError where another process leads.
        """
        with self._store.writing() as session:
            leader = select(Leader.number).where(Leader.id == 1).with_for_update(read=True)
            if session.scalar(leader) != self._number:  # and another one cannot take over before we have committed
                raise DeposedError
            ready = select(Delivery).join(Post).where(Delivery.account == account, Post.state == "ready")
            if session.scalar(ready.where(Delivery.state == "sending").limit(1)):
                return []
            in_time = (Delivery.state == "unknown") | (Post.expires >= now)
            open_now = ready.where(Delivery.state.in_(("planned", "unknown")), Delivery.not_before <= now, in_time)
            whole = open_now.options(contains_eager(Delivery.post))
            rows = list(session.scalars(whole.order_by(Delivery.not_before, Delivery.id).limit(rules.together)))
            attempts = [_begun(row, now, rules) for row in rows]
            session.add_all(attempts)
            session.flush()
            return [
                Claim(row.id, attempt.id, attempt.what, row.doubtful, row.tries, _parcel(row))
                for row, attempt in zip(rows, attempts, strict=True)
            ]

    def settle(self, outcomes: Collection[Outcome], now: datetime) -> None:
        """Note what came of claims; what was paid goes on the account's bill, though the try was another one's."""
        with self._store.writing() as session:
            session.execute(update(Attempt), [_ended(each, now) for each in outcomes])
            for known in (True, False):  # each kind sets columns of its own
                if rows := [_settled(each, now) for each in outcomes if bool(each.sent) == known]:
                    session.execute(update(Delivery), rows)

    def spent(self, account: str, since: datetime) -> Decimal:
        """Return the dollars that an account has cost since a moment, and may have cost where nobody knows."""
        with self._store.reading() as session:
            billed = (Delivery.account == account, Delivery.state.in_(BILLED), Delivery.first_try >= since)
            return sum(session.scalars(select(Delivery.cost).where(*billed)), Decimal(0))

    def recent(self, account: str, count: int) -> list[str]:
        """Return what was written last for an account, sent or still to be sent, the newest first."""
        with self._store.reading() as session:
            asked = select(Post.written).join(Delivery).where(Delivery.account == account, Post.written != "")
            return list(session.scalars(asked.order_by(Delivery.id.desc()).limit(count)))


def key(post: Post, account: str) -> str:
    """Return what names a post for an account: 64 hexadecimal digits, the same in every try."""
    return hashlib.sha256(json.dumps([post.schedule, post.slot, account]).encode()).hexdigest()


def _new(slot: Slot, now: datetime) -> dict[str, Any]:
    """Return the row of a slot's post."""
    moments = {"due": slot.due, "expires": slot.expires, "created": now}
    return {"schedule": slot.schedule, "slot": slot.name, "order": slot.order, "state": "due", **moments}


def _put(row: Post, writing: Writing, now: datetime) -> None:
    row.state, row.frozen = "waiting" if writing.wait else "ready", now
    row.text, row.written, row.receipt = writing.text, writing.written, writing.receipt
    row.picture = writing.picture.png if writing.picture else None
    row.alt = writing.picture.alt if writing.picture else ""
    row.width, row.height = (writing.picture.width, writing.picture.height) if writing.picture else (0, 0)


def _deliveries(row: Post, costs: Mapping[str, Decimal], now: datetime) -> list[Delivery]:
    return [
        Delivery(post_id=row.id, account=account, key=key(row, account), state="planned", not_before=now, cost=cost)
        for account, cost in costs.items()
    ]


def _begun(row: Delivery, now: datetime, rules: Rules) -> Attempt:
    """Begin a try of a delivery: it is sent, or looked for where it may be there and a repetition is not safe."""
    row.first_try = row.first_try or now
    repeated = not row.doubtful or now - row.first_try < rules.repeatable
    row.state, row.tries = "sending", row.tries + 1
    row.not_before = now + rules.quiet  # if we die, nobody touches it before our request is surely over
    return Attempt(what="send" if repeated else "find", started=now, delivery_id=row.id)


def _ended(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return what changes in an attempt after it."""
    detail = outcome.sent.posted.id if outcome.sent else outcome.reason
    return {"id": outcome.claim.attempt, "ended": now, "outcome": outcome.state, "detail": detail[:DETAIL]}


def _settled(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return what changes in a delivery after a try."""
    row = {"id": outcome.claim.delivery, "state": outcome.state, "not_before": now + outcome.wait}
    if (sent := outcome.sent) is None:
        return row | {"error": outcome.reason[:DETAIL], "doubtful": outcome.state in ("unknown", "review")}
    there = {"remote": sent.posted.id, "url": sent.posted.url, "sent": now, "cost": sent.cost}
    return row | there | {"error": "", "doubtful": False}


def _parcel(row: Delivery) -> Parcel:
    post = row.post
    picture = Picture(post.picture, post.alt, post.width, post.height) if post.picture else None
    return Parcel(post.text, row.key, post.frozen or post.created, f"{post.schedule} {post.slot}".strip(), picture)
