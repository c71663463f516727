"""What is kept of posts, as plain values for people and scripts."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

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
