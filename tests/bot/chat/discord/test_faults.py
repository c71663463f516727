"""What Discord refuses, what is gone, and what is not fit to be said: each is noted or told, and the rest goes on."""

from datetime import timedelta

import pytest

from bot.chat.discord.answers import BROKEN, UNFIT
from bot.chat.discord.client import CHANGED
from bot.chat.talks import Asked, Talks
from tests.bot.chat.discord.conftest import NOON, House, running
from tests.servers.discord_records import BOT, CHANNEL, EVERYONE, GUILD, channel, guild, role
from tests.servers.discord_server import TOKEN, DiscordServer, Person

ALICE, BOB = Person(77, "alice"), Person(78, "bob")
CALL = f"<@{BOT}> will it rain?"
MESSAGES = f"/channels/{CHANNEL}/messages"


@pytest.fixture
def house(house: House, server: DiscordServer) -> House:
    house.change(service=server.service, token=TOKEN)
    return house


async def answered(server: DiscordServer) -> bool:
    """Return whether somebody else is still answered."""
    return bool(await server.answered(await server.say(BOB, CALL)))


async def test_what_is_not_fit_to_be_said_is_not_said(house: House, server: DiscordServer) -> None:
    house.change(style="rude")
    async with running(house, server):
        asked = await server.command(ALICE, "ask", message="well?")
        assert await server.told(asked) == UNFIT
    assert not [content for _, content in server.shown if "reggin"[::-1] in content]


async def test_an_answer_that_discord_refuses_is_given_up(
    house: House, server: DiscordServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.fail("POST", f"{MESSAGES}$", 400, times=2)  # the answer, and the word that there is none
    async with running(house, server):
        said = await server.say(ALICE, CALL)
        await server.until(lambda: "could not be said why there is no answer" in caplog.text)
        assert await answered(server)
        assert server.replies(said) == []


async def test_an_answer_that_cannot_be_taken_back_stays_and_is_forgotten(
    house: House, server: DiscordServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.fail("POST", f"{MESSAGES}$", "lost")
    server.fail("DELETE", MESSAGES, 403)
    caplog.set_level("INFO", "bot.chat.discord.answers")
    async with running(house, server):
        said = await server.say(ALICE, CALL)
        await server.until(lambda: server.replies(said))
        await server.remove(said)
        await server.until(lambda: "its answer is gone, or stays" in caplog.text)
        assert await answered(server)
    assert len(server.replies(said)) == 1
    assert Talks(house.store).recall(CHANNEL, ALICE.id).turns == ()


async def test_a_command_whose_answer_was_dismissed_is_forgotten(house: House, server: DiscordServer) -> None:
    server.fail("PATCH", "/webhooks/.*/@original$", 404)
    async with running(house, server):
        await server.command(ALICE, "ask", message="will it rain?")
        await server.until(lambda: [path for method, path in server.asked if method == "DELETE"])
        assert await answered(server)
    assert Talks(house.store).recall(CHANNEL, ALICE.id).turns == ()


async def test_questions_that_are_deleted_together_are_forgotten(house: House, server: DiscordServer) -> None:
    talks = Talks(house.store)
    async with running(house, server):
        said = [await server.say(ALICE, CALL) for _ in range(2)]
        for each in said:
            await server.answered(each)
        assert talks.recall(CHANNEL, ALICE.id).turns
        gone = {"ids": [each["id"] for each in said], "channel_id": str(CHANNEL), "guild_id": str(GUILD)}
        await server.do(server.gateway.emit("MESSAGE_DELETE_BULK", gone))
        await server.until(lambda: talks.recall(CHANNEL, ALICE.id).turns == ())
        assert not talks.unfinished(NOON - timedelta(days=1))


async def test_what_was_begun_and_is_gone_is_let_rest(house: House, server: DiscordServer) -> None:
    talks = Talks(house.store)
    talks.begin(Asked(1, CHANNEL, ALICE.id, GUILD, CHANNEL), NOON)
    async with running(house, server):
        await server.until(lambda: not talks.unfinished(NOON - timedelta(days=1)))
        assert await answered(server)


async def test_commands_that_discord_does_not_take_are_told_again_the_next_time(
    house: House, server: DiscordServer
) -> None:
    server.fail("PUT", "/commands$", 400)
    for told in ("it does not take the commands", "10 commands, told anew"):
        async with running(house, server):
            assert [line for line in house.lines if told in line]


async def test_a_command_of_another_version_is_explained(house: House, server: DiscordServer) -> None:
    async with running(house, server):
        server.commands.append({"id": "1", "name": "sing", "options": []})
        assert await server.told(await server.command(ALICE, "sing")) == CHANGED


async def test_a_fault_of_ours_is_noted_without_what_was_said(
    house: House, server: DiscordServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(house, server):
        with house.store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE talks")
        told = await server.told(await server.command(ALICE, "ask", message="a secret"))
        assert told == BROKEN
    assert "no such table: talks" in caplog.text
    assert "a secret" not in caplog.text


async def test_a_new_server_is_noted(house: House, server: DiscordServer) -> None:
    new = guild([channel(5, "hall")]) | {"id": "9", "name": "The Annex"}
    del new["unavailable"]  # which one has that we were in before
    async with running(house, server):
        await server.until(lambda: "channels are ready" in house.lines[-1])
        assert not [line for line in house.lines if "Annex" in line]
        await server.do(server.gateway.emit("GUILD_CREATE", new))
        await server.until(lambda: house.lines[-1] == "discord: I was added to The Annex (9)")


async def test_code_too_long_for_a_picture_has_none(house: House, server: DiscordServer) -> None:
    house.change(style="scroll")
    async with running(house, server):
        said = await server.say(ALICE, CALL)
        await server.answered(said)
    shown = server.replies(said)
    assert len(shown) > 1
    assert all(each["content"].startswith("```c\n") and not each["attachments"] for each in shown)


async def test_many_channels_that_are_closed_are_told_in_short(house: House, server: DiscordServer) -> None:
    rooms = [channel(1000 + number, f"room-{number}") for number in range(25)]
    closed = guild(rooms) | {"roles": [role(EVERYONE, "@everyone", 0)]}
    server.gateway.greeting = [("GUILD_CREATE", closed)]
    async with running(house, server):
        await server.until(lambda: "discord: 5 more channels where something is missing" in house.lines)
    assert "discord: The Scriptorium (1000000000000000002): 0 of 25 channels are ready" in house.lines
    told = [line for line in house.lines if "I may not see it, write, show pictures, answer messages" in line]
    assert len(told) == 20
