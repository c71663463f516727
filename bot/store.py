"""What has to survive: schedules, posts, their deliveries, and every draft, try, decision and cost.

SQLite by default, PostgreSQL by URL; both by SQLAlchemy, and made and changed by the migrations in `migrations/`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, LargeBinary, Text, UniqueConstraint, create_engine, event
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from corpora.errors import UserError

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE = 20  # seconds that a writer waits for another one
MIGRATING = 0x61706F63  # the PostgreSQL advisory lock of whoever brings the tables up to date
READS = "apocrypha_reads"  # an execution option
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """A moment, kept as microseconds since 1970 in UTC: every database compares it in the same way."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Take an aware datetime; a naive one is a bug."""
        del dialect
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return it in UTC."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Money(TypeDecorator[Decimal]):
    """Dollars, kept as millionths."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Take dollars."""
        del dialect
        return None if value is None else int(value * 1_000_000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Return dollars."""
        del dialect
        return None if value is None else Decimal(value) / 1_000_000


class Table(DeclarativeBase):
    """What all tables share."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Moment,
        Decimal: Money,
        dict[str, Any]: JSON,
        str: Text,
        bytes: LargeBinary,
    }


class Schedule(Table):
    """A schedule as given; `seen` is the moment (UTC, ISO 8601) until which its slots became posts, "" at first."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(primary_key=True)
    spec: Mapped[dict[str, Any]]
    paused: Mapped[bool]
    since: Mapped[datetime]  # no slot before it counts
    seen: Mapped[str] = mapped_column(default="")


class Post(Table):
    """One text for one slot. What is posted is frozen when `state` leaves "due"."""

    __tablename__ = "posts"
    __table_args__ = (UniqueConstraint("schedule", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    schedule: Mapped[str]  # "" for one that was asked for by hand
    slot: Mapped[str]  # the schedule's local calendar time, or a random name
    order: Mapped[dict[str, Any]]  # what is to be written, and for whom
    due: Mapped[datetime] = mapped_column(index=True)
    expires: Mapped[datetime]
    state: Mapped[str] = mapped_column(index=True)  # due, waiting (for approval), ready, dropped, expired, failed
    created: Mapped[datetime]
    frozen: Mapped[datetime | None]  # when it was written; services are told this moment, in every try
    written: Mapped[str] = mapped_column(default="")  # what the voice wrote
    text: Mapped[str] = mapped_column(default="")  # what is posted: that, or what stands beside its picture
    picture: Mapped[bytes | None]  # PNG
    alt: Mapped[str] = mapped_column(default="")
    width: Mapped[int] = mapped_column(Integer, default=0)
    height: Mapped[int] = mapped_column(Integer, default=0)
    receipt: Mapped[dict[str, Any] | None]
    fault: Mapped[str] = mapped_column(default="")  # why nothing could be written
    deliveries: Mapped[list["Delivery"]] = relationship(back_populates="post", order_by="Delivery.id")
    candidates: Mapped[list["Candidate"]] = relationship(order_by="Candidate.id")
    decisions: Mapped[list["Decision"]] = relationship(order_by="Decision.id")


class Delivery(Table):
    """A post for one account: the outbox. See bot/outbox.py for its states."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("post_id", "account"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), index=True)
    account: Mapped[str] = mapped_column(index=True)
    key: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(index=True)
    not_before: Mapped[datetime] = mapped_column(index=True)
    first_try: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    doubtful: Mapped[bool] = mapped_column(default=False)  # an earlier try may have arrived
    remote: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")
    cost: Mapped[Decimal] = mapped_column(default=Decimal(0))
    sent: Mapped[datetime | None]
    post: Mapped[Post] = relationship(back_populates="deliveries")
    attempts: Mapped[list["Attempt"]] = relationship(order_by="Attempt.id")


class Attempt(Table):
    """One try of a delivery, and what came of it; `ended` is unset where the process died meanwhile."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"), index=True)
    what: Mapped[str]  # send, or find
    started: Mapped[datetime]
    ended: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")


class Candidate(Table):
    """A draft that was written for a post, and what was against it; "" for the one that was taken."""

    __tablename__ = "candidates"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    fault: Mapped[str]


class Decision(Table):
    """What a person decided about a post."""

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    who: Mapped[str]
    what: Mapped[str]  # approve, edit, redraw, drop, retry
    detail: Mapped[str] = mapped_column(default="")


class Secret(Table):
    """What a service handed us, encrypted (bot/vault.py)."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class Leader(Table):
    """Who delivers: every new one has a higher number, and with an old number nothing can be claimed."""

    __tablename__ = "leader"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)


class Store:
    """A database, its tables up to date."""

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy `url`; raise UserError where that cannot be done."""
        try:
            self.engine = create_engine(url, **_options(url))
            if self.engine.dialect.name == "sqlite":
                event.listen(self.engine, "connect", _prepare_sqlite)
                event.listen(self.engine, "begin", _begin_sqlite)
            self._migrate()
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise UserError(
                f"The store's address cannot be used: {error}. Give sqlite:///PATH or postgresql://..."
            ) from error
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise UserError(f"{self.engine.url!r}: the store cannot be opened ({reason}).") from error

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Return a transaction, kept at the end of the block and undone where it raises."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Return a transaction that changes nothing, and waits for nobody."""
        with Session(self.engine.execution_options(**{READS: True}), expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # of several processes one makes the tables, the others wait
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": PATIENCE, "check_same_thread": False}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": PATIENCE}}


def _prepare_sqlite(connection: Any, record: object) -> None:
    """Let readers and a writer work side by side, and let a commit be on the disk when it returns."""
    del record
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so, see below
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once where something is written: in the middle it cannot be waited for."""
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
