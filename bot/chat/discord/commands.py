"""What everybody may ask by a slash command: answers, another voice, and to be forgotten."""

import asyncio
from typing import Any

from discord import app_commands
from discord.app_commands import Choice, Range, command, describe

from bot.chat.discord.answers import Wish
from bot.chat.discord.host import Interaction, acknowledge, asked_by
from bot.chat.discord.wording import heard, plain, quoted
from bot.conversation import Conversation, Reply
from bot.publish.discord import LONGEST

OFFERED = 25  # choices that Discord takes
HELP = """\
I write text that was never written, in voices learned from books, code and speeches. Do not expect a conversation \
partner: what you say colours the answer.
**Talk**: call me by name, answer one of my messages, write to me directly, or `/ask`. `/continue` lets the last \
answer go on. Under each answer: *again*, *longer*, *hotter* (wilder), *cooler* (sober), *receipt* (what makes it \
again, byte for byte), *report*.
**Voices**: `/styles` lists them, `/style` chooses yours in this channel, `/blend` mixes two.
**Admins**: `/settings` for this server, `/post` and `/schedule` for what is posted.
**About you** I keep your last turns in each channel, 30 days at most. `/forget me` deletes them."""


async def offer_styles(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """Return the styles whose names have in them what was typed, those that begin with it first."""
    names = sorted(interaction.client.host.registry.plugins)
    found = sorted((name for name in names if typed.lower() in name), key=lambda name: not name.startswith(typed))
    return [Choice(name=name, value=name) for name in found[:OFFERED]]


@command()
@describe(
    message="what you say",
    style="who answers, this once",
    temperature="0 is the likeliest text, 1 the model's own chances, above is wild",
    seed="the same seed and message: the same answer",
    length="the most characters of the answer",
)
@app_commands.autocomplete(style=offer_styles)
async def ask(
    interaction: Interaction,
    message: Range[str, 0, 2000],
    style: str | None = None,
    temperature: Range[float, 0, 5] | None = None,
    seed: Range[int, 0] | None = None,
    length: Range[int, 1, 4000] | None = None,
) -> None:
    """Say something, and hear what a voice makes of it."""
    host, text = interaction.client.host, heard(message, interaction.application_id, {})
    options = {"temperature": temperature, "seed": seed, "length": length}
    given = {name: value for name, value in options.items() if value is not None}

    def reply(talk: Conversation, who: str) -> Reply:
        if given:
            talk.set(**given)
        return talk.reply(text, who)

    if style:
        host.registry.get(style)
    once = bool(style or given)
    await host.respond(interaction, Wish(reply, heading=quoted(text), style=style or "", once=once))


@command(name="continue")
async def go_on(interaction: Interaction) -> None:
    """Let the last answer go on."""
    host, asked = interaction.client.host, asked_by(interaction)
    latest = await asyncio.to_thread(host.talks.latest, asked.channel, asked.person)

    def more(talk: Conversation, who: str) -> Reply:
        if talk.turns:
            talk.speak_as(talk.turns[-1].receipt.request.style)
        return talk.more(who)

    await host.respond(interaction, Wish(more, follows=latest, once=True))


@command()
@describe(name="the voice; leave it out to hear who speaks now")
@app_commands.autocomplete(name=offer_styles)
async def style(interaction: Interaction, name: str | None = None) -> None:
    """Choose who speaks to you in this channel."""
    host, asked = interaction.client.host, asked_by(interaction)
    await acknowledge(interaction, hidden=True)
    memory = await asyncio.to_thread(host.talks.recall, asked.channel, asked.person)
    if name:
        host.registry.get(name)
        options = memory.options.model_copy(update={"blend": None})
        await asyncio.to_thread(host.talks.choose, asked, name, options, host.clock())
    speaker = name or memory.style or host.style_of(interaction)
    await interaction.edit_original_response(content=f"You are talking to {plain(speaker)}.")


@command()
async def styles(interaction: Interaction) -> None:
    """List the voices."""
    plugins = sorted(interaction.client.host.registry.plugins.items())
    lines = [f"**{plain(name)}**: {plain(plugin.manifest.summary)}" for name, plugin in plugins]
    await interaction.response.send_message("\n".join(lines)[:LONGEST], ephemeral=True)


@command()
@describe(style="the voice that is mixed in", part="its part in every guess, 0 to 1; 0 ends the blend")
@app_commands.autocomplete(style=offer_styles)
async def blend(interaction: Interaction, style: str, part: Range[float, 0, 1]) -> None:
    """Mix a second voice into the one that speaks to you in this channel."""
    host, asked = interaction.client.host, asked_by(interaction)
    await acknowledge(interaction, hidden=True)
    host.registry.get(style)
    memory = await asyncio.to_thread(host.talks.recall, asked.channel, asked.person)
    first = memory.style or host.style_of(interaction)
    options = memory.options.model_copy(update={"blend": (style, part) if part else None})
    await host.answers.check(first, options)
    await asyncio.to_thread(host.talks.choose, asked, first, options, host.clock())
    mixed = f" with {part:g} of {style}" if part else ""
    await interaction.edit_original_response(content=plain(f"You are talking to {first}{mixed}."))


forget = app_commands.Group(name="forget", description="What is kept about you")


@forget.command(name="me")
@describe(always="and keep nothing from now on: every question stands alone")
async def forget_me(interaction: Interaction, always: bool = False) -> None:
    """Delete everything that is kept about you."""
    await acknowledge(interaction, hidden=True)
    host = interaction.client.host
    turns = await asyncio.to_thread(host.talks.forget, interaction.user.id, always)
    told = f"Forgotten: your voices and options, and {turns} answers with what was asked."
    if always:
        told += " From now on I keep nothing about you but this wish; `/forget undo` ends it."
    await interaction.edit_original_response(content=told)


@forget.command(name="undo")
async def forget_undo(interaction: Interaction) -> None:
    """Remember your last turns again from now on."""
    await acknowledge(interaction, hidden=True)
    await asyncio.to_thread(interaction.client.host.talks.welcome, interaction.user.id)
    await interaction.edit_original_response(content="I remember our last turns again, from now on.")


@command(name="help")
async def show_help(interaction: Interaction) -> None:
    """Say what I can do, and what I keep."""
    await interaction.response.send_message(HELP, ephemeral=True)


COMMANDS: tuple[app_commands.Command[Any, ..., None] | app_commands.Group, ...] = (
    *(ask, go_on, style, styles, blend, forget, show_help),
)
