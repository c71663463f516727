"""Talking to the bot: by name, in answer to it, between two, and by commands; on a Discord in this process."""

import re

import discord
import simcord

from bot.chat.talks import Talks
from tests.bot.chat.discord.conftest import House, Scene

DAY = re.compile(r"On day \d+ there was \w+ and wind from the \w+\.")


async def test_a_call_by_name_is_answered_once_to_who_called_and_calls_nobody(scene: Scene) -> None:
    question = await scene.alice.send(scene.general, f"{scene.me} will it rain?")
    (answer,) = scene.said()
    assert DAY.match(answer.content)
    assert answer.reference
    assert answer.reference.message_id == question.id
    sent = next(each for each in scene.env.http_requests if each.method == "POST" and each.path.endswith("/messages"))
    assert sent.json["allowed_mentions"] == {"parse": []}
    assert sent.json["enforce_nonce"]
    assert sent.json["nonce"] == f"{question.id:x}-0"
    assert any(each.path.endswith("/typing") for each in scene.env.http_requests)


async def test_what_is_not_meant_for_us_is_left_alone(scene: Scene) -> None:
    robot = scene.guild.add_member(scene.env.create_user("robot", bot=True))
    await scene.alice.send(scene.general, "will it rain?")
    await scene.alice.send(scene.general, f"{scene.bob.mention} will it rain?")
    await robot.send(scene.general, f"{scene.me} will it rain?")
    assert scene.said() == []


async def test_an_answer_to_an_answer_is_a_question_and_knows_what_was_said(scene: Scene, house: House) -> None:
    first = await scene.ask("On day 3")
    await scene.alice.send(scene.general, f"{scene.me} and then?", reply_to=first)
    assert len(scene.said()) == 2
    memory = Talks(house.store).recall(scene.general.id, scene.alice.id)
    assert [turn.message for turn in memory.turns] == ["On day 3", "and then?"]
    assert memory.turns[0].answer.strip() in memory.turns[1].receipt.request.before


async def test_between_two_nobody_has_to_be_called(scene: Scene) -> None:
    await scene.alice.send_dm("will it rain?")
    assert DAY.match(scene.said(scene.alice.user.dm_channel)[0].content)


async def test_everybody_has_a_talk_of_their_own(scene: Scene, house: House) -> None:
    await scene.ask("On day 1", scene.alice)
    await scene.ask("On day 2", scene.bob)
    talks = Talks(house.store)
    heard = [talks.recall(scene.general.id, who.id).turns[0].message for who in (scene.alice, scene.bob)]
    assert heard == ["On day 1", "On day 2"]


async def test_ask(scene: Scene) -> None:
    given = await scene.alice.slash(scene.general, "ask", message="which <@1> way? http://a.b/c")
    assert next(each.json for each in scene.env.http_requests if each.path.endswith("/callback")) == {"type": 5}
    assert given.response
    heading, answer = given.response.content.split("\n")[:2]
    assert heading == r"> which way? http\://a\.b/c"
    assert DAY.match(answer)


async def test_ask_with_a_seed_is_answered_the_same_again_and_others_are_not(scene: Scene) -> None:
    async def asked(**options: object) -> str:
        given = await scene.alice.slash(scene.general, "ask", message="x", **options)
        assert given.response
        return str(DAY.search(given.response.content))

    fixed = [await asked(seed=7, temperature=1.0) for _ in range(2)]
    free = {await asked() for _ in range(4)}
    assert len(set(fixed)) == 1
    assert len(free) > 1


async def test_code_is_a_block_with_a_picture_that_can_be_read_aloud(scene: Scene) -> None:
    given = await scene.alice.slash(scene.general, "ask", message="x", style="moves", seed=1, length=60)
    assert given.response
    assert "\n```c\nint step_" in given.response.content
    (picture,) = given.response.attachments
    assert picture.description
    assert picture.description.startswith("C code:\nint step_")


async def test_styles_are_offered_while_a_person_types(scene: Scene) -> None:
    offered = await scene.alice.autocomplete(scene.general, "ask", "style", "MOV")
    assert offered == [{"name": "moves", "value": "moves"}]
    assert len(await scene.alice.autocomplete(scene.general, "style", "name", "")) >= 10
    assert await scene.alice.autocomplete(scene.general, "blend", "style", "nothing like it") == []


async def test_style(scene: Scene, house: House) -> None:
    given = await scene.alice.slash(scene.general, "style", name="moves")
    assert given.ephemeral
    assert given.response
    assert given.response.content == "You are talking to moves."
    assert (await scene.ask()).content.startswith("```c\nint step_")
    assert DAY.match((await scene.ask(who=scene.bob)).content)
    asked = await scene.alice.slash(scene.general, "style")
    assert asked.response
    assert asked.response.content == "You are talking to moves."
    assert "no style named 'move'" in scene.refusal(await scene.alice.slash(scene.general, "style", name="move"))


async def test_styles(scene: Scene) -> None:
    given = await scene.alice.slash(scene.general, "styles")
    assert given.ephemeral
    assert given.response
    assert "**weather**: What the sky does" in given.response.content


async def test_blend(scene: Scene, house: House) -> None:
    given = await scene.alice.slash(scene.general, "blend", style="moves", part=0.5)
    assert given.response
    assert given.response.content == "You are talking to weather with 0.5 of moves."
    await scene.ask()
    talks = Talks(house.store)
    assert talks.recall(scene.general.id, scene.alice.id).turns[0].receipt.request.blend == ("moves", 0.5)
    await scene.alice.slash(scene.general, "blend", style="moves", part=0)
    assert talks.recall(scene.general.id, scene.alice.id).options.blend is None


async def test_continue(scene: Scene, house: House) -> None:
    nothing = await scene.alice.slash(scene.general, "continue")
    assert nothing.response
    assert nothing.response.content == "Nothing was said yet."
    first = await scene.ask()
    given = await scene.alice.slash(scene.general, "continue")
    assert given.response
    assert DAY.match(given.response.content)
    (turn,) = Talks(house.store).recall(scene.general.id, scene.alice.id).turns
    said = [DAY.match(each.content) for each in (first, given.response)]
    assert [line for line in turn.answer.splitlines() if line] == [match[0] for match in said if match]


async def test_forget_me(scene: Scene, house: House) -> None:
    await scene.ask("remember this")
    await scene.alice.slash(scene.general, "style", name="weather")
    given = await scene.alice.slash(scene.general, "forget me")
    assert given.response
    assert "1 answers" in given.response.content
    assert kept(house, "remember this") == []
    await scene.ask("and this")
    assert kept(house, "and this")


async def test_who_opted_out_is_answered_and_nothing_is_kept(scene: Scene, house: House) -> None:
    await scene.alice.slash(scene.general, "forget me", always=True)
    answer = await scene.ask("keep nothing")
    assert DAY.match(answer.content)
    assert answer.components == []
    assert kept(house, "keep nothing") == []
    assert kept(house, str(scene.alice.id)) == [("opted_out", f"({scene.alice.id},)")]
    assert "keep nothing about you" in scene.refusal(await scene.alice.slash(scene.general, "style", name="moves"))
    await scene.alice.slash(scene.general, "forget undo")
    await scene.ask("keep this")
    assert kept(house, "keep this")


async def test_help_names_every_command(scene: Scene) -> None:
    given = await scene.alice.slash(scene.general, "help")
    assert given.response
    for name in {command.split()[0] for command in scene.alice.available_commands(scene.general)} - {"help"}:
        assert f"`/{name}" in given.response.content


async def test_a_deleted_question_is_forgotten_with_what_came_after(scene: Scene, house: House) -> None:
    await scene.ask("first")
    question = await scene.alice.send(scene.general, f"{scene.me} second")
    await scene.ask("third")
    await scene.alice.delete(question)
    assert [turn.message for turn in Talks(house.store).recall(scene.general.id, scene.alice.id).turns] == ["first"]


async def test_what_was_said_is_there_after_a_restart(scene: Scene, house: House) -> None:
    await scene.alice.slash(scene.general, "style", name="moves")
    await scene.ask("int step_3(")
    synced = [line for line in house.lines if "told anew" in line]
    await scene.env.restart_bot(house.client())
    assert len(synced) == 1
    assert any("commands, as they were" in line for line in house.lines)
    await scene.ask("int step_4(")
    first, second = Talks(house.store).recall(scene.general.id, scene.alice.id).turns
    assert first.answer in second.receipt.request.before
    assert second.receipt.request.style == "moves"


async def test_who_is_in_no_server_says_how_to_be_invited(simcord_env: simcord.Env, house: House) -> None:
    await simcord_env.restart_bot(house.client())
    assert "https://discord.com/oauth2/authorize?client_id=" in house.lines[-1]
    assert house.lines[-1].endswith("&scope=bot+applications.commands&permissions=274878008320")


async def test_a_server_that_we_are_removed_from_is_forgotten(scene: Scene, house: House) -> None:
    await scene.carol.slash(scene.general, "settings style", name="moves")
    await scene.ask("remember this")
    await discord.utils.get(scene.env.bot.guilds, id=scene.guild.id).leave()  # type: ignore[union-attr]
    await scene.env.settle()
    assert kept(house, "remember this") == []
    assert [row for row in kept(house, str(scene.guild.id)) if row[0] == "servers"] == []


def kept(house: House, words: str) -> list[tuple[str, str]]:
    """Return each row of the whole store that has `words` in it."""
    with house.store.engine.connect() as connection:
        tables = [name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")]
        rows = [(name, str(row)) for name in tables for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]
    return [(name, row) for name, row in rows if words in row]
