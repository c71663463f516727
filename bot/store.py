"""What has to survive: schedules, posts, their deliveries, and every draft, try, decision and cost.

SQLite by default, PostgreSQL by URL; both by SQLAlchemy, and made and changed by the migrations in `migrations/`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    exc,
    inspect,
    text,
)
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from corpora.errors import UserError

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE = 20  # seconds that a writer waits for another one
CONNECTIONS = 20  # that are kept open
# Whether a silent PostgreSQL server is there: seconds until it is asked, between questions, and how many are asked.
ASKING = {"keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3}
MIGRATING = 0x61706F63  # the PostgreSQL advisory lock of whoever brings the tables up to date
READS, LIGHTLY = "apocrypha_reads", "apocrypha_lightly"  # execution options
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
    __table_args__ = (UniqueConstraint("schedule", "slot"), Index("ix_posts_open", "state", "due"))

    id: Mapped[int] = mapped_column(primary_key=True)
    schedule: Mapped[str]  # "" for one that was asked for by hand
    slot: Mapped[str]  # the schedule's local calendar time, or a random name
    order: Mapped[dict[str, Any]]  # what is to be written, and for whom
    due: Mapped[datetime]
    expires: Mapped[datetime]
    state: Mapped[str]  # due, waiting (for approval), ready, dropped, expired, failed
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
    __table_args__ = (
        UniqueConstraint("post_id", "account"),
        Index("ix_deliveries_open", "account", "state", "not_before"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), index=True)
    account: Mapped[str] = mapped_column(index=True)
    key: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(index=True)
    not_before: Mapped[datetime]
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


class AwayError(UserError):
    """The database cannot be reached, or cannot write: what was asked for has not been done, and may work later."""


class Store:
    """A database, its tables up to date."""

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy `url`; raise UserError where that cannot be done."""
        try:
            self.engine = create_engine(url, **_options(url))
        except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
            what = error if isinstance(error, ModuleNotFoundError | exc.NoSuchModuleError) else type(error).__name__
            raise UserError(
                f"The store's address cannot be used ({what}). Give sqlite:///PATH or postgresql://..."
            ) from None  # some errors quote the address, with the password in it
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        event.listen(self.engine, "begin", _begin_sqlite if self.engine.dialect.name == "sqlite" else _begin_postgresql)
        # SQLite lets one write at a time, and those who wait ask only now and then: our own threads take turns.
        self._turn = threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()
        if "@" in (self.engine.url.host or ""):  # the rest of a password, which is not to be shown
            raise UserError("The store's address cannot be used: in a password, write %40 for @ and %2F for /.")
        try:
            with self.reached():
                self._migrate()
        except exc.ProgrammingError as error:
            self.close()
            raise UserError(f"{self.place}: the store's address cannot be used ({_reason(error)}).") from error
        except BaseException:
            self.close()
            raise

    @property
    def place(self) -> str:
        """Return the address without what may be secret in it."""
        return self.engine.url.set(password=None, query={}).render_as_string()

    @contextmanager
    def writing(self, lightly: bool = False) -> Iterator[Session]:
        """Return a transaction, kept at the end of the block and undone where it raises; raise AwayError.

        What is kept `lightly` survives a death of the process, but perhaps not of the machine; it costs far less.
        """
        engine = self.engine.execution_options(**{LIGHTLY: lightly})
        with self.reached(), self._turn, Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Return a transaction that changes nothing, and waits for nobody; raise AwayError."""
        with self.reached(), Session(self._reads, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Raise AwayError where something in the block fails because the database is away."""
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError) as error:
            if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR":  # what we asked for makes no sense: a bug
                raise
            raise AwayError(f"{self.place}: the store cannot be used ({_reason(error)}).") from error

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @property
    def _reads(self) -> Engine:
        return self.engine.execution_options(**{READS: True})

    def _migrate(self) -> None:
        """Bring the tables up to date; raise UserError where they are those of a newer version of this program."""
        newest = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py"))
        with self._reads.begin() as connection:
            version = _version(connection)
        if version > newest:
            raise UserError(
                f"{self.place}: a newer apocrypha has used this store (its tables are {version}, this program "
                f"knows those until {newest}). Bring this one up to date too."
            )
        if version == newest:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # of several processes one makes the tables, the others wait
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"pool_size": CONNECTIONS, "connect_args": {"timeout": PATIENCE, "check_same_thread": False}}
    return {"pool_size": CONNECTIONS, "pool_pre_ping": True, "connect_args": {"connect_timeout": PATIENCE, **ASKING}}


def _reason(error: exc.DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]


def _version(connection: Connection) -> str:
    """Return the number of the last migration, "" where there was none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def _prepare_sqlite(connection: Any, record: object) -> None:
    """Let readers and a writer work side by side, and let a commit be on the disk when it returns."""
    del record
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so, see below
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once where something is written: in the middle it cannot be waited for."""
    options = connection.get_execution_options()
    if not options.get(READS):
        connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if options.get(LIGHTLY) else 'FULL'}")
    connection.exec_driver_sql("BEGIN" if options.get(READS) else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(LIGHTLY):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
