"""The connection to Discord: its events, the commands it is told of, and what is checked when it stands.

No privileged intent is asked for: what mentions us, answers us or is said between two comes with its text.
"""

import asyncio
import hashlib
import json
import logging
from datetime import timedelta
from typing import Any

import discord
from discord import app_commands
from discord.gateway import DiscordWebSocket
from yarl import URL

from bot.chat.discord import commands, post_commands, settings_commands
from bot.chat.discord.approvals import Approvals, PostButton
from bot.chat.discord.buttons import AnswerButton
from bot.chat.discord.checks import permissions
from bot.chat.discord.host import Host, Interaction, explain
from bot.chat.discord.rights import is_home
from bot.publish.answers import named
from corpora.errors import UserError

INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
RESUMED = timedelta(minutes=2)  # how old a question may be that is taken up again: Discord still knows its nonces
SWEEP = 3600.0  # seconds between two looks for what is too old to be kept
CHANGED = "My commands are not what they were. Reload Discord, and try again."
FEW = 10  # connections of the thousand that are allowed a day
SAVE = 60.0  # seconds between two savings of what was counted

log = logging.getLogger(__name__)


class Tree(app_commands.CommandTree["TalkClient"]):
    """The slash commands."""

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Explain what went wrong."""
        if isinstance(error, app_commands.CommandInvokeError):
            await explain(interaction, error.original)
        else:
            await explain(interaction, UserError(CHANGED))


class TalkClient(discord.Client):
    """One connection; after its end there is a new one."""

    def __init__(self, host: Host) -> None:
        """Connect nowhere yet."""
        super().__init__(
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
        )
        self.host = host
        self.greeted = False
        self.tree = Tree(self)
        for each in (*commands.COMMANDS, settings_commands.settings, post_commands.post, post_commands.schedule):
            self.tree.add_command(each)
        self.add_dynamic_items(AnswerButton, PostButton)
        self._work: list[asyncio.Task[None]] = []

    async def setup_hook(self) -> None:
        """Say who we are, and tell Discord of commands that changed."""
        self.host.say(f"discord: I am {self.user}, run by {self.application and self.application.owner}")
        self.host.say("discord: intents: servers, their messages, direct messages; none that is privileged")
        await self._tell_commands()

    async def connect(self, *, reconnect: bool = True) -> None:
        """Connect to the gateway that Discord names."""
        shards, gateway, starts = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway)  # the library has one address for the whole process
        if starts["remaining"] < FEW:
            self.host.say(f"discord: only {starts['remaining']} more connections are allowed today")
        if shards > 1 and not isinstance(self, discord.AutoShardedClient):
            self.host.say(f"discord: it wants {shards} connections; put `sharded = true` under [discord]")
        await super().connect(reconnect=reconnect)

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Tell nobody of what comes after the end, over which the library would stumble."""
        if not self.is_closed():
            super().dispatch(event, *args, **kwargs)

    async def on_ready(self) -> None:
        """Say where we may not work, and go on with what the last process left."""
        if self.greeted:
            return
        self.greeted = True
        for line in permissions(self):
            self.host.say(f"discord: {line}")
        self._work = [
            asyncio.create_task(work) for work in (Approvals(self, self.host.desk).run(), self._tidy(), self._resume())
        ]

    async def on_message(self, message: discord.Message) -> None:
        """Answer what is meant for us."""
        await self.host.hear(self, message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Stop answering a question that was deleted, and forget it."""
        await self.host.retract(event.message_id)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Stop answering questions that were deleted, and forget them."""
        for message in event.message_ids:
            await self.host.retract(message)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Note a new server."""
        self.host.say(f"discord: I was added to {guild.name} ({guild.id})")

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Forget a server that we were removed from."""
        self.host.say(f"discord: I was removed from {guild.name} ({guild.id}); what was kept of it is deleted")
        await asyncio.to_thread(self.host.servers.forget, guild.id)
        await asyncio.to_thread(self.host.talks.leave, guild.id)

    async def close(self) -> None:
        """Keep what was counted, and leave."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await super().close()

    def desk_channel(self) -> discord.TextChannel | None:
        """Return where posts that wait are shown: the desk of the operator's server."""
        for guild in self.guilds:
            channel = guild.get_channel(self.host.servers.get(guild.id).desk or 0)
            if isinstance(channel, discord.TextChannel) and is_home(self.host, self, guild):
                return channel
        return None

    async def _tell_commands(self) -> None:
        """Tell Discord of the commands where they are others than the last time: it takes few such calls a day."""
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        name = f"discord commands of {self.application_id}"
        if await asyncio.to_thread(self.host.desk.mark, name) == digest:
            self.host.say(f"discord: {len(payload)} commands, as they were")
            return
        try:
            await self.tree.sync()
        except discord.HTTPException as error:
            self.host.say(f"discord: it does not take the commands ({named(error)}); those of the last time stay")
            return
        await asyncio.to_thread(self.host.desk.set_mark, name, digest)
        self.host.say(f"discord: {len(payload)} commands, told anew")

    async def _resume(self) -> None:
        """Take up what was being answered when the last process died."""
        for asked in await asyncio.to_thread(self.host.talks.unfinished, self.host.clock() - RESUMED):
            if self.host.answers.is_answering(asked.id):  # it came while we were greeted
                continue
            channel = self.get_channel(asked.channel) or self.get_partial_messageable(asked.channel)
            try:
                message = await channel.fetch_message(asked.id)  # type: ignore[union-attr]  # people write into it
            except discord.HTTPException:  # a command, or a question that is gone
                await asyncio.to_thread(self.host.talks.end, asked.id)
                continue
            await asyncio.to_thread(self.host.talks.unclaim, asked.id)
            await self.host.hear(self, message)

    async def _tidy(self) -> None:
        """Forget what is too old, and keep what is counted, now and then."""
        while True:
            await asyncio.to_thread(self.host.talks.sweep, self.host.clock())
            for _ in range(round(SWEEP / SAVE)):
                await asyncio.sleep(SAVE)
                await asyncio.to_thread(self.host.servers.save)


class ShardedClient(TalkClient, discord.AutoShardedClient):
    """As many connections as Discord wants, each with its share of the servers.

    A first connection that fails is tried again by the library, every five seconds.
    """
