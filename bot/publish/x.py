"""Posts on X. It knows no key, so nothing may be sent twice: after a lost answer our own posts are read, for money."""

import html
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from bot.accounts import XAccount
from bot.publish import tweet
from bot.publish.answers import alike
from bot.publish.prices import READ, price
from bot.publish.publisher import LaterError, Parcel, Posted, RefusedError, Sent, UnreadableError, Vault
from bot.publish.x_client import XClient
from generators.pictures.picture import Picture

BIGGEST = 5_000_000  # bytes of a picture
BEFORE = timedelta(minutes=10)  # our clock and theirs may differ
PAGE, LEAST = 100, 5  # posts that can be read at once


class Me(NamedTuple):
    """Who we are there."""

    number: str
    name: str


class XPublisher:
    """One account on X."""

    platform = "x"
    repeatable = timedelta(0)
    timeout = timedelta(seconds=130)  # up to five requests, of 25 seconds each
    together = 1
    room = tweet.HEAVIEST

    def __init__(self, account: XAccount, vault: Vault) -> None:
        """Act as `account`; tokens that X hands out are kept in `vault`."""
        self.account = account.name
        self._client, self._vault = XClient(account, vault), vault
        token = account.access_token.get_secret_value() if account.access_token else ""
        first = token.partition("-")[0]
        self._number = first if first.isdigit() else ""  # a token of OAuth 1.0a starts with our number
        self._reading = dict[str, Decimal]()  # what has been paid for looking, by a parcel's key

    def size(self, text: str) -> int:
        """Return what X counts."""
        return tweet.weight(text)

    def fault(self, text: str, picture: Picture | None) -> str:
        """Return why X would not take this, or would take it for what it is not; "" where all is well."""
        if not text.strip() and picture is None:
            return "there is neither text nor picture"
        if links := tweet.links(text):
            return f"X would make a link of '{links[0][:60]}', and charge for it"
        if mentions := tweet.mentions(text):
            return f"X would tell {mentions[0][:60]} of it"
        if len(cashtags := tweet.cashtags(text)) > 1:
            return f"X takes one cashtag at most: {', '.join(cashtags[:5])}"
        if (weight := tweet.weight(text)) > tweet.HEAVIEST:
            return f"X counts {weight:,} characters; it takes {tweet.HEAVIEST}"
        if picture and len(picture.png) > BIGGEST:
            return f"the picture has {len(picture.png):,} bytes; X takes {BIGGEST:,}"
        return ""

    def cost(self, text: str, picture: Picture | None) -> Decimal:
        """Return the price of a post without a link, and of its picture's alt text."""
        del text
        return price(self.platform, bool(picture and picture.alt))

    async def check(self) -> str:
        """Return our name there. X charges $0.010 for telling it: it is asked once for all that lets us in."""
        return f"@{(await self._who()).name}"

    async def send(self, parcel: Parcel) -> Sent:
        """Post it; where X says that it has this text already, look for it.

        What a person has made of a text is not X's to judge: it would take a link, for another price.
        """
        if fault := self.fault(parcel.text, parcel.picture):
            raise RefusedError(fault)
        body: dict[str, Any] = {"text": parcel.text}
        if parcel.picture:
            body |= {"media": {"media_ids": [await self._client.upload(parcel.picture)]}, "made_with_ai": True}
        try:
            made = (await self._client.ask("POST", "/2/tweets", json=body))["data"]
        except RefusedError as error:
            if self._client.status != 403 or "duplicate" not in str(error).lower():
                raise
            if sent := await self.find(parcel):
                return sent
            raise RefusedError(f"X has this text already, from another post: {error}") from error
        return self._sent(Posted(made["id"], _url(made["id"]), parcel.text), parcel)

    async def find(self, parcel: Parcel) -> Sent | None:
        """Read our posts since the parcel was frozen; X charges $0.001 for each."""
        since = {"start_time": _stamp(parcel.created_at - BEFORE), "max_results": PAGE}
        async for posted in self._posts(since):
            self._reading[parcel.key] = self._reading.get(parcel.key, Decimal(0)) + READ
            if alike(parcel.text, posted.text):
                return self._sent(posted, parcel)
        return None

    async def recent(self, count: int) -> list[Posted]:
        """Return our latest posts; X charges $0.001 for each."""
        posts = list[Posted]()
        async for posted in self._posts({"max_results": min(max(count, LEAST), PAGE)}):
            posts.append(posted)
            if len(posts) == count:
                break
        return posts

    async def delete(self, post: str) -> None:
        """Take a post down."""
        try:
            await self._client.ask("DELETE", f"/2/tweets/{post}")
        except RefusedError:
            if self._client.status != 404:
                raise

    async def close(self) -> None:
        """Start nothing more."""
        self._client.close()

    async def _posts(self, bounds: dict[str, Any]) -> AsyncIterator[Posted]:
        """Yield our posts, the newest first, page after page. Raise UnreadableError where we may not read them."""
        asked = {"exclude": "retweets", "tweet.fields": "created_at,entities"} | bounds
        try:
            self._number = self._number or (await self._who()).number
            while True:
                page = await self._client.ask("GET", f"/2/users/{self._number}/tweets", params=asked)
                for each in page.get("data", []):
                    yield _posted(each)
                if "next_token" not in page.get("meta", {}):
                    return
                asked["pagination_token"] = page["meta"]["next_token"]
        except (RefusedError, LaterError) as error:
            if self._client.status in (401, 402, 403):
                raise UnreadableError(f"our posts cannot be read: {error}") from error
            raise

    async def _who(self) -> Me:
        """Return who we are, as kept or as X says."""
        name = f"x {self.account} {self._client.origin}"
        if kept := await self._vault.read(name):
            return Me(*json.loads(kept))
        told = (await self._client.ask("GET", "/2/users/me"))["data"]
        me = Me(told["id"], told["username"])
        await self._vault.write(name, json.dumps(me))
        return me

    def _sent(self, posted: Posted, parcel: Parcel) -> Sent:
        return Sent(posted, self.cost(parcel.text, parcel.picture) + self._reading.pop(parcel.key, Decimal(0)))


def _posted(made: dict[str, Any]) -> Posted:
    """Return a post with its text as it was written: not escaped, its links spelt out, without that of its picture."""
    text = made["text"]
    for link in made.get("entities", {}).get("urls", []):
        text = text.replace(link["url"], "" if "media_key" in link else link.get("expanded_url", link["url"]))
    at = datetime.fromisoformat(made["created_at"]) if "created_at" in made else None
    text = html.unescape(re.sub(r"\s*https://t\.co/\w+\s*$", "", text)).strip()
    return Posted(made["id"], _url(made["id"]), text, at)


def _url(post: str) -> str:
    return f"https://x.com/i/web/status/{post}"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
