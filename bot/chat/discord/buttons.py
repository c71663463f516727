"""The buttons under an answer: again, longer, hotter, cooler, receipt, report.

What a button stands for is in its name on Discord, the rest in the store; so it works after a restart, and as long as
the answer is remembered.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BytesIO
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.chat.discord.answers import Wish
from bot.chat.discord.host import Host, Interaction, guarded, say
from bot.chat.discord.wording import plain
from bot.chat.talks import Answered
from bot.conversation import Conversation, Options, Reply
from generators.receipt import Receipt

STEP, COOLEST, HOTTEST = 0.2, 0.1, 2.0  # of temperatures
SHORT = 1_000  # characters of a receipt that is shown; a longer one is a file
ROWS = (("again", "longer", "hotter", "cooler"), ("receipt", "report"))
FORGOTTEN = "I no longer remember this answer. Ask me again."
ANOTHERS = "Only the one who asked can have it said differently. Ask me yourself: /ask"

log = logging.getLogger(__name__)


class AnswerButton(DynamicItem[Button[View]], template=r"answer:(?P<what>[a-z]+):(?P<answer>\d+)"):
    """One of them."""

    def __init__(self, what: str, answer: int, row: int | None = None) -> None:
        """Stand for `what` of an answer."""
        super().__init__(Button(label=what, custom_id=f"answer:{what}:{answer}"), row=row)
        self.what, self.answer = what, answer

    @classmethod
    async def from_custom_id(cls, interaction: discord.Interaction, item: Any, match: re.Match[str], /) -> Self:
        """Return the button that was pressed."""
        del interaction, item
        return cls(match["what"], int(match["answer"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what it stands for."""
        await guarded(interaction, self._pressed(interaction))

    async def _pressed(self, interaction: Interaction) -> None:
        host = interaction.client.host
        answered = await asyncio.to_thread(host.talks.answer, self.answer)
        if answered is None:
            await say(interaction, FORGOTTEN)
        else:
            await PRESSED[self.what](host, interaction, answered)


def answer_buttons(answer: int) -> View:
    """Return the buttons under an answer."""
    view = View(timeout=None)
    for row, names in enumerate(ROWS):
        for name in names:
            view.add_item(AnswerButton(name, answer, row))
    return view


def _asking(ask: Callable[[Conversation, str], Reply]) -> "Pressed":
    """Return what has an answer said differently, in its own voice, with its own options."""

    async def pressed(host: Host, interaction: Interaction, answered: Answered) -> None:
        if interaction.user.id != answered.asked.person:
            await say(interaction, ANOTHERS)
            return
        receipt = answered.turn.receipt
        memory = replace(answered.memory, style=receipt.request.style, options=_options(receipt))
        await host.respond(interaction, Wish(ask, memory=memory, follows=answered.asked.id, once=True))

    return pressed


def _options(receipt: Receipt) -> Options:
    """Return the options that an answer was written with, but for the seed: it is to be another one."""
    request = receipt.request
    known = request.model_dump(include={"length", "adapt", "blend", "candidates"})
    return Options(**known, temperature=request.sampling.temperature, prefix=request.prefix or None)


def _warmer(step: float) -> Callable[[Conversation, str], Reply]:
    def ask(talk: Conversation, who: str) -> Reply:
        warmth = (talk.options.temperature or 0.0) + step
        talk.set(temperature=round(min(max(warmth, COOLEST), HOTTEST), 2))
        return talk.again(who)

    return ask


async def _show_receipt(host: Host, interaction: Interaction, answered: Answered) -> None:
    del host
    line, request = str(answered.turn.receipt), answered.turn.receipt.request
    about = f"{request.style}, temperature {request.sampling.temperature:g}, seed {request.seed}"
    told = f"{plain(about)}. Whoever has this model can write it again: `apocrypha verify RECEIPT`"
    if len(line) <= SHORT:
        await interaction.response.send_message(f"{told}\n```\n{line}\n```", ephemeral=True)
        return
    file = discord.File(BytesIO(line.encode()), "receipt.txt")
    await interaction.response.send_message(told, file=file, ephemeral=True)


async def _report(host: Host, interaction: Interaction, answered: Answered) -> None:
    """Take an answer down where the one who asked, or a moderator, reports it; in any case tell the admins."""
    own = interaction.user.id == answered.asked.person or interaction.permissions.manage_messages
    log.warning("answer %d in channel %d was reported", answered.asked.id, answered.asked.channel)
    if own:
        await asyncio.to_thread(host.talks.retract, answered.asked.id)
        await _take_down(interaction, answered)
    await say(interaction, "Thank you. " + ("I took it back." if own else "The admins of this server will see it."))
    desk = interaction.client.get_channel(host.servers.get(answered.asked.server).desk or 0)
    if isinstance(desk, discord.abc.Messageable):
        link = "(taken back)" if own else interaction.message.jump_url if interaction.message else ""
        text = plain(answered.turn.answer[:SHORT])
        await desk.send(f"Reported by {plain(interaction.user.display_name)} {link}\n>>> {text}"[:2000])


async def _take_down(interaction: Interaction, answered: Answered) -> None:
    await interaction.response.defer()
    channel = interaction.client.get_partial_messageable(answered.asked.channel)
    shown = interaction.message.id if interaction.message else 0
    for message in (number for number in answered.messages if number != shown):
        with contextlib.suppress(discord.HTTPException):
            await channel.get_partial_message(message).delete()
    await interaction.delete_original_response()


Pressed = Callable[[Host, Interaction, Answered], Awaitable[None]]
PRESSED: dict[str, Pressed] = {
    "again": _asking(Conversation.again),
    "longer": _asking(Conversation.more),
    "hotter": _asking(_warmer(STEP)),
    "cooler": _asking(_warmer(-STEP)),
    "receipt": _show_receipt,
    "report": _report,
}
