"""Bluesky: names of records, sessions that are kept, and the mark of a bot."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from bot.publish.bluesky import record_key
from bot.publish.publisher import LaterError, Parcel, Publisher, RefusedError
from generators.pictures.picture import Picture
from tests.servers import places
from tests.servers.bluesky_stub import BlueskyStub
from tests.servers.loss import LossProxy
from tests.servers.places import Place
from tests.servers.threads import Loop

NINE = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
DIGITS = "234567abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def place(loop: Loop) -> Iterator[Place]:
    stub = BlueskyStub(loop)
    proxy = LossProxy(loop, stub.port)
    yield places.bluesky(proxy, f"http://127.0.0.1:{stub.port}", "bot.test", stub)
    proxy.close()
    stub.close()


@pytest.fixture
async def publisher(place: Place) -> AsyncIterator[Publisher]:
    publisher = place.open()
    yield publisher
    await publisher.close()


def parcel(text: str, moment: datetime = NINE) -> Parcel:
    return Parcel(text, hashlib.sha256(text.encode()).hexdigest(), moment)


def micros(name: str) -> int:
    """Read the moment in a record's name (atproto.com/specs/tid)."""
    number = 0
    for digit in name:
        number = number * 32 + DIGITS.index(digit)
    return number >> 10


def test_a_name_is_made_from_moment_and_key() -> None:
    name = record_key(parcel("a"))
    assert len(name) == 13
    assert name[0] in "234567abcdefghij"
    assert micros(name) // 1_000_000 == int(NINE.timestamp())
    assert name == record_key(parcel("a"))
    assert record_key(parcel("a", NINE + timedelta(seconds=1))) > name


def test_posts_of_one_second_have_different_names() -> None:
    assert len({record_key(parcel(str(number))) for number in range(2_000)}) == 2_000


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a" * 300, ""),
        ("a" * 301, "301 characters; Bluesky takes 300"),
        ("👨\u200d👩\u200d👧\u200d👦" * 120, ""),
        ("👨\u200d👩\u200d👧\u200d👦" * 121, "3,025 bytes; Bluesky takes 3,000"),
        (" ", "there is neither text nor picture"),
    ],
)
def test_graphemes_and_bytes_count(text: str, fault: str, publisher: Publisher) -> None:
    assert publisher.fault(text, None) == fault
    assert "takes 976,000" in publisher.fault("", Picture(bytes(976_001), "", 1, 1))


async def test_a_session_is_kept(place: Place) -> None:
    for number in range(3):
        publisher = place.open()
        await publisher.send(parcel(f"in one session {number}"))
        await publisher.close()
    assert place.stub.sessions == 1
    place.stub.valid = "revoked"
    publisher = place.open()
    await publisher.send(parcel("in another"))
    await publisher.close()
    assert place.stub.sessions == 2
    assert len(place.texts()) == 4


async def test_a_post_is_text_and_its_moment(place: Place, publisher: Publisher) -> None:
    await publisher.send(parcel("see example.com, @a.b #c"))
    record = next(iter(place.stub.records.values()))
    assert record["createdAt"] == "2026-11-23T09:00:00.123456Z"
    assert record["langs"] == ["en"]
    assert "facets" not in record


async def test_we_are_marked_as_a_bot_once_and_the_rest_stays(place: Place, publisher: Publisher) -> None:
    profile = {"$type": "app.bsky.actor.profile", "displayName": "Apocrypha", "unheardOf": 1}
    place.stub.records["app.bsky.actor.profile", "self"] = profile
    assert await publisher.check() == "@bot.test"
    marked = place.stub.records["app.bsky.actor.profile", "self"]
    assert [label["val"] for label in marked["labels"]["values"]] == ["bot"]
    assert (marked["displayName"], marked["unheardOf"]) == ("Apocrypha", 1)
    place.stub.asked.clear()
    await publisher.check()
    assert not [path for _, path in place.stub.asked if path.endswith("putRecord")]


async def test_a_profile_that_cannot_be_changed_is_told(
    place: Place, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    assert place.proxy
    await publisher.send(parcel("logged in"))
    with place.proxy.refusing(403, {"error": "Forbidden", "message": "no"}):
        assert await publisher.check()
    assert "could not be marked as a bot" in caplog.text


async def test_a_wrong_password_is_refused_without_being_told(place: Place) -> None:
    wrong = place.account.model_copy(update={"password": type(place.account.password)("wrong-MARKED")})
    publisher = replace(place, account=wrong).open()
    with pytest.raises(RefusedError, match="AuthenticationRequired") as caught:
        await publisher.send(parcel("no"))
    assert "MARKED" not in str(caught.value)
    await publisher.close()


@pytest.mark.parametrize("way", ["close", "rst", "half", "502"])
async def test_a_login_that_is_lost_posts_nothing(place: Place, publisher: Publisher, way: str) -> None:
    assert place.proxy
    with place.proxy.losing(way), pytest.raises(LaterError):
        await publisher.send(parcel("not yet"))
    await publisher.send(parcel("now"))
    assert place.texts() == ["now"]


async def test_logging_in_too_often_is_later(place: Place, publisher: Publisher) -> None:
    assert place.proxy
    headers = {"Date": "Mon, 23 Nov 2026 09:00:00 GMT", "RateLimit-Reset": "1795424700"}
    slow = place.proxy.refusing(429, {"error": "RateLimitExceeded", "message": "slow"}, headers)
    with slow, pytest.raises(LaterError) as caught:
        await publisher.send(parcel("later"))
    assert caught.value.wait == timedelta(minutes=5)


@pytest.mark.e2e
async def test_the_real_server_takes_a_repetition_for_nothing_new(pds: tuple[LossProxy, str]) -> None:
    proxy, direct = pds
    place = places.bluesky(proxy, direct, "repeated.test")
    publisher = place.open()
    await publisher.check()
    await publisher.send(parcel("once"))
    before = latest(direct, place)
    await publisher.check()  # the mark of a bot is there already
    await publisher.send(parcel("once"))
    assert latest(direct, place) == before
    await publisher.send(parcel("twice"))
    assert latest(direct, place) != before
    await publisher.close()
    asked = {"repo": "repeated.test", "collection": "app.bsky.actor.profile", "rkey": "self"}
    profile = requests.get(f"{direct}/xrpc/com.atproto.repo.getRecord", params=asked, timeout=30).json()["value"]
    assert [label["val"] for label in profile["labels"]["values"]] == ["bot"]


def latest(direct: str, place: Place) -> str:
    """Return the name of the last change to the account's records."""
    did = place.vault.kept[next(iter(place.vault.kept))].split(":::")[1]
    answer = requests.get(f"{direct}/xrpc/com.atproto.sync.getLatestCommit", params={"did": did}, timeout=30)
    return str(answer.json()["cid"])
