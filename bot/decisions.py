"""What a person decides about posts: approve, edit, redraw, drop, try again. Each decision is kept with who made it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.publish.publisher import Publisher
from bot.store import Decision, Post, Store
from corpora.errors import UserError

TRIED = ("failed", "expired", "review")  # deliveries that a person may have tried once more


class Decisions:
    """The decisions of one person; raises UserError where a post is not in a state for them."""

    def __init__(self, store: Store, who: str, publishers: Mapping[str, Publisher] | None = None) -> None:
        """Decide on posts of `store` as `who`; `publishers`, by account, are asked whether an edited text fits."""
        self._store, self._who, self._publishers = store, who, publishers or {}

    def waiting(self) -> list[Post]:
        """Return the posts that wait for approval, the earliest first."""
        with self._store.reading() as session:
            return list(session.scalars(select(Post).where(Post.state == "waiting").order_by(Post.due)))

    def approve(self, post: int, now: datetime) -> None:
        """Let a waiting post go out."""
        with self._store.writing() as session:
            row = self._decided(session, post, "approve", ("waiting",), now)
            row.state, row.frozen = "ready", now

    def edit(self, post: int, text: str, now: datetime) -> None:
        """Give a waiting post another text, in the place of its picture too; it goes on waiting.

        Raise UserError where a service would not take it.
        """
        with self._store.writing() as session:
            row = self._decided(session, post, "edit", ("waiting",), now, row_detail=True)
            asked = [(each, self._publishers.get(each.account)) for each in row.deliveries]
            told = [f"{each.account}: {fault}" for each, there in asked if there and (fault := there.fault(text, None))]
            if told:
                raise UserError(f"Post {post} stays as it is: {'; '.join(told)}.")
            for each, there in asked:
                each.cost = there.cost(text, None) if there else each.cost
            row.text, row.written, row.picture, row.alt = text, text, None, ""

    def redraw(self, post: int, now: datetime) -> None:
        """Have a waiting post, or one for which nothing could be written, written anew with another seed."""
        with self._store.writing() as session:
            row = self._decided(session, post, "redraw", ("waiting", "failed"), now, row_detail=True)
            row.order = row.order | {"redrawn": row.order.get("redrawn", 0) + 1}
            row.state, row.text, row.written, row.picture, row.alt = "due", "", "", None, ""
            row.receipt, row.fault = None, ""
            for delivery in row.deliveries:
                session.delete(delivery)

    def drop(self, post: int, now: datetime) -> None:
        """Keep a post from going out where it has not gone yet; what is on its way stays."""
        with self._store.writing() as session:
            row = self._decided(session, post, "drop", ("due", "waiting", "ready", "failed"), now)
            for delivery in row.deliveries:
                if delivery.state in ("planned", *TRIED):
                    delivery.state = "dropped"
            if all(delivery.state == "dropped" for delivery in row.deliveries):
                row.state = "dropped"

    def retry(self, post: int, now: datetime, hours: float = 1) -> list[str]:
        """Have what failed, expired or needs a review sent once more within `hours`; return the accounts.

        After a review that is the person's word that it did not arrive.
        """
        with self._store.writing() as session:
            row = self._decided(session, post, "retry", ("ready",), now)
            again = [delivery for delivery in row.deliveries if delivery.state in TRIED]
            if not again:
                raise UserError(f"Post {post}: nothing of it has failed, expired or needs a review.")
            row.expires = max(row.expires, now + timedelta(hours=hours))
            for delivery in again:
                delivery.state, delivery.doubtful, delivery.not_before = "planned", False, now
                delivery.first_try, delivery.tries, delivery.error = None, 0, ""
            return [delivery.account for delivery in again]

    def _decided(
        self, session: Session, post: int, what: str, states: tuple[str, ...], now: datetime, row_detail: bool = False
    ) -> Post:
        """Return a post, locked, with the decision noted; `row_detail` keeps the text it has now."""
        row = session.get(Post, post, with_for_update=True)
        if row is None:
            raise UserError(f"There is no post {post}; `apocrypha posts list` shows those there are.")
        if row.state not in states:
            raise UserError(f"Post {post} is {row.state}; to {what} it, it must be {' or '.join(states)}.")
        detail = row.written if row_detail else ""
        row.decisions.append(Decision(at=now, who=self._who, what=what, detail=detail))
        return row
