"""Databases for the tests: SQLite always, and a PostgreSQL server of their own where one is installed."""

import os
import pwd
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.conftest import Run
from tests.servers.fixtures import loop, mastodon_mock

__all__ = ["loop", "mastodon_mock"]

ROOT = Path(__file__).parents[2]
SYSTEM = Path("/usr/lib/postgresql")  # where Debian keeps its servers, by version


def _binaries() -> Path | None:
    """Return the folder with initdb in it."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(SYSTEM.glob("*/bin"), key=lambda path: int(path.parent.name))
    return places[-1] if places else None


def _as_nobody_special() -> dict[str, int]:
    """Return what to run the server as: it refuses to be root."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid}


@pytest.fixture
def llm_command(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run the real `llm`, with a folder of its own."""

    def run(*arguments: str, stdin: str = "", ok: bool = True) -> subprocess.CompletedProcess[str]:
        own = environment | {"LLM_USER_PATH": str(tmp_path / "llm")}
        command = [sys.executable, "-W", "ignore", "-m", "llm", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=own, timeout=300, check=False)
        assert (done.returncode == 0) == ok, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a PostgreSQL server without any database of ours."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    folder = Path("/tmp") / f"apocrypha-postgresql-{os.getpid()}"  # short: a socket's path has 107 characters
    folder.mkdir()
    user = _as_nobody_special()
    if user:
        os.chown(folder, user["user"], user["group"])
    common = {"check": True, "capture_output": True, "cwd": folder, "timeout": 60, **user}
    try:
        subprocess.run([binaries / "initdb", "-D", "data", "-U", "test", "-A", "trust", "--no-sync"], **common)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        subprocess.run([binaries / "pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start"], **common)
        yield f"postgresql+psycopg://test@/postgres?host={folder}"
    finally:
        stopping = [binaries / "pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop"]
        subprocess.run(stopping, **common | {"check": False})
        shutil.rmtree(folder)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of an empty database, of the kind that the test is run with."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    import psycopg

    server = request.getfixturevalue("postgresql")
    plain, name = server.replace("+psycopg", ""), f"test_{abs(hash(request.node.nodeid)) % 10**9}"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def open_store(database: str) -> Iterator[Callable[[], Store]]:
    """Return a function that opens the same database once more, as another process would."""
    opened: list[Store] = []

    def opening() -> Store:
        opened.append(Store(database))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def elsewhere(environment: dict[str, str], tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """An environment of its own that sees the libraries of this one, with a home of its own."""
    place = tmp_path / "venv"
    venv.create(place)
    site = next((place / "lib").glob("python*/site-packages"))
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join([str(ROOT), *here]) + "\n")
    own = environment | {"APOCRYPHA_HOME": str(tmp_path / "elsewhere"), "PYTHONWARNINGS": "ignore"}
    own |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "dist")}  # a package index of its own
    own["PIP_NO_BUILD_ISOLATION"] = "0"  # by this pip means that there is none: what builds is here already

    def run(*arguments: str, stdin: str = "", ok: bool | None = True) -> "subprocess.CompletedProcess[str]":
        command = [str(place / "bin" / "python"), *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=own, cwd=tmp_path, timeout=900, check=False
        )
        assert ok is None or (done.returncode == 0) == ok, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    return run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a store on both kinds of database."""
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)
