"""That somebody is typing: shown once in a channel, however many answers are being written there."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

import aiohttp
import discord

LONGEST = 60  # seconds


class Typing:
    """The channels in which something is being written."""

    def __init__(self) -> None:
        """Type nowhere yet."""
        self._answers: Counter[int] = Counter()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @contextlib.contextmanager
    def shown(self, channel: discord.abc.Messageable) -> Iterator[None]:
        """Show it until the end of the block; nothing waits for Discord here."""
        number: int = channel.id  # type: ignore[attr-defined]  # every channel that a message comes from has one
        self._answers[number] += 1
        if number not in self._tasks:
            self._tasks[number] = asyncio.create_task(_type(channel))
        try:
            yield
        finally:
            self._answers[number] -= 1
            if not self._answers[number]:
                del self._answers[number]
                self._tasks.pop(number).cancel()


async def _type(channel: discord.abc.Messageable) -> None:
    with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError):
        async with channel.typing():
            await asyncio.sleep(LONGEST)
