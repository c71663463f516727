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

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.publish.publisher import Parcel, Sent
from bot.store import Attempt, Candidate, Delivery, Leader, Post, Store
from generators.pictures.picture import Picture

BILLED = ("sent", "sending", "unknown", "review")  # states of deliveries that cost something, or may have
_Row = Any  # of a query: it has the columns that were asked for as attributes
DETAIL = 500  # characters kept of what went wrong
CLAIMED = (
    *(Delivery.id, Delivery.key, Delivery.doubtful, Delivery.tries, Delivery.first_try),
    *(Post.schedule, Post.slot, Post.frozen, Post.created, Post.text, Post.picture, Post.alt, Post.width, Post.height),
)


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

        What was written ahead goes out, and is dated, when it is due. Left out are those no longer due: somebody
        dropped them, or another process wrote them.
        """
        by_post = {each.post: each for each in results}
        asked = select(Post.id, Post.schedule, Post.slot, Post.due).where(Post.id.in_(by_post), Post.state == "due")
        written, failed = list[dict[str, Any]](), list[dict[str, Any]]()
        deliveries, candidates = list[dict[str, Any]](), list[dict[str, Any]]()
        with self._store.writing() as session:
            for row in session.execute(asked.order_by(Post.id).with_for_update()):
                result, drafts = by_post[row.id], list(by_post[row.id].rejected)
                if isinstance(result, Unwritten):
                    failed.append({"id": row.id, "state": "failed", "fault": result.fault})
                else:
                    drafts.append((result.written, ""))
                    moment = max(now, row.due)
                    written.append(_frozen(row.id, result, moment))
                    deliveries += _deliveries(row, result.costs, moment)
                candidates += [{"post_id": row.id, "text": text, "fault": fault} for text, fault in drafts]
            for change, rows in (
                (update(Post), written),
                (update(Post), failed),
                (insert(Delivery), deliveries),
                (insert(Candidate), candidates),
            ):
                if rows:
                    session.execute(change, rows)
        return [row["id"] for row in written]

    def claim(self, account: str, now: datetime, rules: Rules) -> list[Claim]:
        """Take what can be done next for an account, `rules.together` at most; it is "sending" from now on.

        Nothing where something is under way. Raise DeposedError where another process leads.
        """
        ours = (Delivery.account == account, Post.state == "ready")
        in_time = (Delivery.state == "unknown") | (Post.expires >= now)
        open_now = (*ours, Delivery.state.in_(("planned", "unknown")), Delivery.not_before <= now, in_time)
        first = select(*CLAIMED).join(Post).where(*open_now).order_by(Delivery.not_before, Delivery.id)
        sending = select(Delivery.id).join(Post).where(*ours, Delivery.state == "sending")
        with self._store.writing() as session:
            leader = select(Leader.number).where(Leader.id == 1).with_for_update(read=True)
            if session.scalar(leader) != self._number:  # and another one cannot take over before we have committed
                raise DeposedError
            if session.scalar(sending.limit(1)):
                return []
            rows = session.execute(first.limit(rules.together)).all()
            if not rows:
                return []
            tries = [_begun(row, now, rules) for row in rows]
            session.execute(update(Delivery), tries)
            whats = ["send" if _repeated(row, now, rules) else "find" for row in rows]
            begun = [
                {"delivery_id": row.id, "what": what, "started": now} for row, what in zip(rows, whats, strict=True)
            ]
            adding = insert(Attempt).returning(Attempt.id, sort_by_parameter_order=True)
            attempts = session.scalars(adding, begun).all()
        return [
            Claim(row.id, attempt, what, row.doubtful, row.tries + 1, _parcel(row))
            for row, attempt, what in zip(rows, attempts, whats, strict=True)
        ]

    def following(self, account: str, now: datetime) -> datetime | None:
        """Return the next moment after `now` at which something may be claimed for an account, None where nothing."""
        open_later = (Delivery.state.in_(("planned", "unknown")), Delivery.not_before > now)
        asked = select(func.min(Delivery.not_before)).where(Delivery.account == account, *open_later)
        with self._store.reading() as session:
            return session.scalar(asked)

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


def key(post: _Row, account: str) -> str:
    """Return what names a post for an account: 64 hexadecimal digits, the same in every try."""
    return hashlib.sha256(json.dumps([post.schedule, post.slot, account]).encode()).hexdigest()


def _new(slot: Slot, now: datetime) -> dict[str, Any]:
    """Return the row of a slot's post."""
    moments = {"due": slot.due, "expires": slot.expires, "created": now}
    return {"schedule": slot.schedule, "slot": slot.name, "order": slot.order, "state": "due", **moments}


def _frozen(post: int, writing: Writing, moment: datetime) -> dict[str, Any]:
    """Return what changes in a post that was written."""
    picture = writing.picture
    return {
        "id": post,
        "state": "waiting" if writing.wait else "ready",
        "frozen": moment,
        "text": writing.text,
        "written": writing.written,
        "receipt": writing.receipt,
        "picture": picture.png if picture else None,
        "alt": picture.alt if picture else "",
        "width": picture.width if picture else 0,
        "height": picture.height if picture else 0,
    }


def _deliveries(row: _Row, costs: Mapping[str, Decimal], moment: datetime) -> list[dict[str, Any]]:
    planned = {"post_id": row.id, "state": "planned", "not_before": moment}
    return [planned | {"account": account, "key": key(row, account), "cost": cost} for account, cost in costs.items()]


def _begun(row: _Row, now: datetime, rules: Rules) -> dict[str, Any]:
    """Return what changes in a delivery with a try: if we die, nobody touches it before our request is surely over."""
    tried = {"tries": row.tries + 1, "first_try": row.first_try or now}
    return {"id": row.id, "state": "sending", "not_before": now + rules.quiet} | tried


def _repeated(row: _Row, now: datetime, rules: Rules) -> bool:
    """Return whether a delivery may be sent; where not, as it may be there already, it is looked for."""
    return not row.doubtful or now - (row.first_try or now) < rules.repeatable


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


def _parcel(row: _Row) -> Parcel:
    picture = Picture(row.picture, row.alt, row.width, row.height) if row.picture else None
    return Parcel(row.text, row.key, row.frozen or row.created, f"{row.schedule} {row.slot}".strip(), picture)
