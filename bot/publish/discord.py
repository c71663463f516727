"""Posts on Discord, by discord.py without its gateway: into a channel as a bot, or through a webhook.

A channel knows a repetition for some minutes (nonce), and can be read afterwards. A webhook knows nothing and reads
nothing: a post whose answer was lost is left to a person.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
from discord.http import Route

from bot.accounts import WEBHOOK, DiscordAccount
from bot.publish.answers import alike, meaning, named, never_left, pause
from bot.publish.publisher import LaterError, Parcel, Posted, RefusedError, Sent, UnreadableError
from generators.pictures.picture import Picture

LONGEST, ALT, BIGGEST = 2_000, 1_024, 10_000_000  # characters, characters, bytes of a picture
NONCE = 24  # characters; Discord takes 25
BEFORE = timedelta(minutes=10)  # our clock and theirs may differ
READ = 1_000  # posts of a channel that are looked through
REQUEST = 25  # seconds for one thing that is asked

logging.getLogger("discord.webhook.async_").setLevel(logging.INFO)  # below this it logs the webhook's secret


class LostError(Exception):
    """Discord failed while it had our request: nobody knows what became of it."""


class _Publisher:
    """What a channel and a webhook have in common."""

    platform = "discord"
    timeout = timedelta(seconds=90)
    together = 1
    room = LONGEST

    def __init__(self, account: DiscordAccount) -> None:
        self.account = account.name
        self._record = account
        Route.BASE = account.service  # the library has one address for the whole process

    def size(self, text: str) -> int:
        """Return the characters that are sent, marks of escape included."""
        return len(shown(text))

    def fault(self, text: str, picture: Picture | None) -> str:
        """Return why Discord would not take this; "" where it would."""
        if not text.strip() and picture is None:
            return "there is neither text nor picture"
        if (size := self.size(text)) > LONGEST:
            return f"{size:,} characters; Discord takes {LONGEST:,}"
        if picture and len(picture.png) > BIGGEST:
            return f"the picture has {len(picture.png):,} bytes; Discord takes {BIGGEST:,}"
        return ""

    def cost(self, text: str, picture: Picture | None) -> Decimal:
        """Return nothing: it is free."""
        del text, picture
        return Decimal(0)


class ChannelPublisher(_Publisher):
    """A channel that a bot writes into."""

    repeatable = timedelta(minutes=2)  # Discord says "the past few minutes"

    def __init__(self, account: DiscordAccount) -> None:
        """Log in when it is needed."""
        super().__init__(account)
        self._client: discord.Client | None = None
        self._channel: Any = None

    async def check(self) -> str:
        """Log in anew and find the channel."""
        self._channel = None
        channel = await self._enter()
        return f"{self._client and self._client.user} in #{channel}"

    async def send(self, parcel: Parcel) -> Sent:
        """Post it, with a nonce from its key."""
        channel = await self._enter()
        async with _meant():
            return Sent(_posted(await channel.send(**_content(parcel), nonce=parcel.key[:NONCE])))

    async def find(self, parcel: Parcel) -> Sent | None:
        """Read the channel since the parcel was frozen."""
        messages = await self._messages(after=parcel.created_at - BEFORE, limit=READ)
        for message in messages:
            if alike(shown(parcel.text), message.content) and self._is_ours(message):
                return Sent(_posted(message))
        if len(messages) == READ:
            raise UnreadableError(f"more than {READ:,} posts since {parcel.created_at:%Y-%m-%d %H:%M} UTC")
        return None

    async def recent(self, count: int) -> list[Posted]:
        """Return our latest posts in the channel."""
        messages = await self._messages(limit=min(5 * count + 100, READ))
        return [_posted(message) for message in messages if self._is_ours(message)][:count]

    async def delete(self, post: str) -> None:
        """Take a post down."""
        channel = await self._enter()
        try:
            async with _meant():
                await channel.get_partial_message(int(post)).delete()
        except RefusedError as error:
            if not isinstance(error.__cause__, discord.NotFound):
                raise

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await self._client.close()

    async def _enter(self) -> Any:
        """Log in without a gateway and find the channel. Nothing is posted by this."""
        if self._channel is None:
            await self.close()
            client = self._client = discord.Client(
                intents=discord.Intents.none(), http_trace=_trace(), max_ratelimit_timeout=30
            )
            assert self._record.token
            assert self._record.channel
            async with _meant(harmless=True):
                await client.login(self._record.token.get_secret_value())
                self._channel = await client.fetch_channel(self._record.channel)
        return self._channel

    async def _messages(self, **bounds: Any) -> list[discord.Message]:
        channel = await self._enter()
        try:
            async with _meant():
                return [message async for message in channel.history(**bounds)]
        except RefusedError as error:
            raise UnreadableError(f"the channel cannot be read: {error}") from error

    def _is_ours(self, message: discord.Message) -> bool:
        return bool(self._client and self._client.user and message.author.id == self._client.user.id)


class WebhookPublisher(_Publisher):
    """A webhook: it can post and delete, not read."""

    repeatable = timedelta(0)

    def __init__(self, account: DiscordAccount) -> None:
        """Connect when it is needed."""
        super().__init__(account)
        self._session: aiohttp.ClientSession | None = None
        self._about: discord.Webhook | None = None

    async def check(self) -> str:
        """Say whose webhook it is."""
        async with _meant(harmless=True):
            self._about = await self._webhook().fetch()
        return f"{self._about.name} (webhook)"

    async def send(self, parcel: Parcel) -> Sent:
        """Post it."""
        async with _meant():
            return Sent(_posted(await self._webhook().send(**_content(parcel), wait=True)))

    async def find(self, parcel: Parcel) -> Sent | None:
        """Raise UnreadableError: a webhook reads nothing."""
        del parcel
        raise UnreadableError("a webhook cannot read what it posted; look into the channel")

    async def recent(self, count: int) -> list[Posted]:
        """Raise UnreadableError: a webhook reads nothing."""
        del count
        raise UnreadableError("a webhook cannot read what it posted; look into the channel")

    async def delete(self, post: str) -> None:
        """Take a post down."""
        try:
            async with _meant():
                await self._webhook().delete_message(int(post))
        except RefusedError as error:
            if not isinstance(error.__cause__, discord.NotFound):
                raise

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    def _webhook(self) -> discord.Webhook:
        assert self._record.webhook
        match = WEBHOOK.fullmatch(self._record.webhook.get_secret_value())
        assert match
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=REQUEST), trace_configs=[_trace()]
            )
        return discord.Webhook.partial(int(match["id"]), match["token"], session=self._session)


def shown(text: str) -> str:
    """Return what has to be sent so that a text is shown as it is: nothing in it is a format, a link or a call."""
    escaped = discord.utils.escape_markdown(text, as_needed=False, ignore_links=False)
    return re.sub(r"(?<=\w):(?=//)", r"\\:", escaped)


def _content(parcel: Parcel) -> dict[str, Any]:
    content: dict[str, Any] = {
        "content": shown(parcel.text),
        "allowed_mentions": discord.AllowedMentions.none(),
        "suppress_embeds": True,
    }
    if picture := parcel.picture:
        content["file"] = discord.File(BytesIO(picture.png), "picture.png", description=picture.alt[:ALT] or None)
    return content


def _posted(message: discord.Message) -> Posted:
    text = re.sub(r"\\([^\w\s]|_)", r"\1", message.content)
    return Posted(str(message.id), message.jump_url, text, message.created_at)


def _trace() -> aiohttp.TraceConfig:
    """Return what ends a request at its first answer: the library would try again, and a webhook twice is two posts."""

    async def look(_session: object, _context: SimpleNamespace, ended: aiohttp.TraceRequestEndParams) -> None:
        answer = ended.response
        if answer.status == 429 or answer.status >= 500:
            reason = f"{answer.status} {answer.reason}"
            answer.close()
            raise LaterError(reason, pause(answer.headers)) if answer.status == 429 else LostError(reason)

    async def give_up(_session: object, _context: SimpleNamespace, failed: aiohttp.TraceRequestExceptionParams) -> None:
        if isinstance(failed.exception, OSError) and not never_left(failed.exception):
            raise LostError(named(failed.exception))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(look)
    trace.on_request_exception.append(give_up)
    return trace


@asynccontextmanager
async def _meant(*, harmless: bool = False) -> AsyncIterator[None]:
    """Give errors their meaning, and requests an end; what is `harmless` posts nothing, whatever goes wrong."""
    try:
        async with asyncio.timeout(REQUEST):
            yield
    except discord.HTTPException as error:
        known = meaning(error.status, named(error), error.response.headers)
        if known is None and not harmless:
            raise
        raise known or LaterError(named(error)) from error
    except discord.RateLimited as error:
        raise LaterError("too many requests", timedelta(seconds=error.retry_after)) from error
    except discord.LoginFailure as error:
        raise RefusedError("Discord does not take the token of this bot") from error
    except (RefusedError, LaterError):
        raise
    except Exception as error:
        if harmless or never_left(error):
            raise LaterError(named(error)) from error
        raise
