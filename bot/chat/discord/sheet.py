"""Where an answer is written: messages that are sent, and edited while it goes on.

A message into a channel has a nonce made of the question's number. So an answer that is sent once more, because nobody
knows whether it arrived or because the question came again, is still there once. A notice has another nonce than the
answer, or it would be taken for it.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

import aiohttp
import discord

from bot.publish.discord import ALT
from generators.pictures.picture import Picture

REQUEST = 25  # seconds for one thing that is asked of Discord, its own pauses included
PAUSES = (0.5, 1.0, 2.0)  # seconds, after a request that was lost
LOST = (OSError, aiohttp.ClientError, discord.DiscordServerError)  # TimeoutError is an OSError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Extras:
    """What the last message has besides text."""

    view: discord.ui.View | None = None
    picture: Picture | None = None

    def fields(self, files: str) -> dict[str, Any]:
        """Return arguments for discord.py, which takes files by two names, and each only once."""
        fields: dict[str, Any] = {"view": self.view} if self.view else {}
        if picture := self.picture:
            fields[files] = [discord.File(BytesIO(picture.png), "picture.png", description=picture.alt[:ALT])]
        return fields


NOTHING = Extras()


class Sheet(ABC):
    """The messages of one answer."""

    def __init__(self) -> None:
        """Send nothing yet."""
        self._sent: list[discord.Message] = []
        self._pages: list[str] = []

    @property
    def blank(self) -> bool:
        """Return whether nothing was sent."""
        return not self._sent

    @property
    def messages(self) -> list[int]:
        """Return the numbers of the messages that were sent."""
        return [message.id for message in self._sent]

    async def show(self, pages: Sequence[str], extras: Extras = NOTHING) -> None:
        """Make the messages these pages, the last one with `extras`."""
        for number, page in enumerate(pages):
            own = extras if number == len(pages) - 1 else NOTHING
            if number == len(self._sent):
                self._sent.append(await self._send(number, page, own))
                self._pages.append(page)
            elif own != NOTHING or page != self._pages[number]:
                self._sent[number] = await self._edit(self._sent[number], page, own)
                self._pages[number] = page
        for message in self._sent[len(pages) :]:
            with contextlib.suppress(discord.NotFound):
                await insist(message.delete)
        del self._sent[len(pages) :], self._pages[len(pages) :]

    async def erase(self) -> None:
        """Delete what was sent."""
        await self.show([])

    @abstractmethod
    async def tell(self, line: str) -> None:
        """Say something that is no answer."""

    @abstractmethod
    async def _send(self, number: int, page: str, extras: Extras) -> discord.Message:
        """Send a page."""

    @staticmethod
    async def _edit(message: discord.Message, page: str, extras: Extras) -> discord.Message:
        return await insist(lambda: message.edit(content=page, **extras.fields("attachments")))


class ReplySheet(Sheet):
    """An answer to a message, as replies to it; `id` is the message's."""

    def __init__(self, channel: discord.abc.Messageable, question: discord.MessageReference) -> None:
        """Write into `channel`."""
        super().__init__()
        self._channel, self._question = channel, question

    async def tell(self, line: str) -> None:
        """Say something that is no answer, as a reply."""
        await insist(lambda: self._deliver(line, "notice", NOTHING))

    async def _send(self, number: int, page: str, extras: Extras) -> discord.Message:
        sent = await insist(lambda: self._deliver(page, str(number), extras))
        if sent.content.strip() == page.strip() and bool(sent.components) == bool(extras.view):
            return sent
        return await self._edit(sent, page, extras)  # this is what an earlier try of another moment sent

    async def _deliver(self, content: str, part: str, extras: Extras) -> discord.Message:
        return await self._channel.send(
            content,
            nonce=nonce(self._question.message_id or 0, part),
            reference=self._question,
            suppress_embeds=True,
            **extras.fields("files"),
        )


class InteractionSheet(Sheet):
    """An answer to a command or a button, which was acknowledged."""

    def __init__(self, interaction: discord.Interaction) -> None:
        """Write in the place of what Discord shows meanwhile."""
        super().__init__()
        self._interaction = interaction

    async def tell(self, line: str) -> None:
        """Say something that is no answer; only who asked can see it where an answer is there already."""
        if self.blank:
            await insist(lambda: self._interaction.edit_original_response(content=line))
        else:
            await self._interaction.followup.send(line, ephemeral=True)

    async def erase(self) -> None:
        """Delete what was sent, or what Discord shows meanwhile."""
        if self.blank:
            await self._interaction.delete_original_response()
        await super().erase()

    async def _send(self, number: int, page: str, extras: Extras) -> discord.Message:
        if number == 0:
            change = self._interaction.edit_original_response
            return await insist(lambda: change(content=page, **extras.fields("attachments")))
        async with asyncio.timeout(REQUEST):
            return await self._interaction.followup.send(page, wait=True, **extras.fields("files"))


def nonce(question: int, part: str) -> str:
    """Return what names a part of the answer to a question; Discord takes 25 characters."""
    return f"{question:x}-{part}"


async def insist(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Ask until there is an answer, three times more at most. Only for what does no harm when it is done twice."""
    for pause in PAUSES:
        try:
            async with asyncio.timeout(REQUEST):
                return await ask()
        except LOST:
            await asyncio.sleep(pause)
    async with asyncio.timeout(REQUEST):
        return await ask()
