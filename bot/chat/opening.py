"""From the settings to the chats that run in the background; only their libraries are imported."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from bot.accounts import DiscordChat
from bot.chat.desk import Desk
from corpora.errors import UserError
from generators.engine import Engine


class Frontend(Protocol):
    """A chat that people reach through a service."""

    async def run(self, done: asyncio.Event) -> None:
        """Chat until `done`; then finish what is being said, within ten seconds, and leave."""


def open_discord(
    settings: DiscordChat,
    engine: Engine,
    desk: Desk,
    clock: Callable[[], datetime],
    chance: Callable[[], float],
    say: Callable[[str], None],
) -> list[Frontend]:
    """Return the bot on Discord, or nothing where there is no token; raise UserError where its library is missing."""
    if settings.token is None or not settings.chat:
        return []
    try:
        from bot.chat.discord import frontend
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bot"):
            raise
        raise UserError(
            f"The Discord bot needs {error.name}, which is not installed: pip install 'apocrypha[discord]'. "
            "Where the token is for posting alone, say so in the settings: chat = false under [discord]."
        ) from error
    return [frontend.Frontend(settings, engine, desk, clock, chance, say)]
