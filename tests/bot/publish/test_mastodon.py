"""Mastodon: limits that the server tells, servers that heed keys and others, and pictures that take their time."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.accounts import MastodonAccount
from bot.publish import mastodon
from bot.publish.publisher import LaterError, Parcel, Publisher, RefusedError, UnreadableError
from generators.pictures.picture import Picture
from tests.servers import places
from tests.servers.places import Place
from tests.servers.stub import Stub, answer
from tests.servers.threads import Loop


class Odd(Stub):
    """A server with limits of its own, that dresses texts up and works long on pictures."""

    def __init__(self, loop: Loop) -> None:
        self.version, self.source = "4.2.0 (compatible; Odd 1.0)", True
        self.posts: list[dict[str, Any]] = []
        self.polls = 2  # until a picture is ready
        self.scopes = True
        super().__init__(loop)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/v2/instance/", self._instance)
        router.add_get("/api/v1/instance/", self._instance)
        router.add_get("/api/v1/accounts/verify_credentials", self._me)
        router.add_patch("/api/v1/accounts/update_credentials", self._update)
        router.add_get("/api/v1/accounts/1/statuses", self._list)
        router.add_post("/api/v1/statuses", self._post)
        router.add_get("/api/v1/statuses/{id}/source", self._source)
        router.add_post("/api/v2/media", self._media)
        router.add_get("/api/v1/media/9", self._media)

    async def _instance(self, request: web.Request) -> web.Response:
        limits = {"statuses": {"max_characters": 1000, "characters_reserved_per_url": 30, "max_media_attachments": 4}}
        limits["media_attachments"] = {"image_size_limit": 5000, "description_limit": 20}
        return answer({"version": self.version, "configuration": limits, "api_versions": {"mastodon": 1}})

    async def _me(self, request: web.Request) -> web.Response:
        return answer({"id": "1", "acct": "odd", "bot": False})

    async def _update(self, request: web.Request) -> web.Response:
        return answer({"id": "1", "acct": "odd", "bot": True}) if self.scopes else answer({"error": "scope"}, 403)

    async def _post(self, request: web.Request) -> web.Response:
        form = await request.post()
        post = {
            "id": str(len(self.posts) + 1),
            "content": "<p>*** censored ***</p>",
            "url": "",
            "source": form["status"],
        }
        post |= {"created_at": datetime.now(UTC).isoformat(), "asked": dict(form)}
        self.posts.append(post)
        return answer(post)

    async def _list(self, request: web.Request) -> web.Response:
        return answer(self.posts[::-1])

    async def _source(self, request: web.Request) -> web.Response:
        if not self.source:
            return answer({"error": "Record not found"}, 404)
        return answer({"id": "1", "text": self.posts[int(request.match_info["id"]) - 1]["source"], "spoiler_text": ""})

    async def _media(self, request: web.Request) -> web.Response:
        self.alt = (await request.post()).get("description", "") if request.method == "POST" else self.alt
        self.polls -= request.method == "GET"
        return answer({"id": "9", "type": "image", "url": None if self.polls > 0 else "http://a/b.png"}, 202)


@pytest.fixture
def odd(loop: Loop) -> Iterator[Odd]:
    odd = Odd(loop)
    yield odd
    odd.close()


def account(odd: Odd, **options: Any) -> MastodonAccount:
    return MastodonAccount(name="odd", api_base_url=f"http://127.0.0.1:{odd.port}", access_token="t-MARKED", **options)


@pytest.fixture
async def publisher(odd: Odd) -> AsyncIterator[Publisher]:
    publisher = Place(account(odd, content_warning="machine"), list, list).open()
    yield publisher
    await publisher.close()


def parcel(text: str, picture: Picture | None = None) -> Parcel:
    return Parcel(text, hashlib.sha256(text.encode()).hexdigest(), datetime.now(UTC), picture=picture)


async def test_the_server_tells_its_limits(publisher: Publisher) -> None:
    assert publisher.room == 500 - len("machine")
    assert await publisher.check() == f"@odd on {publisher._record.api_base_url}"  # type: ignore[attr-defined]
    assert publisher.room == 1000 - len("machine")
    assert publisher.fault("a" * 993, None) == ""
    assert "994 characters" in publisher.fault("a" * 994, None)
    assert publisher.size("see https://example.com/a/long/way/to/go now") == 4 + 30 + 4
    assert "takes 5,000" in publisher.fault("", Picture(bytes(5001), "", 1, 1))
    assert "would tell @noah" in publisher.fault("O @noah!", None)
    assert publisher.fault("a@b.c", None) == ""


@pytest.mark.parametrize(
    ("version", "heeds"),
    [
        ("4.6.0", True),
        ("3.5.19+glitch", True),
        ("2.7.2 (compatible; Pleroma 2.9.0)", True),
        ("2.7.2 (compatible; Akkoma 3.13.2-0-g)", True),
        ("4.2.0 (not true; really snac/2.75)", False),
        ("3.5.3 (compatible; Pixelfed 0.12.4)", False),
        ("0.19.1+git-abcdef", False),
        ("", False),
    ],
)
def test_a_server_is_known_by_its_version(version: str, heeds: bool) -> None:
    assert mastodon.heeds_keys(version) == heeds


async def test_the_settings_know_better(odd: Odd) -> None:
    assert Place(account(odd, keys=True), list, list).open().repeatable > timedelta(0)
    odd.version = "4.6.0"
    for keys, repeatable in ((None, mastodon.KEPT), (False, timedelta(0))):
        publisher = Place(account(odd, keys=keys), list, list).open()
        assert publisher.repeatable == timedelta(0)
        await publisher.check()
        assert publisher.repeatable == repeatable
        await publisher.close()


async def test_a_text_that_was_dressed_up_is_found_as_it_was_written(odd: Odd, publisher: Publisher) -> None:
    first = parcel("$$$ ### the *truth*")
    await publisher.send(parcel("something else"))
    assert await publisher.find(first) is None
    sent = await publisher.send(first)
    found = await publisher.find(first)
    assert found
    assert found.posted.id == sent.posted.id
    odd.source = False
    with pytest.raises(UnreadableError, match="as it was written"):
        await publisher.find(first)


async def test_the_same_text_of_long_ago_is_not_ours(odd: Odd, publisher: Publisher) -> None:
    first = parcel("said before")
    await publisher.send(first)
    odd.posts[0]["created_at"] = (datetime.now(UTC) - timedelta(minutes=12)).isoformat()
    assert await publisher.find(first) is None


async def test_a_post_has_what_was_chosen(odd: Odd, publisher: Publisher) -> None:
    await publisher.send(parcel("chosen"))
    asked = odd.posts[0]["asked"]
    assert (asked["visibility"], asked["spoiler_text"], asked["language"]) == ("unlisted", "machine", "en")


async def test_a_picture_is_waited_for(odd: Odd, publisher: Publisher) -> None:
    await publisher.send(parcel("picture", Picture(b"png", "a very long description of it", 1, 1)))
    assert odd.posts[0]["asked"]["media_ids[]"] == "9"
    assert odd.alt == "a very long descript"


async def test_a_picture_that_is_never_ready_posts_nothing(
    odd: Odd, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mastodon, "POLLS", 2)
    odd.polls = 99
    with pytest.raises(LaterError, match="still works"):
        await publisher.send(parcel("picture", Picture(b"png", "", 1, 1)))
    assert odd.posts == []


async def test_a_token_that_may_only_post_is_enough(
    odd: Odd, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    odd.scopes = False
    assert await publisher.check()
    assert "could not be marked as a bot" in caplog.text
    assert "MARKED" not in caplog.text


async def test_a_server_that_shows_nothing_of_ours(odd: Odd, publisher: Publisher) -> None:
    odd.posts = [{"id": str(number), "content": "", "created_at": "2030-01-01T00:00:00Z"} for number in range(50)]
    with pytest.raises(UnreadableError, match="too many"):
        await publisher.find(parcel("lost among many"))


async def test_a_wrong_token_is_refused(loop: Loop, mastodon_mock: int) -> None:
    place = places.mastodon(loop, mastodon_mock, "wrong-MARKED")
    publisher = place.open()
    with pytest.raises(RefusedError) as caught:
        await publisher.check()
    assert "MARKED" not in str(caught.value)
    await publisher.close()
    assert place.proxy
    place.proxy.close()
