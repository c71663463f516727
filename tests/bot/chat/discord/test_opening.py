"""When there is a bot at all."""

import pytest

from bot.accounts import DiscordChat
from bot.chat.opening import open_discord
from tests.bot.chat.discord.conftest import House


@pytest.mark.parametrize(
    ("settings", "bots"),
    [(DiscordChat(token="t"), 1), (DiscordChat(), 0), (DiscordChat(token="t", chat=False), 0)],
    ids=["a token is enough", "without one", "for posting alone"],
)
def test_a_token_makes_a_bot(house: House, settings: DiscordChat, bots: int) -> None:
    told = house.frontend()
    found = open_discord(settings, house.engine, told.desk, told.clock, told.chance, told.say)
    assert len(found) == bots
