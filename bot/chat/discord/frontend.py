"""The bot on Discord, from its token to its farewell.

A connection that ends, for whatever reason, is followed by a new one, after a pause that grows while it fails.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import discord
from discord.http import Route

from bot.accounts import DiscordChat
from bot.chat.desk import Desk
from bot.chat.discord.answers import Answers
from bot.chat.discord.buttons import answer_buttons
from bot.chat.discord.client import ShardedClient, TalkClient
from bot.chat.discord.host import Host
from bot.chat.discord.typing import Typing
from bot.chat.door import Door
from bot.chat.limits import Limits, Rates
from bot.chat.servers import Servers
from bot.chat.talks import Talks
from bot.publish.answers import named
from generators.engine import Engine

FIRST, LONGEST = 1.0, 300.0  # seconds of a pause
GOOD = 60.0  # seconds that a connection has to stand for the pauses to be short again
FAREWELL = 7.5  # seconds to finish what is being said
CLOSING = 1.5  # seconds to close the connection

log = logging.getLogger(__name__)
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # we say nothing aloud
logging.getLogger("discord.http").setLevel(logging.INFO)  # below this it logs what people say


@dataclass(frozen=True)
class Frontend:
    """Chats on Discord while it runs. `chance` returns from 0 to 1; `seconds` only go forward."""

    settings: DiscordChat
    engine: Engine
    desk: Desk
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    say: Callable[[str], None]
    rates: Rates = field(default_factory=Rates)
    seconds: Callable[[], float] = time.monotonic
    first: float = FIRST
    farewell: float = FAREWELL

    async def run(self, done: asyncio.Event) -> None:
        """Chat until `done`; then finish what is being said, within ten seconds, and leave."""
        assert self.settings.token
        Route.BASE = self.settings.service
        host = await asyncio.to_thread(self.host)
        token, pauses = self.settings.token.get_secret_value(), self._pauses()
        connection = ShardedClient if self.settings.sharded else TalkClient
        leaving = asyncio.create_task(done.wait())
        while not done.is_set():
            client, began = connection(host), self.seconds()
            talking = asyncio.create_task(client.start(token))
            try:
                await asyncio.wait((talking, leaving), return_when=asyncio.FIRST_COMPLETED)
                host.answers.leaving = done.is_set()
                await host.answers.finish(self.farewell)
            finally:
                await host.answers.break_off()
                await _close(client, talking)
            if done.is_set():
                break
            if self.seconds() - began > GOOD and client.greeted:
                pauses = self._pauses()
            pause = LONGEST if _is_refused(talking) else next(pauses)
            self.say(f"discord: {_reason(talking)}. I try again in {pause:.0f} s")
            await asyncio.wait((leaving,), timeout=pause)
        await asyncio.to_thread(host.servers.save)

    def host(self) -> Host:
        """Return all that a connection works on; the next one takes it over."""
        talks, servers = Talks(self.desk.store), Servers(self.desk.store)
        door = Door(servers, Limits(self.rates, self.seconds), self.clock, self.settings.daily)
        answers = Answers(self.engine, talks, servers, self.settings.style, self.clock, self.seconds, answer_buttons)
        return Host(talks, servers, door, answers, self.desk, self.settings, self.clock, self.say, Typing())

    def _pauses(self) -> Iterator[float]:
        """Yield pauses, each about twice as long as the one before, and never quite as long as others'."""
        pause = self.first
        while True:
            yield pause * (0.5 + self.chance() / 2)
            pause = min(2 * pause, LONGEST)


async def _close(client: TalkClient, talking: "asyncio.Task[None]") -> None:
    """End a connection; one that cannot be ended in time is let go of."""
    talking.cancel()  # first: what it hears while it is closed, it cannot tell any more
    await asyncio.wait((talking,))
    try:
        async with asyncio.timeout(CLOSING):
            await client.close()
    except Exception as error:
        log.info("the connection did not close: %s", named(error))


def _is_refused(talking: "asyncio.Task[None]") -> bool:
    """Return whether it makes no sense to come back soon: too many wrong tokens have the whole address refused."""
    return not talking.cancelled() and isinstance(
        talking.exception(), discord.LoginFailure | discord.PrivilegedIntentsRequired
    )


def _reason(talking: "asyncio.Task[None]") -> str:
    """Return why a connection ended."""
    error = None if talking.cancelled() else talking.exception()
    if isinstance(error, discord.LoginFailure):
        return "Discord does not take this token; look for another one in the Developer Portal, under Bot"
    return f"the connection ended ({named(error)})" if error else "the connection ended"
