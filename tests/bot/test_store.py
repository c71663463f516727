from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from bot.leadership import Leadership
from bot.store import MIGRATIONS, Delivery, Post, Schedule, Store, Table
from bot.vault import StoreVault
from corpora.errors import UserError

Open = Callable[[], Store]


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_a_moment_and_a_sum_come_back_as_they_were(store: Store) -> None:
    here = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    with store.writing() as session:
        order = {"style": "bible", "n": 1}
        post = Post(schedule="a", slot="b", order=order, due=here, expires=here, state="due", created=here)
        post.deliveries = [Delivery(account="x", key="k", state="planned", not_before=here, cost=Decimal("0.015"))]
        session.add(post)
    with store.reading() as session:
        row = session.scalars(select(Delivery)).one()
        assert row.not_before == here
        assert row.not_before.tzinfo is UTC
        assert (row.cost, row.post.order) == (Decimal("0.015"), order)


def test_what_raises_is_undone(store: Store) -> None:
    def half_done() -> None:
        with store.writing() as session:
            session.add(Schedule(name="a", spec={}, paused=False, since=datetime.now(UTC)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    with store.reading() as session:
        assert session.scalars(select(Schedule)).all() == []


def test_writers_wait_for_one_another_and_readers_for_nobody(open_store: Open) -> None:
    first, second = open_store(), open_store()
    now = datetime.now(UTC)
    with first.writing() as session:
        session.add(Schedule(name="a", spec={}, paused=False, since=now))
        session.flush()
        with second.reading() as reader:
            assert reader.scalars(select(Schedule)).all() == []

    def add(number: int) -> None:
        with (first if number % 2 else second).writing() as session:
            row = session.get(Schedule, "a", with_for_update=True)
            assert row
            row.spec = {"count": row.spec.get("count", 0) + 1}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    with first.reading() as reader:
        assert reader.get_one(Schedule, "a").spec == {"count": 40}


def test_several_processes_make_the_tables_once(open_store: Open) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: open_store(), range(4)))
    for store in stores:
        with store.reading() as session:
            assert session.scalars(select(Post)).all() == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "The store's address cannot be used"),
        ("oracle://somewhere/x", "The store's address cannot be used"),
        ("sqlite:////nowhere/at/all.db", "the store cannot be used (unable to open database file)"),
        ("postgresql+psycopg://us:secret@127.0.0.1:1/x", "the store cannot be used"),
        ("postgresql+psycopg://us:secret@127.0.0.1:po rt/x", "The store's address cannot be used"),
        ("postgresql+psycopg://us:a@secret@127.0.0.1:1/x", "in a password, write %40 for @"),
        ("postgresql+psycopg://us@127.0.0.1:1/x?password=secret", "the store cannot be used"),
        ("postgresql+psycopg://us@127.0.0.1:1/x?sceret=secret", 'invalid connection option "sceret"'),
    ],
)
def test_a_store_that_cannot_be_opened_is_named_without_its_password(url: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        Store(url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_store_of_a_newer_program_is_left_alone(open_store: Open) -> None:
    with open_store().engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UserError, match=r"a newer apocrypha has used this store \(its tables are 9999"):
        open_store()


def test_a_migration_has_the_number_of_its_file() -> None:
    for path in (MIGRATIONS / "versions").glob("*.py"):
        assert f'revision = "{path.name[:4]}"' in path.read_text(encoding="utf-8")


async def test_a_secret_comes_back_and_does_not_lie_open(store: Store, tmp_path: Path) -> None:
    vault = StoreVault(store, tmp_path / "keys" / "vault.key")
    assert await vault.read("x") is None
    await vault.write("x", "first")
    await vault.write("x", "ünd second")
    assert await StoreVault(store, tmp_path / "keys" / "vault.key").read("x") == "ünd second"
    assert (tmp_path / "keys" / "vault.key").stat().st_mode & 0o777 == 0o600
    with store.engine.connect() as connection:
        (value,) = connection.exec_driver_sql("SELECT value FROM secrets").one()
    assert b"second" not in bytes(value)
    with pytest.raises(UserError, match="this key does not open what the store keeps for x"):
        await StoreVault(store, tmp_path / "other.key").read("x")


def test_one_leads_until_it_leaves(open_store: Open) -> None:
    first, second = Leadership(open_store()), Leadership(open_store())
    assert first.take()
    assert first.held()
    assert not second.take()
    assert not second.held()
    first.leave()
    assert not first.held()
    assert second.take()
    second.leave()
