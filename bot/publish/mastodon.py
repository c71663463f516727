"""Posts on Mastodon and its kin, by Mastodon.py.

A server that heeds Idempotency-Key knows a repetition for an hour. Others exist: what a server says of itself tells
them apart, and until it has said it nothing is repeated.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from html.parser import HTMLParser
from typing import Any

from mastodon import Mastodon, MastodonNotFoundError

from bot.accounts import MastodonAccount
from bot.publish.answers import alike
from bot.publish.line import Line, Session
from bot.publish.publisher import LaterError, Parcel, Posted, RefusedError, Sent, UnreadableError
from generators.pictures.picture import Picture

KEPT = timedelta(minutes=50)  # of the hour for which a server remembers a key
BEFORE = timedelta(minutes=10)  # our clock and theirs may differ
PAGE, PAGES = 40, 25  # posts that can be read at once, and how often at most
POLLS = 20  # seconds given to a server that works on a picture
LINK = 23  # characters that Mastodon.py counts for any link
log = logging.getLogger(__name__)

_MENTION = re.compile(r"(?<![\w/])@\w+")


@dataclass(frozen=True)
class Limits:
    """What a server takes; by default what Mastodon does. `heeds` tells whether it knows a repeated key."""

    characters: int = 500
    link: int = LINK
    alt: int = 1_500
    picture: int = 16_777_216  # bytes
    heeds: bool = False


UNKNOWN = Limits()


class MastodonPublisher:
    """One account on one server."""

    platform = "mastodon"
    timeout = timedelta(seconds=130)  # up to five requests, of 25 seconds each
    together = 1

    def __init__(self, account: MastodonAccount) -> None:
        """Act as `account`."""
        self.account = account.name
        self._record = account
        self._line = Line(Session())
        self._line.session.headers["Connection"] = "close"  # some servers close, and say so only by closing
        self._heed(UNKNOWN)
        self._me: Any = None
        self._client = Mastodon(
            access_token=account.access_token.get_secret_value(),
            api_base_url=account.api_base_url,
            ratelimit_method="throw",
            session=self._line.session,
            user_agent="apocrypha",
        )

    def size(self, text: str) -> int:
        """Return the characters (graphemes) that Mastodon counts; links all count the same."""
        return Mastodon.get_status_length(text) + max(self._limits.link - LINK, 0) * text.count("://")

    def fault(self, text: str, picture: Picture | None) -> str:
        """Return why the server would not take this, or would take it for what it is not; "" where all is well."""
        if not text.strip() and picture is None:
            return "there is neither text nor picture"
        if mention := _MENTION.search(text):
            return f"Mastodon would tell {mention[0][:60]} of it"
        if (size := self.size(text)) > self.room:
            return f"Mastodon counts {size:,} characters; {self._record.api_base_url} takes {self.room:,}"
        if picture and len(picture.png) > self._limits.picture:
            return f"the picture has {len(picture.png):,} bytes; the server takes {self._limits.picture:,}"
        return ""

    def cost(self, text: str, picture: Picture | None) -> Decimal:
        """Return nothing: it is free."""
        del text, picture
        return Decimal(0)

    async def check(self) -> str:
        """Learn what the server takes, mark us as a bot, and say who we are."""
        self._heed(await self._line.prepare(self._learn))
        self._me = await self._line.prepare(self._client.account_verify_credentials)
        if self._record.mark_as_bot and not self._me.get("bot"):
            try:
                await self._line.prepare(self._client.account_update_credentials, bot=True)
            except RefusedError as error:  # a token may be good for posts and for nothing else
                log.warning("%s: could not be marked as a bot: %s", self.account, error)
        return f"@{self._me['acct']} on {self._record.api_base_url}"

    async def send(self, parcel: Parcel) -> Sent:
        """Post it, with its key."""
        if self._limits is UNKNOWN:
            self._heed(await self._line.prepare(self._learn))
        media = [await self._upload(parcel.picture)] if parcel.picture else None
        made = await self._line.ask(
            self._client.status_post,
            parcel.text,
            media_ids=media,
            visibility=self._record.visibility,
            spoiler_text=self._record.content_warning or None,
            sensitive=bool(self._record.content_warning),
            language=self._record.language,
            idempotency_key=parcel.key,
        )
        return Sent(_posted(made))

    async def find(self, parcel: Parcel) -> Sent | None:
        """Read our posts since the parcel was frozen; where a server may dress them up, also as they were written."""
        others = list[Posted]()
        async for posted in self._posts(parcel.created_at - BEFORE):
            if alike(parcel.text, posted.text):
                return Sent(posted)
            others.append(posted)
        if self._limits.heeds:
            return None
        if len(others) > PAGE:
            raise UnreadableError(
                f"{len(others)} posts since {parcel.created_at:%Y-%m-%d %H:%M} UTC are too many to ask for"
            )
        for posted in others:
            if alike(parcel.text, await self._source(posted)):
                return Sent(posted)
        return None

    async def _source(self, posted: Posted) -> str:
        try:
            return str((await self._line.ask(self._client.status_source, posted.id))["text"])
        except RefusedError as error:
            raise UnreadableError(f"{posted.url} cannot be read as it was written: {error}") from error

    async def recent(self, count: int) -> list[Posted]:
        """Return our latest posts."""
        posts = list[Posted]()
        async for posted in self._posts(None):
            posts.append(posted)
            if len(posts) == count:
                break
        return posts

    async def delete(self, post: str) -> None:
        """Take a post down."""
        try:
            await self._line.ask(self._client.status_delete, post)
        except RefusedError:
            if self._line.status != 404:
                raise

    async def close(self) -> None:
        """Start nothing more."""
        self._line.close()

    def _heed(self, limits: Limits) -> None:
        """Go by these limits; the content warning takes from the room for a text."""
        self._limits = limits
        self.room = limits.characters - len(self._record.content_warning)
        heeds = limits.heeds if self._record.keys is None else self._record.keys
        self.repeatable = KEPT if heeds else timedelta(0)

    def _learn(self) -> Limits:
        """Ask the server what it takes, in the new way or else in the old one."""
        try:
            about: Any = self._client.instance_v2()
        except MastodonNotFoundError:
            about = self._client.instance_v1()
        limits = about.get("configuration") or {}
        posts, media = limits.get("statuses") or {}, limits.get("media_attachments") or {}
        return Limits(
            posts.get("max_characters") or about.get("max_toot_chars") or Limits.characters,
            posts.get("characters_reserved_per_url") or Limits.link,
            media.get("description_limit") or Limits.alt,
            media.get("image_size_limit") or Limits.picture,
            heeds_keys(about.get("version") or ""),
        )

    async def _upload(self, picture: Picture) -> Any:
        """Hand over a picture with its alt text, and wait until the server has worked on it. Nothing is posted."""
        alt = picture.alt[: self._limits.alt]
        media: Any = await self._line.prepare(self._client.media_post, picture.png, "image/png", description=alt)
        for _ in range(POLLS):
            if media.get("url"):
                return media
            await asyncio.sleep(1)
            media = await self._line.prepare(self._client.media, media)
        raise LaterError("the server still works on the picture")

    async def _posts(self, since: datetime | None) -> AsyncIterator[Posted]:
        """Yield our posts since a moment, the newest first. Raise UnreadableError where we cannot read them all."""
        seen, oldest = set[str](), None
        try:
            if self._me is None:
                await self.check()
            for _ in range(PAGES):
                ask = partial(self._client.account_statuses, exclude_reblogs=True, limit=PAGE, max_id=oldest)
                page = [_posted(each) for each in await self._line.ask(ask, self._me["id"])]
                fresh = [posted for posted in page if posted.id not in seen]  # some servers know no max_id
                wanted = [posted for posted in fresh if since is None or (posted.at and posted.at >= since)]
                for posted in wanted:
                    yield posted
                if not fresh or len(wanted) < len(fresh):
                    return
                seen.update(posted.id for posted in fresh)
                oldest = fresh[-1].id
        except RefusedError as error:
            raise UnreadableError(f"our posts cannot be read: {error}") from error
        if since:
            raise UnreadableError(f"more than {PAGE * PAGES:,} posts since {since:%Y-%m-%d %H:%M} UTC")


def heeds_keys(version: str) -> bool:
    """Return whether a server of this version heeds Idempotency-Key: Mastodon, its forks, Pleroma and Akkoma do."""
    return bool(re.match(r"[2-9][\d.]*(\+\S*)?$", version) or re.search("pleroma|akkoma", version, re.I))


class _Plain(HTMLParser):
    """Collects the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attributes: object) -> None:
        del attributes
        self.text += "\n" if tag in ("br", "p") else ""


def _posted(made: Any) -> Posted:
    page = _Plain()
    page.feed(made["content"])
    text = made.get("text") or page.text.strip()  # some servers tell it as it was written
    return Posted(str(made["id"]), made.get("url") or "", text, made["created_at"].astimezone(UTC))
