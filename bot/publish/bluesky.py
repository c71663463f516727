"""Posts on Bluesky, by atproto.

A post is a record under a name that we choose, made from its key and moment. To put the same record there again changes
nothing, so a repetition is always safe.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import grapheme
import httpx
from atproto import AsyncClient, AsyncRequest, AtUri, Session, SessionEvent, models
from atproto.exceptions import AtProtocolError, RequestErrorBase

from bot.accounts import BlueskyAccount
from bot.publish.answers import meaning, named, never_left
from bot.publish.publisher import FOR_EVER, LaterError, Parcel, Posted, RefusedError, Sent, UnreadableError, Vault
from generators.pictures.picture import Picture

GRAPHEMES, BYTES = 300, 3_000
CONNECT, READ = 5, 20  # seconds
BIGGEST = 976_000  # bytes of a picture: 2 MB by the newest rules, 1 MB on servers that are older
POSTS, PROFILE = "app.bsky.feed.post", "app.bsky.actor.profile"
EXPIRED = ("ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired")
log = logging.getLogger(__name__)

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"

Result = TypeVar("Result")


class BlueskyPublisher:
    """One account. Its session is kept: Bluesky counts how often we log in."""

    platform = "bluesky"
    repeatable = FOR_EVER
    timeout = timedelta(seconds=60)
    together = 1
    room = GRAPHEMES

    def __init__(self, account: BlueskyAccount, vault: Vault) -> None:
        """Act as `account`; its session is kept in `vault`."""
        self.account = account.name
        self._record, self._vault = account, vault
        self._client = AsyncClient(account.service, request=AsyncRequest(timeout=httpx.Timeout(READ, connect=CONNECT)))
        self._client.on_session_change(self._keep)
        self._did = ""

    def size(self, text: str) -> int:
        """Return its graphemes."""
        return int(grapheme.length(text))

    def fault(self, text: str, picture: Picture | None) -> str:
        """Return why Bluesky would not take this; "" where it would."""
        if not text.strip() and picture is None:
            return "there is neither text nor picture"
        if (size := self.size(text)) > GRAPHEMES:
            return f"{size:,} characters; Bluesky takes {GRAPHEMES}"
        if (length := len(text.encode())) > BYTES:
            return f"{length:,} bytes; Bluesky takes {BYTES:,}"
        if picture and len(picture.png) > BIGGEST:
            return f"the picture has {len(picture.png):,} bytes; Bluesky takes {BIGGEST:,}"
        return ""

    def cost(self, text: str, picture: Picture | None) -> Decimal:
        """Return nothing: it is free."""
        del text, picture
        return Decimal(0)

    async def check(self) -> str:
        """Say who we are, and mark us as a bot."""
        await self._ask(self._describe)
        if self._record.mark_as_bot:
            try:
                await self._prepare(self._label)
            except RefusedError as error:
                log.warning("%s: could not be marked as a bot: %s", self.account, error)
        return f"@{self._record.handle}"

    async def send(self, parcel: Parcel) -> Sent:
        """Put the post under its name. Text is text: no part of it becomes a link or calls anybody."""
        embed = await self._prepare(self._embed, parcel.picture) if parcel.picture else None
        moment = parcel.created_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        record = models.AppBskyFeedPost.Record(
            created_at=moment, text=parcel.text, langs=list(self._record.languages) or None, embed=embed
        )
        made = await self._ask(self._put, POSTS, record_key(parcel), record)
        return Sent(_posted(made.uri, parcel.text, parcel.created_at))

    async def find(self, parcel: Parcel) -> Sent | None:
        """Look under the post's name."""
        try:
            found = await self._ask(self._get, POSTS, record_key(parcel))
        except RefusedError as error:
            if "RecordNotFound" in str(error):
                return None
            raise UnreadableError(f"our posts cannot be read: {error}") from error
        return Sent(_posted(found.uri, parcel.text, parcel.created_at))

    async def recent(self, count: int) -> list[Posted]:
        """Return our latest posts."""
        listed = await self._ask(self._list, min(max(count, 1), 100))
        posts = [(each.uri, each.value) for each in listed.records]
        return [_posted(uri, post.text, datetime.fromisoformat(post.created_at)) for uri, post in posts]

    async def delete(self, post: str) -> None:
        """Take a post down, by its at:// address."""
        await self._ask(self._remove, AtUri.from_str(post).rkey)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.request.close()

    async def _describe(self) -> Any:
        return await self._client.com.atproto.server.get_session()

    async def _put(self, collection: str, name: str, record: Any, instead_of: str | None = None) -> Any:
        data = models.ComAtprotoRepoPutRecord.Data(
            repo=self._did, collection=collection, rkey=name, record=record, swap_record=instead_of
        )
        return await self._client.com.atproto.repo.put_record(data)

    async def _get(self, collection: str, name: str) -> Any:
        asked = models.ComAtprotoRepoGetRecord.Params(repo=self._did, collection=collection, rkey=name)
        return await self._client.com.atproto.repo.get_record(asked)

    async def _list(self, count: int) -> Any:
        asked = models.ComAtprotoRepoListRecords.Params(repo=self._did, collection=POSTS, limit=count)
        return await self._client.com.atproto.repo.list_records(asked)

    async def _remove(self, name: str) -> Any:
        data = models.ComAtprotoRepoDeleteRecord.Data(repo=self._did, collection=POSTS, rkey=name)
        return await self._client.com.atproto.repo.delete_record(data)

    async def _embed(self, picture: Picture) -> Any:
        """Upload a picture; the same bytes get the same name, so a repeated record stays the same."""
        blob = (await self._client.upload_blob(picture.png)).blob
        shape = models.AppBskyEmbedDefs.AspectRatio(width=picture.width, height=picture.height)
        image = models.AppBskyEmbedImages.Image(alt=picture.alt, image=blob, aspect_ratio=shape)
        return models.AppBskyEmbedImages.Main(images=[image])

    async def _label(self) -> None:
        """Say in the profile that we are a bot, unless it says so; everything else in it stays."""
        try:
            found = await self._get(PROFILE, "self")
        except RequestErrorBase as error:
            if "RecordNotFound" not in str(error):
                raise
            found = None
        profile = found.value if found else models.AppBskyActorProfile.Record()
        values = profile.labels.values if profile.labels else []
        if all(label.val != "bot" for label in values):
            label = models.ComAtprotoLabelDefs.SelfLabel(val="bot")
            profile.labels = models.ComAtprotoLabelDefs.SelfLabels(values=[*values, label])
            await self._put(PROFILE, "self", profile, found.cid if found else None)

    async def _ask(self, request: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
        """Make a request in our session. Raise RefusedError or LaterError where it certainly did nothing."""
        try:
            await self._enter()
            try:
                return await request(*arguments)
            except RequestErrorBase as error:
                if _error(error) not in EXPIRED:
                    raise
            await self._log_in()
            return await request(*arguments)
        except (AtProtocolError, httpx.HTTPError) as error:
            known = _meaning(error)
            if known is None:
                raise
            raise known from error

    async def _prepare(self, request: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
        """Make a request that posts nothing, whatever goes wrong."""
        try:
            return await self._ask(request, *arguments)
        except (AtProtocolError, httpx.HTTPError) as error:
            raise LaterError(named(error)) from error

    async def _enter(self) -> None:
        """Take up the session that is kept, or log in."""
        if self._did:
            return
        if kept := await self._vault.read(self._name):
            await self._client.login(session_string=kept, fetch_bsky_profile=False)
        else:
            await self._log_in()

    async def _log_in(self) -> None:
        try:
            await self._client.login(
                self._record.handle, self._record.password.get_secret_value(), fetch_bsky_profile=False
            )
        except (AtProtocolError, httpx.HTTPError) as error:
            raise _meaning(error) or LaterError(named(error)) from error

    async def _keep(self, event: SessionEvent, session: Session) -> None:
        self._did = session.did
        if event is not SessionEvent.IMPORT:
            await self._vault.write(self._name, session.encode())

    @property
    def _name(self) -> str:
        return f"bluesky {self.account} {self._record.handle} {self._record.service}"


def record_key(parcel: Parcel) -> str:
    """Return the name of a post's record, a TID: the second from its moment, the rest from its key.

    That way two posts of one second have different names, but for one case in a billion (atproto.com/specs/tid).
    """
    chance = int(parcel.key[:16], 16)
    micros = int(parcel.created_at.timestamp()) * 1_000_000 + chance % 1_000_000
    number = micros << 10 | chance // 1_000_000 % 1024
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def _posted(address: str, text: str, at: datetime) -> Posted:
    uri = AtUri.from_str(address)
    return Posted(address, f"https://bsky.app/profile/{uri.hostname}/post/{uri.rkey}", text, at)


def _meaning(error: Exception) -> RefusedError | LaterError | None:
    response = error.response if isinstance(error, RequestErrorBase) else None
    if response is not None:
        return meaning(response.status_code, named(error), response.headers)
    return LaterError(named(error)) if never_left(error) else None


def _error(error: RequestErrorBase) -> str:
    """Return the service's word for what is wrong."""
    return str(getattr(error.response and error.response.content, "error", ""))
