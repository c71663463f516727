"""What has to survive of chats: the settings of servers, who speaks to whom and how, and each person's last turns.

Numbers are those that the service gave: a person, a channel, a message has one. `server` is 0 between two people.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from bot.store import Table


class Server(Table):
    """A server: what its admins chose (bot/chat/servers.py), and how many answers it had on a `day` (UTC)."""

    __tablename__ = "servers"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    settings: Mapped[dict[str, Any]]
    day: Mapped[str] = mapped_column(default="")
    answers: Mapped[int] = mapped_column(Integer, default=0)


class Talk(Table):
    """One person's conversation in one channel: who speaks, and how; what was said is in its answers."""

    __tablename__ = "talks"

    channel: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    person: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, index=True)
    server: Mapped[int] = mapped_column(BigInteger, index=True)
    style: Mapped[str]
    options: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(index=True)


class Answer(Table):
    """A question, by its own number, and once it was answered the turn (bot/chat/talks.py)."""

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_talk", "channel", "person"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    channel: Mapped[int] = mapped_column(BigInteger)
    person: Mapped[int] = mapped_column(BigInteger, index=True)
    server: Mapped[int] = mapped_column(BigInteger, index=True)
    place: Mapped[int] = mapped_column(BigInteger)  # in its talk; of several at one place the latest counts
    at: Mapped[datetime] = mapped_column(index=True)
    turn: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    messages: Mapped[list[int]] = mapped_column(JSON, default=list)  # that show the answer
    over: Mapped[bool] = mapped_column(default=False)  # answered, or given up


class OptedOut(Table):
    """A person of whom nothing is kept but this."""

    __tablename__ = "opted_out"

    person: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class Mark(Table):
    """A small thing to remember, such as the commands that a service was told of."""

    __tablename__ = "marks"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Notice(Table):
    """The message that shows a post which waits for approval, as it was when it had this `digest`."""

    __tablename__ = "notices"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    channel: Mapped[int] = mapped_column(BigInteger)
    message: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
