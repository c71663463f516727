"""The servers as fixtures: stand-ins that need nothing, and real ones where they are installed."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.servers import places, processes
from tests.servers.bluesky_stub import BlueskyStub
from tests.servers.loss import LossProxy
from tests.servers.places import Place
from tests.servers.threads import Loop, free_port

HERE = ("folder", "discord", "webhook", "x", "x-oauth2", "mastodon", "bluesky-stub")
REAL = ("snac", "bluesky")  # installed by `make e2e`
_numbers = count(1)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture(scope="session")
def mastodon_mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    server = processes.mastodon_mock(port, tmp_path_factory.mktemp("mastodon"))
    yield port
    server.stop()


@pytest.fixture(scope="session")
def pds(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LossProxy, str]]:
    """Bluesky's own server: the proxy stands at the address that the server gives as its own."""
    processes.needed(processes.MODULES, "Bluesky's server")
    port, advertised = free_port(), free_port()
    server = processes.pds(port, advertised, free_port(), tmp_path_factory.mktemp("pds"))
    proxy = LossProxy(loop, port, advertised, posting="POST /xrpc/com.atproto.repo.putRecord")
    yield proxy, f"http://127.0.0.1:{port}"
    proxy.close()
    server.stop()


@pytest.fixture
def snac(loop: Loop, tmp_path: Path) -> Iterator[Place]:
    """A server of the fediverse that ignores keys; a new one for each test, since it grows slow."""
    processes.needed(processes.SNAC, "snac2")
    port, advertised = free_port(), free_port()
    server, password = processes.snac(port, advertised, tmp_path)
    try:
        token = places.snac_token(f"http://127.0.0.1:{port}", password)
        place = places.mastodon(loop, port, token, advertised, deletes=False)
        yield place
        assert place.proxy
        place.proxy.close()
    finally:
        server.stop()


@pytest.fixture(params=[*HERE, *(pytest.param(name, marks=pytest.mark.e2e) for name in REAL)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each platform in turn."""
    yield from opened(request, request.param)


def opened(request: pytest.FixtureRequest, name: str) -> Iterator[Place]:
    """Yield a place by its name, and clean up after it."""
    loop: Loop = request.getfixturevalue("loop")
    match name:
        case "folder":
            yield places.folder(request.getfixturevalue("tmp_path") / "posts")
            return
        case "discord" | "webhook":
            place = places.discord(loop, webhook=name == "webhook")
        case "x" | "x-oauth2":
            place = places.x(loop, signs=name == "x")
        case "mastodon":
            place = places.mastodon(loop, request.getfixturevalue("mastodon_mock"), "mock_token")
        case "bluesky-stub":
            stub = BlueskyStub(loop)
            proxy = LossProxy(loop, stub.port, posting="POST /xrpc/com.atproto.repo.putRecord")
            place = places.bluesky(proxy, f"http://127.0.0.1:{stub.port}", "bot.test", stub)
        case "bluesky":
            proxy, direct = request.getfixturevalue("pds")
            yield places.bluesky(proxy, direct, f"bot{next(_numbers)}-{os.getpid()}.test")
            return
        case _:
            yield request.getfixturevalue(name)
            return
    yield place
    assert place.proxy
    place.proxy.close()
    if place.stub:
        place.stub.close()
