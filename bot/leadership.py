"""One process delivers; others wait until it is gone, and take over at once.

What is held is given back by the system when its holder dies, however that happens: an advisory lock of a PostgreSQL
session, or a lock on a file beside an SQLite database. A holder that has lost it without knowing can still do no harm:
see Outbox.lead.
"""

import contextlib
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.store import ASKING, Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEADING = 0x61706F64  # the PostgreSQL advisory lock of the one who delivers


class Leadership(AbstractContextManager["Leadership"]):
    """The place of the one who delivers, `taken` or not."""

    def __init__(self, store: Store) -> None:
        """Belong to `store`; take nothing yet."""
        self._store = store
        self._connection: Connection | None = None
        self._file: FileLock | None = None

    def take(self) -> bool:
        """Take the place if it is free; return whether it is ours. Raise AwayError where the database is away."""
        if self._store.engine.dialect.name == "postgresql":
            return self._take_session()
        return self._take_file()

    def held(self) -> bool:
        """Return whether the place is still ours; False where the database has lost sight of us."""
        if self._file is not None:
            return True
        if self._connection is None:
            return False
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except DBAPIError:
            self.leave()
            return False
        return True

    def leave(self) -> None:
        """Give the place back."""
        if self._connection is not None:
            with contextlib.suppress(SQLAlchemyError):  # the connection may be broken
                self._connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LEADING})")
            self._connection.invalidate()  # the lock goes with its session at the latest; a pooled one would keep it
            self._connection.close()
            self._connection = None
        if self._file is not None:
            self._file.release()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()

    def _take_session(self) -> bool:
        with self._store.reached():
            connection = self._store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({LEADING})").scalar():
                for name, value in ASKING.items():  # the server asks too: else it would keep a dead machine's place
                    connection.exec_driver_sql(f"SET tcp_{name} = {value}")
                self._connection = connection
                return True
            connection.close()
            return False

    def _take_file(self) -> bool:
        file = FileLock(f"{self._store.engine.url.database}.leader")
        try:
            file.acquire(timeout=0)
        except Timeout:
            return False
        self._file = file
        return True
