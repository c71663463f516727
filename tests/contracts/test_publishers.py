"""What every publisher has to do, on every server there is. The outbox relies on nothing else."""

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from bot.publish import bluesky, discord, line
from bot.publish.publisher import FOR_EVER, LaterError, Parcel, Publisher, RefusedError, Sent, UnreadableError
from generators.pictures.card import draw
from generators.pictures.picture import Picture
from tests.servers.loss import WAYS
from tests.servers.places import Place

Result = TypeVar("Result")
WORDS = "And the LORD said unto the sea, Be thou written & be <not> afraid; for 'tis night."
QUICK = 3  # seconds that an answer is waited for


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait shorter than in earnest for answers that never come."""
    monkeypatch.setattr(line, "READ", QUICK)
    monkeypatch.setattr(bluesky, "READ", QUICK)
    monkeypatch.setattr(discord, "REQUEST", QUICK)


@pytest.fixture(autouse=True)
def _nothing_secret_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Look at all that was logged, down to the last detail, for secrets that are marked."""
    caplog.set_level(logging.DEBUG)
    yield
    told = [record.getMessage() for record in caplog.get_records("call") if "MARKED" in record.getMessage()]
    assert not told


def parcel(text: str = "", picture: Picture | None = None) -> Parcel:
    text = text or f"{WORDS} {secrets.token_hex(4)}"
    return Parcel(text, hashlib.sha256(text.encode()).hexdigest(), datetime.now(UTC), "bible 2026-11-23 09:00", picture)


def count(place: Place, parcel: Parcel) -> int:
    """Return how many posts the server has with this text; the last word of each is its own."""
    return sum(parcel.text[-8:] in text for text in place.texts())


async def used(place: Place, use: Callable[[Publisher], Awaitable[Result]]) -> Result:
    """Do something as a new process would, and end."""
    publisher = place.open()
    try:
        return await use(publisher)
    finally:
        await publisher.close()


async def resolved(place: Place, first: Parcel) -> Sent | None:
    """Do what the outbox does about a lost answer; None where it has to be left to a person."""
    publisher = place.open()
    try:
        with suppress(RefusedError, LaterError):
            await publisher.check()
        if publisher.repeatable:
            return await publisher.send(first)
        try:
            return await publisher.find(first) or await publisher.send(first)
        except UnreadableError:
            return None
    finally:
        await publisher.close()


async def failure(work: Awaitable[object]) -> Exception:
    """Return how `work` fails, with nothing secret in it."""
    failed: Exception | None = None
    try:
        await work
    except Exception as error:
        failed = error
    assert failed is not None
    assert "MARKED" not in f"{failed!r} {failed}"
    return failed


async def test_it_says_who_we_are(place: Place) -> None:
    said = await used(place, lambda publisher: publisher.check())
    assert said
    assert "MARKED" not in said


async def test_a_post_arrives(place: Place) -> None:
    first = parcel()
    sent = await used(place, lambda publisher: publisher.send(first))
    assert sent.posted.id
    assert sent.posted.url
    assert count(place, first) == 1


async def test_a_picture_arrives_with_its_alt_text(place: Place) -> None:
    picture = draw("In the beginning there was nothing to read.", "bible")
    first = parcel(picture=picture)
    publisher = place.open()
    assert publisher.fault(first.text, picture) == ""
    sent = await publisher.send(first)
    await publisher.close()
    assert place.pictures() == [((picture.width, picture.height), picture.alt)]
    assert sent.cost == publisher.cost(first.text, picture)
    if place.reads:
        found = await used(place, lambda publisher: publisher.find(first))
        assert found
        assert found.posted.id == sent.posted.id


async def test_a_repetition_is_recognised_where_that_is_promised(place: Place) -> None:
    first = parcel()
    publisher = place.open()
    await publisher.check()
    sent = await publisher.send(first)
    await publisher.close()
    if not publisher.repeatable:
        return
    again = await used(place, lambda publisher: publisher.send(first))
    assert again.posted.id == sent.posted.id
    assert count(place, first) == 1


async def test_what_is_there_is_found_and_what_is_not_is_not(place: Place) -> None:
    first, other = parcel(), parcel()
    if not place.reads:
        with pytest.raises(UnreadableError):
            await used(place, lambda publisher: publisher.find(first))
        return
    assert await used(place, lambda publisher: publisher.find(first)) is None
    sent = await used(place, lambda publisher: publisher.send(first))
    found = await used(place, lambda publisher: publisher.find(first))
    assert found
    assert found.posted.id == sent.posted.id
    assert found.posted.url == sent.posted.url
    assert await used(place, lambda publisher: publisher.find(other)) is None


async def test_what_was_said_before_is_not_taken_for_it(place: Place) -> None:
    if not place.reads or place.open().repeatable == FOR_EVER:  # with names of our own nothing is compared
        return
    first = parcel()
    await used(place, lambda publisher: publisher.send(first))
    later = Parcel(first.text, first.key[::-1], first.created_at + timedelta(minutes=11))
    assert await used(place, lambda publisher: publisher.find(later)) is None


async def test_recent_posts_are_listed_the_newest_first(place: Place) -> None:
    posts = [parcel(f"{number} {WORDS} {secrets.token_hex(4)}") for number in range(3)]
    publisher = place.open()
    for number, each in enumerate(posts):
        moment = each.created_at + timedelta(seconds=number)
        await publisher.send(Parcel(each.text, each.key, moment, each.slot))
    if not place.reads:
        with pytest.raises(UnreadableError):
            await publisher.recent(2)
    else:
        listed = await publisher.recent(2)
        assert [posted.text[0] for posted in listed] == ["2", "1"]
        assert all(posted.at for posted in listed)
    await publisher.close()


async def test_a_post_is_taken_down_once_and_for_all(place: Place) -> None:
    first = parcel()
    publisher = place.open()
    sent = await publisher.send(first)
    await publisher.delete(sent.posted.id)
    await publisher.delete(sent.posted.id)
    await publisher.close()
    assert count(place, first) == (0 if place.deletes else 1)


async def test_a_text_that_fits_is_taken_and_a_longer_one_has_a_fault(place: Place) -> None:
    publisher = place.open()
    await publisher.check()
    filler = "a word " * 20_000
    room = min(publisher.room, 60_000)
    ending = secrets.token_hex(4)
    text = filler[: room - len(ending)] + ending
    assert publisher.size(text) == room
    assert publisher.fault(text, None) == ""
    assert publisher.fault(filler[: publisher.room] + "!", None)
    assert publisher.fault(" \n", None)
    if "snac" not in str(place.account) and publisher.room < 60_000:
        long = parcel(text)
        await publisher.send(long)
        assert count(place, long) == 1
    await publisher.close()


@pytest.mark.parametrize("way", WAYS)
async def test_after_a_lost_answer_there_is_one_post_or_a_question(place: Place, way: str) -> None:
    if place.proxy is None:
        return
    first = parcel()
    publisher = place.open()
    await publisher.check()
    lost = place.proxy.lost
    with place.proxy.losing(way):
        failed = await failure(publisher.send(first))
        await publisher.close()
    assert not isinstance(failed, RefusedError | LaterError)
    assert place.proxy.lost == lost + 1  # the library has not tried again by itself
    assert count(place, first) == 1
    sent = await resolved(place, first)
    assert count(place, first) == 1
    assert (sent is not None) == place.reads


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_no_is_a_no(place: Place, status: int) -> None:
    if place.proxy is None:
        return
    first = parcel()
    with place.proxy.refusing(status, {"error": "no", "detail": "no", "message": "no", "code": 1}):
        failed = await failure(used(place, lambda publisher: publisher.send(first)))
    assert isinstance(failed, RefusedError)
    assert count(place, first) == 0


async def test_a_service_that_asks_to_wait_is_left_alone(place: Place) -> None:
    if place.proxy is None:
        return
    first = parcel()
    for headers, wait in (
        ({"Retry-After": "42"}, timedelta(seconds=42)),
        (
            {"Date": "Mon, 23 Nov 2026 09:00:00 GMT", "Retry-After": "Mon, 23 Nov 2026 09:02:00 GMT"},
            timedelta(minutes=2),
        ),
        ({"Date": "Mon, 23 Nov 2026 09:00:00 GMT", "X-RateLimit-Reset": "1795424700"}, timedelta(minutes=5)),
        (
            {"Date": "Mon, 23 Nov 2026 09:00:00 GMT", "X-RateLimit-Reset": "2026-11-23T09:01:00.000Z"},
            timedelta(minutes=1),
        ),
        ({"Date": "Mon, 23 Nov 2026 09:00:00 GMT", "RateLimit-Reset": "1795424700"}, timedelta(minutes=5)),
        ({}, None),
    ):
        body = {"retry_after": 42, "global": False, "message": "wait", "error": "RateLimitExceeded"}
        with place.proxy.refusing(429, body, {"Via": "1.1 google", **headers}):
            failed = await failure(used(place, lambda publisher: publisher.send(first)))
        assert isinstance(failed, LaterError)
        assert failed.wait == wait, headers
    assert count(place, first) == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [{"title": "Service Unavailable", "status": 503}, "<html>Over capacity</html>"])
async def test_a_failing_service_leaves_it_open(place: Place, status: int, body: object) -> None:
    if place.proxy is None:
        return
    first = parcel()
    with place.proxy.refusing(status, body):
        failed = await failure(used(place, lambda publisher: publisher.send(first)))
    assert not isinstance(failed, RefusedError | LaterError)
    sent = await resolved(place, first)
    assert count(place, first) == (1 if place.reads else 0)
    assert (sent is not None) == place.reads


async def test_a_service_that_is_away_has_certainly_nothing(place: Place) -> None:
    if place.proxy is None:
        return
    first = parcel()
    with place.proxy.down():
        failed = await failure(used(place, lambda publisher: publisher.send(first)))
    assert isinstance(failed, LaterError)
    publisher = place.open()
    await publisher.check()
    with place.proxy.down(), pytest.raises(LaterError):
        await publisher.send(first)
    await publisher.close()
    assert count(place, first) == 0


def test_what_is_promised_is_said(place: Place) -> None:
    publisher = place.open()
    assert publisher.account == place.account.name
    assert publisher.platform == place.account.platform
    assert timedelta(0) <= publisher.repeatable <= FOR_EVER
    assert timedelta(0) < publisher.timeout < timedelta(minutes=5)
    assert "MARKED" not in repr(publisher) + repr(vars(publisher))
