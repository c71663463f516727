"""An empty store of SQLite's, made once and copied: that is quicker than making one for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.store import Store


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "store.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def open_copy(empty: Path, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Return a function that opens the same store once more, as another process would."""
    path, opened = shutil.copy(empty, tmp_path), list[Store]()

    def opening() -> Store:
        opened.append(Store(f"sqlite:///{path}"))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()
