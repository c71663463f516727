"""Who may do what: admins of a server, and the accounts that they may post to.

An admin of any server may change that server's settings. The operator's accounts are for the operator, and for the
admins of servers that are the operator's; other admins may post where their own server is the target.
"""

import discord

from bot.accounts import DiscordAccount
from bot.chat.discord.host import Host, Interaction
from corpora.errors import UserError


def need_admin(interaction: Interaction) -> None:
    """Raise UserError where this is no admin."""
    if not is_admin(interaction):
        raise UserError("This is for admins: who may manage the server, or has the role of /settings admins.")


def is_admin(interaction: Interaction) -> bool:
    """Return whether this is an admin of the server, or who runs the bot."""
    role = interaction.client.host.servers.get(interaction.guild_id or 0).admins
    has_role = isinstance(interaction.user, discord.Member) and role and interaction.user.get_role(role)
    return (
        interaction.permissions.manage_guild or bool(has_role) or interaction.user.id in operators(interaction.client)
    )


def accounts(interaction: Interaction) -> list[str]:
    """Return the accounts that this admin may post to; raise UserError where there are none."""
    need_admin(interaction)
    host, guild = interaction.client.host, interaction.guild
    every = host.desk.accounts
    if interaction.user.id in operators(interaction.client) or (guild and is_home(host, interaction.client, guild)):
        return [account.name for account in every]
    own = [each.name for each in every if isinstance(each, DiscordAccount) and guild and _is_in(guild, each.channel)]
    if not own:
        raise UserError(
            "No account posts into this server, and the others are for admins of the operator's servers. "
            "The operator may name one as its home: home = NUMBER under [discord] in the settings."
        )
    return own


def is_home(host: Host, client: discord.Client, guild: discord.Guild) -> bool:
    """Return whether a server is the operator's: the one that the settings name, or one that belongs to them."""
    if host.settings.home is not None:
        return guild.id == host.settings.home
    return guild.owner_id in operators(client)


def operators(client: discord.Client) -> set[int]:
    """Return who runs the bot: the owner of the application, or the members of its team."""
    about = client.application
    if about is None:
        return set()
    return {member.id for member in about.team.members} if about.team else {about.owner.id}


def _is_in(guild: discord.Guild, channel: int | None) -> bool:
    return channel is not None and guild.get_channel_or_thread(channel) is not None
