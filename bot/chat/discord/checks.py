"""What is said when the connection stands: where we lack a permission, and how to invite us where we are nowhere."""

from collections.abc import Iterator

import discord

NEEDED = {
    "view_channel": "see it",
    "send_messages": "write",
    "attach_files": "show pictures",
    "read_message_history": "answer messages",
}
WANTED = discord.Permissions(**dict.fromkeys((*NEEDED, "send_messages_in_threads"), True))
LINES = 20  # that are said


def permissions(client: discord.Client) -> Iterator[str]:
    """Yield a line for each server, and one for each of its channels where something is missing."""
    if not client.guilds and client.application_id:
        yield f"I am in no server yet; whoever manages one can add me: {_invitation(client.application_id)}"
    said = 0
    for guild in client.guilds:
        channels = guild.text_channels
        lacking = [(channel, missing) for channel in channels if (missing := _missing(channel, guild))]
        yield f"{guild.name} ({guild.id}): {len(channels) - len(lacking)} of {len(channels)} channels are ready"
        for channel, missing in lacking[: max(LINES - said, 0)]:
            yield f"{guild.name} #{channel.name}: I may not {', '.join(missing)}"
        said += len(lacking)
    if said > LINES:
        yield f"{said - LINES} more channels where something is missing"


def _invitation(application: int) -> str:
    return discord.utils.oauth_url(application, permissions=WANTED, scopes=("bot", "applications.commands"))


def _missing(channel: discord.TextChannel, guild: discord.Guild) -> list[str]:
    rights = channel.permissions_for(guild.me)
    return [what for name, what in NEEDED.items() if not getattr(rights, name)]
