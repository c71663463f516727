"""The bot over a real connection, to a stand-in for Discord that breaks off, refuses, loses answers, repeats itself."""

import asyncio
import re
from dataclasses import replace
from itertools import pairwise
from threading import Semaphore
from typing import Any

import pytest

from bot.chat.discord.answers import PARTING
from bot.chat.limits import Rate, Rates
from bot.chat.talks import Asked, Talks
from bot.conversation import Options
from tests.bot.chat.discord.conftest import NOON, House, hurried, running
from tests.servers import discord_contract
from tests.servers.discord_records import BOT, CHANNEL, GUILD, OWNER
from tests.servers.discord_server import TOKEN, DiscordServer, Person
from tests.servers.threads import free_port

ALICE, BOB, CAROL = Person(77, "alice"), Person(78, "bob"), Person(79, "carol", admin=True)
CALL = f"<@{BOT}> will it rain?"
NOTES = "\n-# "
PLENTY = 10_000  # characters: more than a few answers
MESSAGES = f"/channels/{CHANNEL}/messages$"


@pytest.fixture
def house(house: House, server: DiscordServer) -> House:
    house.change(service=server.service, token=TOKEN)
    return house


async def test_a_whole_conversation(house: House, server: DiscordServer, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(house, server):
        said = await server.say(ALICE, CALL)
        first = await server.answered(said)
        reply = {"message_reference": {"message_id": first["id"], "channel_id": str(CHANNEL)}, "type": 19}
        second = await server.answered(await server.say(ALICE, "and tomorrow?", pings=True, **reply))
        asked = await server.command(ALICE, "ask", message="which way?", style="moves")
        third = await server.responded(asked)
        pressed = await server.press(ALICE, first, "longer")
        fourth = await server.responded(pressed)
        direct = await server.answered(await server.say(BOB, "between us?", place=12345))
        left = await server.say(BOB, "nobody is called here")
    assert house.lines[:3] == [
        "discord: I am apocrypha, run by owner",
        "discord: intents: servers, their messages, direct messages; none that is privileged",
        "discord: 10 commands, told anew",
    ]
    for shown in (first, second, fourth, direct):
        assert shown["content"].startswith("On day")
    assert third["content"].startswith("> which way?\n```c\n")
    assert third["attachments"][0]["description"].startswith("C code:")
    assert server.files[third["id"]].startswith(b"\x89PNG")
    assert server.replies(left) == []
    for shown in (first, second, third, fourth, direct):
        fault = discord_contract.event("MessageResponse", {k: v for k, v in shown.items() if k != "guild_id"})
        assert fault == ""


async def test_commands_are_told_only_when_they_changed(house: House, server: DiscordServer) -> None:
    for _ in range(2):
        async with running(house, server):
            pass
    assert server.synced == 1
    assert house.lines[-1] == "discord: 10 commands, as they were"


async def test_what_comes_while_the_line_is_broken_is_answered_after_it(house: House, server: DiscordServer) -> None:
    async with running(house, server):
        await server.do(server.gateway.break_off())
        said = await server.say(ALICE, CALL)
        assert await server.answered(said)
    assert server.gateway.log == ["identify", "broken off", "resume"]


async def test_discord_may_ask_to_connect_anew(house: House, server: DiscordServer) -> None:
    async with running(house, server):
        await server.do(server.gateway.call_back())
        await server.until(lambda: "resume" in server.gateway.log)
        assert await server.answered(await server.say(ALICE, CALL))


@pytest.mark.e2e  # the library waits for five seconds before it begins anew
async def test_a_session_that_was_forgotten_is_begun_anew(house: House, server: DiscordServer) -> None:
    async with running(house, server):
        await server.do(server.gateway.invalidate())
        await server.until(lambda: server.gateway.log.count("identify") == 2 and server.gateway.sessions)
        assert await server.answered(await server.say(ALICE, CALL))


async def test_with_many_servers_there_are_several_connections(house: House, server: DiscordServer) -> None:
    """Each hears of its own servers: nothing is heard, and answered, twice."""
    server.gateway.shards = 3
    house.change(sharded=True)
    async with running(house, server):
        await server.until(lambda: len(server.gateway.sessions) == 3)
        assert [session.shard for session in server.gateway.sessions] == [(0, 3), (1, 3), (2, 3)]
        said = await server.say(ALICE, CALL)
        await server.answered(said)
        await server.gateway.break_off()
        again = await server.say(ALICE, CALL)
        await server.answered(again)
        assert len(server.replies(said)) == len(server.replies(again)) == 1
    assert server.gateway.log.count("resume") == 3


async def test_it_is_said_when_several_connections_are_wanted(house: House, server: DiscordServer) -> None:
    server.gateway.shards = 2
    async with running(house, server):
        await server.answered(await server.say(ALICE, CALL))
    assert any("put `sharded = true`" in line for line in house.lines)


async def test_a_first_connection_that_is_refused_is_followed_by_another(house: House, server: DiscordServer) -> None:
    server.closed_port = free_port()
    async with running(house, server):
        assert await server.answered(await server.say(ALICE, CALL))
    assert any("the connection ended (AttributeError" in line and "I try again" in line for line in house.lines)


async def test_a_connection_that_is_closed_for_good_is_followed_by_another(house: House, server: DiscordServer) -> None:
    async with running(house, server):
        await server.do(server.gateway.close(4013))
        await server.until(lambda: server.gateway.log.count("identify") == 2)
        assert await server.answered(await server.say(ALICE, CALL))
    assert any("ConnectionClosed" in line for line in house.lines)


async def test_a_wrong_token_is_said_and_not_tried_again_soon(house: House, server: DiscordServer) -> None:
    house.change(token="wrong-MARKED")
    done, told = asyncio.Event(), asyncio.Event()
    frontend = replace(house.frontend(), say=lambda line: (house.lines.append(line), told.set()))
    task = asyncio.create_task(frontend.run(done))
    await asyncio.wait_for(told.wait(), 30)
    done.set()
    await task
    assert house.lines == [
        "discord: Discord does not take this token; look for another one in the Developer Portal, under Bot. "
        "I try again in 300 s"
    ]
    assert "MARKED" not in "".join(house.lines)


@pytest.mark.parametrize(
    ("how", "after"), [(429, 0.05), (503, 0), ("reset", 0), ("lost", 0)], ids=["429", "503", "reset", "lost"]
)
async def test_an_answer_that_is_refused_or_lost_arrives_once(
    house: House, server: DiscordServer, how: Any, after: float
) -> None:
    server.fail("POST", MESSAGES, how, after=after)
    async with running(house, server):
        said = await server.say(ALICE, CALL)
        await server.answered(said)
        await server.until(lambda: [path for method, path in server.asked if path.endswith("/messages")][1:])
        assert await server.answered(await server.say(ALICE, CALL))
        assert len(server.replies(said)) == 1


async def test_an_acknowledgement_that_is_lost_is_none_the_less_one(house: House, server: DiscordServer) -> None:
    server.fail("POST", "/callback$", "lost")
    async with running(house, server):
        await server.say(ALICE, CALL)
        asked = await server.command(ALICE, "ask", message="will it rain?")
        answer = await server.responded(asked)
        assert "On day" in answer["content"]
        assert asked.acknowledged == 1


async def test_a_question_that_comes_again_is_answered_once(house: House, server: DiscordServer) -> None:
    async with running(house, server):
        said = await server.say(ALICE, CALL)
        event = server.gateway.sessions[0].events[-1]
        await server.answered(said)
        asked = await server.command(ALICE, "ask", message="will it rain?")
        command = next(each for each in server.gateway.sessions[0].events[::-1] if each["t"] == "INTERACTION_CREATE")
        await server.responded(asked)
        before = list(server.messages)
        for each in (event, command, event, command):
            await server.do(server.gateway.emit(each["t"], each["d"]))
        last = await server.say(BOB, CALL)
        await server.answered(last)
    assert [each for each in server.messages if each not in before and each not in server.replies(last)] == [last]
    memory = Talks(house.store).recall(CHANNEL, ALICE.id)
    assert len(memory.turns) == 2


async def test_after_a_crash_nothing_is_answered_twice_and_what_was_begun_is_finished(
    house: House, server: DiscordServer, ink: Semaphore
) -> None:
    """The process dies while it shows an answer; the next one finishes that in its place, with the same words."""
    crashed = asyncio.create_task(hurried(house).run(asyncio.Event()))
    await server.until(lambda: server.gateway.sessions)
    settled = await server.responded(await server.command(BOB, "ask", message="before", style="weather"))
    said = await server.say(ALICE, CALL)
    ink.release(150)
    begun = await server.until(lambda: next(iter(server.replies(said)), None))
    shown = begun["content"]
    crashed.cancel()
    await asyncio.wait((crashed,))
    assert begun["components"] == []
    ink.release(PLENTY)
    before, events = server.messages, [*server.gateway.sessions[0].events]
    async with running(house, server):
        finished = await server.answered(said)
        for each in (event for event in events if event["t"].endswith("_CREATE")):
            await server.do(server.gateway.emit(each["t"], each["d"]))
        last = await server.say(BOB, CALL)
        answer = await server.answered(last)
    assert finished["id"] == begun["id"]
    assert finished["content"].startswith(shown.partition(NOTES)[0])
    assert len(finished["content"]) > len(shown)
    assert server.messages == [*before, last, answer]
    assert settled in before
    assert [turn.message for turn in Talks(house.store).recall(CHANNEL, BOB.id).turns] == ["before", "will it rain?"]


async def test_what_is_asked_while_the_bot_begins_is_not_taken_for_what_another_process_left(
    house: House, server: DiscordServer, ink: Semaphore
) -> None:
    said, left = await server.say(ALICE, CALL), await server.say(BOB, CALL)
    before, talks = Asked(int(left["id"]), CHANNEL, BOB.id, GUILD, CHANNEL), Talks(house.store)
    talks.begin(before, NOON)
    talks.choose(before, "weather", Options(), NOON)
    called = said | {"guild_id": str(GUILD), "channel_type": 0}
    server.gateway.greeting.append(("MESSAGE_CREATE", called))
    async with running(house, server):
        assert await server.answered(left)  # in the order in which they were asked
        ink.release(PLENTY)
        assert await server.answered(said)
    assert [turn.message for turn in talks.recall(CHANNEL, ALICE.id).turns] == ["will it rain?"]
    assert talks.begin(Asked(int(said["id"]), CHANNEL, ALICE.id), NOON) is None


async def test_an_answer_is_shown_while_it_is_written(house: House, server: DiscordServer, ink: Semaphore) -> None:
    async with running(house, server, hurried(house)):
        said = await server.say(ALICE, CALL)
        ink.release(150)
        await server.until(lambda: server.replies(said))
        ink.release(PLENTY)
        answer = await server.answered(said)
    assert server.replies(said) == [answer]
    growing = [content.partition(NOTES)[0] for number, content in server.shown if number == answer["id"]]
    assert len(growing) > 3
    for earlier, later in pairwise(growing):
        assert re.match(rf"{re.escape(earlier)}(\s|$)", later)  # by whole words


@pytest.mark.parametrize("what", ["question", "answer"])
async def test_what_nobody_wants_any_more_is_stopped_and_forgotten(
    house: House, server: DiscordServer, ink: Semaphore, what: str
) -> None:
    async with running(house, server, hurried(house)):
        said = await server.say(ALICE, CALL)
        ink.release(150)
        shown = await server.until(lambda: next(iter(server.replies(said)), None))
        await server.remove(said if what == "question" else shown)
        ink.release(150)
        await server.until(lambda: not server.replies(said))
        ink.release(PLENTY)
        assert await server.answered(await server.say(BOB, CALL))
    assert server.replies(said) == []
    assert Talks(house.store).recall(CHANNEL, ALICE.id).turns == ()


async def test_an_answer_nobody_knows_of_yet_is_taken_back_too(house: House, server: DiscordServer) -> None:
    """It was sent, but the bot was not told of it when the question was deleted."""
    server.fail("POST", MESSAGES, "lost")
    async with running(house, server):
        said = await server.say(ALICE, CALL)
        await server.until(lambda: server.replies(said))
        await server.remove(said)
        await server.until(lambda: not server.replies(said))
        assert await server.answered(await server.say(BOB, CALL))
    assert Talks(house.store).recall(CHANNEL, ALICE.id).turns == ()


async def test_a_farewell_ends_what_is_being_said_and_keeps_it(
    house: House, server: DiscordServer, ink: Semaphore
) -> None:
    async with running(house, server, replace(hurried(house), farewell=PARTING + 0.1)):
        said = await server.say(ALICE, CALL)
        ink.release(150)
        await server.until(lambda: server.replies(said))
    (shown,) = server.replies(said)
    assert shown["components"]
    (turn,) = Talks(house.store).recall(CHANNEL, ALICE.id).turns
    assert turn.receipt.said == len(turn.answer) > 20
    assert shown["content"].startswith(turn.answer.rstrip())


async def test_nobody_can_keep_others_from_being_answered(house: House, server: DiscordServer) -> None:
    house.rates = Rates(Rate(3, 60), Rate(100, 0.001), Rate(100, 0.001))
    async with running(house, server):
        flood = [await server.say(ALICE, CALL) for _ in range(500)]
        began = server.times[flood[0]["id"]]
        last = await server.answered(await server.say(BOB, CALL))
    replies = [each for said in flood for each in server.replies(said)]
    assert len([each for each in replies if each["components"]]) == 3
    assert len([each for each in replies if not each["components"]]) == 1
    assert server.times[last["id"]] > began


async def test_the_operator_may_post_from_anywhere(house: House, server: DiscordServer) -> None:
    house.change(home=1)
    async with running(house, server):
        refused = await server.told(await server.command(CAROL, "schedule list"))
        assert "admins of the operator's servers" in refused.replace("\\", "")
        listed = await server.told(await server.command(Person(OWNER, "owner"), "schedule list"))
        assert listed == "There are no schedules yet."


async def test_admins_of_the_operators_own_server_may_post(house: House, server: DiscordServer) -> None:
    async with running(house, server):
        assert await server.told(await server.command(CAROL, "schedule list")) == "There are no schedules yet."
