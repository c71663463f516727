"""X: what is refused before it costs, tokens that run out, doubles, and what reading is for."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.accounts import XAccount
from bot.publish.prices import POST, READ
from bot.publish.publisher import LaterError, Parcel, Publisher, RefusedError, UnreadableError
from generators.pictures.picture import Picture
from tests.servers import places
from tests.servers.places import Place
from tests.servers.threads import Loop
from tests.servers.x_stub import TWO

PICTURE = Picture(b"png", "what it shows", 10, 10)


@pytest.fixture(params=["x", "x-oauth2"])
def place(request: pytest.FixtureRequest, loop: Loop) -> Iterator[Place]:
    place = places.x(loop, signs=request.param == "x")
    yield place
    assert place.proxy
    place.proxy.close()
    place.stub.close()


@pytest.fixture
async def publisher(place: Place) -> AsyncIterator[Publisher]:
    publisher = place.open()
    yield publisher
    await publisher.close()


def parcel(text: str, ago: float = 0, picture: Picture | None = None) -> Parcel:
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    return Parcel(text, hashlib.sha256(text.encode()).hexdigest(), moment, picture=picture)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("And the LORD said, Be it so.", ""),
        ("a" * 280, ""),
        ("a" * 281, "X counts 281 characters; it takes 280"),
        ("日" * 141, "X counts 282 characters; it takes 280"),
        ("the shared lib.so is main.rs", "X would make a link of 'lib.so', and charge for it"),
        ("so it.so happens", "X would make a link of 'it.so', and charge for it"),
        ("thou @noah", "X would tell @noah of it"),
        ("let $x$ be", ""),
        ("let $x$ and $y$ be", "X takes one cashtag at most: $x, $y"),
        ("  ", "there is neither text nor picture"),
    ],
)
def test_what_would_cost_or_call_is_refused(text: str, fault: str, loop: Loop) -> None:
    publisher = Place(XAccount(name="x", **TWO), list, list).open()
    assert publisher.fault(text, None) == fault


def test_the_price_is_the_published_one() -> None:
    publisher = Place(XAccount(name="x", **TWO), list, list).open()
    assert publisher.cost("text", None) == Decimal("0.015")
    assert publisher.cost("", PICTURE) == Decimal("0.020")
    assert publisher.fault("", PICTURE) == ""
    assert "takes 5,000,000" in publisher.fault("", Picture(bytes(5_000_001), "", 1, 1))


async def test_a_post_says_that_its_picture_is_made_by_a_machine(place: Place, publisher: Publisher) -> None:
    await publisher.send(parcel("caption", picture=PICTURE))
    await publisher.send(parcel("no picture"))
    assert [post["body"].get("made_with_ai") for post in place.stub.posts] == [True, None]
    assert [each["alt"] for each in place.stub.media.values()] == ["what it shows"]


async def test_a_double_is_recognised_as_ours(place: Place, publisher: Publisher) -> None:
    first = parcel("said <once> & for all")
    sent = await publisher.send(first)
    again = await publisher.send(first)  # X answers 403
    assert again.posted.id == sent.posted.id
    assert again.posted.text == first.text
    assert len(place.stub.posts) == 1


async def test_a_double_of_something_old_is_refused(place: Place, publisher: Publisher) -> None:
    await publisher.send(parcel("as before"))
    place.stub.posts[0]["at"] -= timedelta(days=1)
    with pytest.raises(RefusedError, match="X has this text already, from another post"):
        await publisher.send(parcel("as before"))


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_what_cannot_be_read_is_left_to_a_person(place: Place, publisher: Publisher, status: int) -> None:
    first = parcel("unread")
    await publisher.send(first)
    place.stub.reading = status
    with pytest.raises(UnreadableError):
        await publisher.find(first)
    with pytest.raises(UnreadableError):
        await publisher.send(first)  # a double that cannot be looked for
    with pytest.raises(UnreadableError):
        await publisher.recent(3)


async def test_without_credits_nothing_is_posted_for_now(place: Place, publisher: Publisher) -> None:
    assert place.proxy
    with place.proxy.refusing(402, {"title": "CreditsDepleted", "detail": "no credits"}), pytest.raises(LaterError):
        await publisher.send(parcel("poor"))


async def test_a_picture_that_does_not_get_through_posts_nothing(place: Place, publisher: Publisher) -> None:
    assert place.proxy
    proxy = places.LossProxy(place.proxy._loop, place.stub.port, posting="POST /2/media")
    other = Place(place.account.model_copy(update={"service": proxy.url}), place.texts, place.pictures).open()
    for way in ("close", "rst", "half", "502"):
        with proxy.losing(way), pytest.raises(LaterError):
            await other.send(parcel(f"picture {way}", picture=PICTURE))
    with proxy.refusing(400, {"title": "Invalid"}), pytest.raises(RefusedError):
        await other.send(parcel("a bad picture", picture=PICTURE))
    await other.close()
    proxy.close()
    assert place.texts() == []


async def test_our_posts_are_read_page_after_page(place: Place, publisher: Publisher) -> None:
    first = parcel("the first of many")
    await publisher.send(first)
    for number in range(230):
        place.stub.posts.append(place.stub.posts[0] | {"id": str(number), "written": f"one of many, {number}"})
    found = await publisher.find(first)
    assert found
    assert found.posted.id == place.stub.posts[0]["id"]
    assert len(await publisher.recent(7)) == 7
    reads = [path for method, path in place.stub.asked if path.endswith("/tweets") and method == "GET"]
    assert len(reads) == 4  # three pages, and one for the latest


async def test_only_posts_since_the_parcel_count(place: Place, publisher: Publisher) -> None:
    first = parcel("said again")
    await publisher.send(first)
    place.stub.posts[0]["at"] -= timedelta(minutes=12)
    assert await publisher.find(first) is None
    assert await publisher.find(parcel("said again", ago=150))


async def test_who_we_are_is_asked_only_where_it_has_to_be(place: Place, publisher: Publisher) -> None:
    await publisher.find(parcel("nothing"))
    asked = [path for _, path in place.stub.asked if path == "/2/users/me"]
    assert len(asked) == (0 if isinstance(place.account, XAccount) and place.account.signs else 1)
    for each in (publisher, place.open()):  # the second one reads what was kept: asking costs
        assert await each.check() == "@apocrypha"
        await each.close()
    assert [path for _, path in place.stub.asked].count("/2/users/me") == 1


async def test_what_looking_cost_is_on_the_bill(place: Place, publisher: Publisher) -> None:
    for number in range(3):
        await publisher.send(parcel(f"post {number}"))
    found = await publisher.find(parcel("post 0"))
    assert found
    assert found.cost == POST + 3 * READ
    assert await publisher.find(parcel("not there")) is None
    assert (await publisher.send(parcel("not there"))).cost == POST + 3 * READ


async def test_what_a_person_made_of_a_text_costs_no_more_than_it_should(place: Place, publisher: Publisher) -> None:
    with pytest.raises(RefusedError, match=r"X would make a link of 'it\.so'"):
        await publisher.send(parcel("see it.so"))
    assert place.stub.posts == []


async def test_a_token_that_ran_out_is_renewed_and_kept(loop: Loop) -> None:
    place = places.x(loop, signs=False)
    publisher = place.open()
    await publisher.send(parcel("with the first token"))
    place.stub.access = "ran out"
    await publisher.send(parcel("with the second token", picture=PICTURE))
    kept = json.loads(place.vault.kept["x x"])
    assert (kept["access"], kept["refresh"]) == (place.stub.access, place.stub.refresh)
    await publisher.close()

    another = place.open()  # a new process: the settings still have the first refresh token, which X takes no more
    await another.send(parcel("with the token that was kept"))
    place.stub.access, place.stub.refresh = "ran out", "refresh-7-MARKED"
    with pytest.raises(RefusedError, match="authorise the app anew") as caught:
        await another.send(parcel("nobody lets us in"))
    assert "MARKED" not in str(caught.value)
    await another.close()

    anew = place.account.model_copy(update={"refresh_token": type(place.account.refresh_token)("refresh-7-MARKED")})
    authorised = Place(anew, place.texts, place.pictures, vault=place.vault).open()
    await authorised.send(parcel("let in again"))
    await authorised.close()
    assert len(place.texts()) == 4
    assert place.proxy
    place.proxy.close()
    place.stub.close()


async def test_a_token_that_another_process_renewed_is_taken(loop: Loop) -> None:
    place = places.x(loop, signs=False)
    one, other = place.open(), place.open()
    await one.send(parcel("one"))
    await other.send(parcel("other"))
    place.stub.access = "ran out"
    await one.send(parcel("one renews"))
    await other.send(parcel("other takes it"))
    assert place.stub.refresh == "refresh-2-MARKED"  # renewed twice in all
    await one.close()
    await other.close()
    assert place.proxy
    place.proxy.close()
    place.stub.close()


async def test_a_wrong_signature_is_refused(loop: Loop) -> None:
    place = places.x(loop)
    wrong = type(place.account.consumer_secret)("wrong-MARKED")
    publisher = Place(place.account.model_copy(update={"consumer_secret": wrong}), list, list).open()
    with pytest.raises(RefusedError, match="401"):
        await publisher.send(parcel("unsigned"))
    await publisher.close()
    assert place.proxy
    place.proxy.close()
    place.stub.close()


async def test_a_post_that_is_gone_can_be_taken_down(publisher: Publisher) -> None:
    await publisher.delete("123")
