"""Discord: text that stays text, nonces and what is done when they are over, and one request where one is meant."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from bot.publish import discord
from bot.publish.publisher import LaterError, Parcel, Publisher, RefusedError, UnreadableError
from tests.servers import places
from tests.servers.discord_stub import CHANNEL
from tests.servers.places import Place
from tests.servers.threads import Loop


@pytest.fixture
def place(loop: Loop) -> Iterator[Place]:
    place = places.discord(loop)
    yield place
    assert place.proxy
    place.proxy.close()
    place.stub.close()


@pytest.fixture
async def publisher(place: Place) -> AsyncIterator[Publisher]:
    publisher = place.open()
    yield publisher
    await publisher.close()


def parcel(text: str) -> Parcel:
    return Parcel(text, hashlib.sha256(text.encode()).hexdigest(), datetime.now(UTC))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain, and plain.", "plain, and plain."),
        ("*a* _b_ ~c~ `d` |e|", r"\*a\* \_b\_ \~c\~ \`d\` \|e\|"),
        ("# a head\n> a quote\n- a list", "\\# a head\n\\> a quote\n\\- a list"),
        (r"\frac{a}{b}", r"\\frac{a}{b}"),
        ("see https://a.b/c_d", r"see https\://a.b/c\_d"),
        ("if (a // b)", "if (a // b)"),
    ],
)
def test_text_is_shown_as_it_is(text: str, sent: str) -> None:
    assert discord.shown(text) == sent


async def test_what_we_read_is_what_we_wrote(place: Place, publisher: Publisher) -> None:
    text = r"int *a_b = c->d; /* \\ \* */ https://x.y"
    sent = await publisher.send(parcel(text))
    assert sent.posted.text == text
    assert sent.posted.url == f"https://discord.com/channels/1000000000000000002/{CHANNEL}/{sent.posted.id}"
    assert place.texts() == [discord.shown(text)]


async def test_nobody_is_called_and_nothing_is_embedded(place: Place, publisher: Publisher) -> None:
    await publisher.send(parcel("@everyone <@1> https://a.b"))
    assert place.stub.messages[0]["asked"]["allowed_mentions"] == {"parse": []}
    assert place.stub.messages[0]["flags"] == 4


async def test_escaping_counts(publisher: Publisher) -> None:
    assert publisher.fault("a" * 2000, None) == ""
    assert publisher.fault("*" * 1000, None) == ""
    assert publisher.fault("*" * 1001, None) == "2,002 characters; Discord takes 2,000"


async def test_when_nonces_are_forgotten_the_channel_is_read(place: Place, publisher: Publisher) -> None:
    first = parcel("once *only*")
    sent = await publisher.send(first)
    place.stub.forget_nonces()
    found = await publisher.find(first)
    assert found
    assert found.posted.id == sent.posted.id
    place.stub.messages[0]["author"] = place.stub.messages[0]["author"] | {"id": "5"}
    assert await publisher.find(first) is None  # somebody else said it


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_channel_that_cannot_be_read(place: Place, publisher: Publisher, status: int) -> None:
    await publisher.send(parcel("unread"))
    place.stub.reading = status
    with pytest.raises(UnreadableError):
        await publisher.find(parcel("unread"))


async def test_a_failing_service_is_asked_once(place: Place, publisher: Publisher) -> None:
    assert place.proxy
    await publisher.check()
    with place.proxy.losing("502"), pytest.raises(discord.LostError):
        await publisher.send(parcel("once"))
    assert place.proxy.lost == 1


async def test_a_wrong_token_is_refused_without_being_told(place: Place) -> None:
    wrong = place.account.model_copy(update={"token": type(place.account.token)("wrong-MARKED")})
    publisher = Place(wrong, list, list).open()
    with pytest.raises(RefusedError, match="does not take the token") as caught:
        await publisher.check()
    assert "MARKED" not in str(caught.value)
    await publisher.close()


async def test_a_channel_that_is_gone_is_refused(place: Place) -> None:
    publisher = Place(place.account.model_copy(update={"channel": 7}), list, list).open()
    with pytest.raises(RefusedError, match="404"):
        await publisher.send(parcel("nowhere"))
    await publisher.close()


async def test_a_rate_that_the_library_keeps_is_later(place: Place, publisher: Publisher) -> None:
    assert place.proxy
    await publisher.check()
    body = {"message": "You are being rate limited.", "retry_after": 64.57, "global": True}
    slow = place.proxy.refusing(429, body, {"Via": "1.1 google", "Retry-After": "65"})
    with slow, pytest.raises(LaterError) as caught:
        await publisher.send(parcel("slow"))
    assert caught.value.wait
    assert caught.value.wait.total_seconds() == 65
    await publisher.send(parcel("slow"))
    assert place.texts() == ["slow"]
