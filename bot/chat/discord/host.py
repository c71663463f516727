"""Where everything that reaches the bot arrives: it is let in or not, acknowledged, and handed on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import discord

from bot.accounts import DiscordChat
from bot.chat.desk import Desk
from bot.chat.discord.answers import BROKEN, Answers, Wish
from bot.chat.discord.sheet import InteractionSheet, ReplySheet, insist
from bot.chat.discord.typing import Typing
from bot.chat.discord.wording import heard, plain
from bot.chat.door import Door
from bot.chat.servers import Servers
from bot.chat.talks import Asked, Talks
from corpora.errors import UserError
from generators.registry import Registry

if TYPE_CHECKING:
    from bot.chat.discord.client import TalkClient

ACKNOWLEDGED = 40060  # Discord's code: that was answered already, by a try of ours whose answer was lost
LEAVING = "I am leaving for a moment. Ask again in a minute."

log = logging.getLogger(__name__)
Interaction: TypeAlias = "discord.Interaction[TalkClient]"
Room = discord.abc.GuildChannel | discord.Thread | discord.abc.PrivateChannel | None


@dataclass(frozen=True)
class Host:
    """All that the commands, the buttons and the events work on."""

    talks: Talks
    servers: Servers
    door: Door
    answers: Answers
    desk: Desk
    settings: DiscordChat
    clock: Callable[[], datetime]
    say: Callable[[str], None]
    typing: Typing

    async def hear(self, client: discord.Client, message: discord.Message) -> None:
        """Answer a message that is meant for us."""
        if self.answers.leaving or not client.user or not _meant(message, client.user):
            return
        names = {person.id: person.display_name for person in message.mentions}
        text = heard(message.content, client.user.id, names)
        await self.reply(message, text)

    async def reply(self, message: discord.Message, text: str) -> None:
        """Answer what a message says."""
        channel = message.channel
        asked = _asked(message.id, message.author.id, message.guild, channel)
        if message.guild and not _writable(channel, message.guild):
            return
        sheet = ReplySheet(channel, message.to_reference(fail_if_not_exists=False))
        if refusal := self.door.refusal(asked):
            if not refusal.known and self.door.limits.tell(asked.person):
                await sheet.tell(refusal.line)
            return
        with self.typing.shown(channel):
            await self.answers.answer(asked, Wish(lambda talk, who: talk.reply(text, who)), sheet)

    async def retract(self, question: int) -> None:
        """Stop answering a question that is no longer there, and forget it."""
        if not self.answers.withdraw(question):
            await asyncio.to_thread(self.talks.retract, question)

    async def respond(self, interaction: Interaction, wish: Wish) -> None:
        """Answer a command or a button with what a voice says."""
        asked = asked_by(interaction)
        if self.answers.leaving:
            await say(interaction, LEAVING)
        elif refusal := self.door.refusal(asked):
            await say(interaction, refusal.line)
        else:
            await acknowledge(interaction)
            await self.answers.answer(asked, wish, InteractionSheet(interaction))

    @property
    def registry(self) -> Registry:
        """Return the styles that there are."""
        return self.desk.registry

    def style_of(self, interaction: Interaction) -> str:
        """Return who speaks where nobody chose another voice."""
        asked = asked_by(interaction)
        return self.servers.get(asked.server).room(asked.room).style or self.settings.style


async def acknowledge(interaction: Interaction, hidden: bool = False) -> None:
    """Tell Discord that an answer will come; it waits three seconds for that. Only who asked can see a `hidden` one."""
    with acknowledged():
        await insist(lambda: interaction.response.defer(thinking=True, ephemeral=hidden))


async def say(interaction: Interaction, line: str) -> None:
    """Say something that only who asked can see."""
    if interaction.response.is_done():
        await interaction.followup.send(line, ephemeral=True)
        return
    with acknowledged():
        await insist(lambda: interaction.response.send_message(line, ephemeral=True))


async def guarded(interaction: Interaction, work: Awaitable[None]) -> None:
    """Do what was asked for; what goes wrong is explained to who asked."""
    try:
        await work
    except Exception as error:
        await explain(interaction, error)


async def explain(interaction: Interaction, error: Exception) -> None:
    """Say what a person can mend, and note the rest: the one place where that is decided for commands and buttons."""
    line = plain(str(error)) if isinstance(error, UserError) else BROKEN
    if line == BROKEN:
        log.error("question %d", interaction.id, exc_info=error)
    try:
        await say(interaction, line)
    except (discord.HTTPException, OSError) as fault:
        log.warning("it could not be said what went wrong: %s", fault)


@contextmanager
def acknowledged() -> Iterator[None]:
    """Take it for done where Discord says that it is done already."""
    try:
        yield
    except discord.HTTPException as error:
        if error.code != ACKNOWLEDGED:
            raise


def asked_by(interaction: Interaction) -> Asked:
    """Return a command or a button as a question."""
    return _asked(interaction.id, interaction.user.id, interaction.guild_id, interaction.channel)


def _asked(
    number: int, person: int, guild: discord.Guild | int | None, channel: "discord.abc.MessageableChannel | Room"
) -> Asked:
    server = guild.id if isinstance(guild, discord.Guild) else guild or 0
    place = channel.id if channel else 0
    room = channel.parent_id if isinstance(channel, discord.Thread) else place
    return Asked(number, place, person, server, room)


def _meant(message: discord.Message, me: discord.ClientUser) -> bool:
    """Return whether a person talks to us: between two, or by our name. Bots never do, or two would go on for ever."""
    if message.author.bot or message.webhook_id or message.type.name not in ("default", "reply"):
        return False
    return message.guild is None or any(person.id == me.id for person in message.mentions)


def _writable(channel: "discord.abc.MessageableChannel", guild: discord.Guild) -> bool:
    if isinstance(channel, discord.PartialMessageable):  # a thread that we have not heard of yet; it may be tried
        return True
    rights = channel.permissions_for(guild.me)
    return rights.send_messages_in_threads if isinstance(channel, discord.Thread) else rights.send_messages
