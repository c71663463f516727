"""What is kept of posts, as plain values for people and scripts."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from bot.outbox import BILLED
from bot.store import Delivery, Post, Store
from corpora.errors import UserError

Row = dict[str, Any]


class Ledger:
    """Reads a store."""

    def __init__(self, store: Store) -> None:
        """Read `store`."""
        self._store = store

    def posts(self, count: int, state: str | None = None) -> list[Row]:
        """Return the latest posts, those with a `state` of their own or of one of their deliveries."""
        asked = select(Post).order_by(Post.id.desc()).limit(count).options(selectinload(Post.deliveries))
        if state:
            asked = asked.where((Post.state == state) | Post.deliveries.any(Delivery.state == state))
        with self._store.reading() as session:
            return [_post(row) for row in session.scalars(asked)]

    def states(self) -> dict[tuple[str, str], int]:
        """Return how many deliveries of each account are in each state."""
        asked = select(Delivery.account, Delivery.state, func.count()).group_by(Delivery.account, Delivery.state)
        with self._store.reading() as session:
            return {(account, state): count for account, state, count in session.execute(asked)}

    def overdue(self, now: datetime) -> list[float]:
        """Return by how many seconds each post is late that was due before `now` and is not over."""
        planned = Post.deliveries.any(Delivery.state.in_(("planned", "sending")))
        asked = select(Post.due).where(Post.due < now, (Post.state == "due") | planned)
        with self._store.reading() as session:
            return [(now - due).total_seconds() for due in session.scalars(asked)]

    def costs(self, caps: Mapping[str, Decimal | None]) -> list[Row]:
        """Return what each account has cost in each month (UTC), and may have cost; `caps` are dollars a month."""
        asked = select(Delivery.account, Delivery.first_try, Delivery.cost).where(Delivery.state.in_(BILLED))
        months = defaultdict[tuple[str, str], list[Decimal]](list)
        with self._store.reading() as session:
            for account, moment, cost in session.execute(asked):
                months[f"{moment:%Y-%m}", account].append(cost)
        return [
            {
                "month": month,
                "account": account,
                "posts": len(costs),
                "cost": str(sum(costs)),
                "cap": None if caps.get(account) is None else str(caps[account]),
            }
            for (month, account), costs in sorted(months.items())
        ]

    def post(self, number: int) -> Row:
        """Return all that is kept of a post; raise UserError where there is none of that number."""
        with self._store.reading() as session:
            row = session.get(Post, number)
            if row is None:
                raise UserError(f"There is no post {number}; `apocrypha posts list` shows those there are.")
            attempts = {each.account: [_plain(attempt) for attempt in each.attempts] for each in row.deliveries}
            found = _post(row) | {
                "order": row.order,
                "receipt": row.receipt,
                "alt": row.alt,
                "candidates": [{"text": each.text, "fault": each.fault} for each in row.candidates],
                "decisions": [_plain(each) for each in row.decisions],
            }
            for delivery in found["deliveries"]:
                delivery["attempts"] = attempts[delivery["account"]]
            return found


def _post(row: Post) -> Row:
    fields = _plain(row, "id", "schedule", "slot", "state", "due", "expires", "written", "text", "fault")
    names = ("account", "state", "tries", "not_before", "url", "remote", "error", "cost", "sent")
    return fields | {
        "picture": row.picture is not None,
        "deliveries": [_plain(each, *names) for each in row.deliveries],
    }


def _plain(row: Any, *names: str) -> Row:
    """Return fields of a row as JSON has them; all columns but the keys where none are named."""
    chosen = names or [each.key for each in row.__table__.columns if each.key != "id" and not each.key.endswith("_id")]
    values = {name: getattr(row, name) for name in chosen}
    return {name: _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value if value is None or isinstance(value, str | int | bool) else str(value)
