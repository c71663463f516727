"""/settings: what admins choose for a server or one of its channels, and what anybody may look at."""

import asyncio
import json
from collections.abc import Callable, Iterator
from io import BytesIO

import discord
from discord import app_commands
from discord.app_commands import Range, describe

from bot.chat.discord.commands import offer_styles
from bot.chat.discord.host import Interaction, acknowledge
from bot.chat.discord.rights import need_admin
from bot.chat.discord.wording import plain
from bot.chat.servers import ServerSettings
from bot.publish.discord import LONGEST

EXPORT = "apocrypha-settings.json"

settings = app_commands.Group(name="settings", description="How I behave in this server", guild_only=True)


async def change(interaction: Interaction, told: str, changed: Callable[[ServerSettings], ServerSettings]) -> None:
    """Have an admin change the settings of the server, and say what it is now."""
    need_admin(interaction)
    await acknowledge(interaction, hidden=True)
    servers, server = interaction.client.host.servers, interaction.guild_id or 0
    await asyncio.to_thread(servers.put, server, changed(servers.get(server)))
    await interaction.edit_original_response(content=told)


@settings.command()
async def show(interaction: Interaction) -> None:
    """Show the settings of this server."""
    host = interaction.client.host
    lines = _lines(host.servers.get(interaction.guild_id or 0), host.settings.style)
    await interaction.response.send_message("\n".join(lines)[:LONGEST], ephemeral=True)


@settings.command()
async def export(interaction: Interaction) -> None:
    """Get the settings of this server as a file."""
    stored = interaction.client.host.servers.get(interaction.guild_id or 0).stored
    file = discord.File(BytesIO(json.dumps(stored, indent=1).encode()), EXPORT)
    await interaction.response.send_message(file=file, ephemeral=True)


@settings.command()
@describe(name="the voice; leave it out for the bot's own", channel="for one channel; else for the whole server")
@app_commands.autocomplete(name=offer_styles)
async def style(interaction: Interaction, name: str | None = None, channel: discord.TextChannel | None = None) -> None:
    """Choose who speaks where nobody chose another voice."""
    if name:
        interaction.client.host.registry.get(name)
    who, where = plain(name or interaction.client.host.settings.style), channel.mention if channel else "this server"
    await change(interaction, f"{who} speaks in {where}.", lambda now: _set(now, channel, style=name or ""))


@settings.command()
@describe(hours="local hours, as 22:00-07:00; leave it out to end them", zone="as Europe/Berlin")
@describe(channel="for one channel; else for the whole server")
async def quiet(
    interaction: Interaction,
    hours: str | None = None,
    zone: str | None = None,
    channel: discord.TextChannel | None = None,
) -> None:
    """Set hours in which nobody is answered."""
    where = channel.mention if channel else "this server"
    told = f"Quiet hours in {where}: {plain(hours)}." if hours else f"No quiet hours in {where}."
    zones = {"zone": zone} if zone else {}
    await change(interaction, told, lambda now: _set(now.changed(**zones), channel, quiet=hours))


@settings.command()
@describe(channel="where", allowed="whether I talk there")
async def talk(interaction: Interaction, channel: discord.TextChannel, allowed: bool = True) -> None:
    """Let me talk in chosen channels only; while none is chosen I talk in all."""

    def changed(now: ServerSettings) -> ServerSettings:
        others = tuple(number for number in now.channels if number != channel.id)
        return now.changed(channels=(*others, channel.id) if allowed else others)

    await change(interaction, f"I {'talk' if allowed else 'no longer talk'} in {channel.mention}.", changed)


@settings.command()
@describe(role="who may change settings, besides Manage Server; leave it out for nobody else")
async def admins(interaction: Interaction, role: discord.Role | None = None) -> None:
    """Choose the admins' role."""
    told = f"Admins: {plain(role.name)} and whoever may manage the server." if role else "No role has admins' rights."
    await change(interaction, told, lambda now: now.changed(admins=role.id if role else None))


@settings.command()
@describe(channel="the channel; leave it out for none")
async def desk(interaction: Interaction, channel: discord.TextChannel | None = None) -> None:
    """Choose where reports and posts that wait for approval are shown."""
    told = f"Reports and waiting posts are shown in {channel.mention}." if channel else "Reports are only noted."
    await change(interaction, told, lambda now: now.changed(desk=channel.id if channel else None))


@settings.command()
@describe(answers="how many; leave it out for as many as the operator allows")
async def daily(interaction: Interaction, answers: Range[int, 0] | None = None) -> None:
    """Limit the answers of this server a day."""
    told = "As many answers a day as the operator allows." if answers is None else f"At most {answers:,} answers a day."
    await change(interaction, told, lambda now: now.changed(daily=answers))


def _set(now: ServerSettings, channel: discord.abc.GuildChannel | None, **fields: object) -> ServerSettings:
    return now.with_room(channel.id, **fields) if channel else now.changed(**fields)


def _lines(now: ServerSettings, own: str) -> Iterator[str]:
    """Yield the settings as a person reads them; `own` is the bot's own voice."""
    yield f"Voice: {plain(now.style or f'{own}, my own')}"
    yield f"I talk in {' '.join(f'<#{channel}>' for channel in now.channels) or 'all channels'}"
    yield f"Quiet hours: {f'{now.quiet} ({now.zone})' if now.quiet else 'none'}"
    yield f"Admins: {f'<@&{now.admins}> and ' if now.admins else ''}whoever may manage the server"
    yield f"Reports and waiting posts: {f'<#{now.desk}>' if now.desk else 'only noted'}"
    yield f"Answers a day: {'as many as the operator allows' if now.daily is None else f'{now.daily:,}'}"
    for channel, room in now.rooms.items():
        about = (room.style, f"quiet {room.quiet}" if room.quiet else "")
        yield f"<#{channel}>: {plain(', '.join(filter(None, about)))}"
