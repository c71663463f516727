"""/settings: who may change what, what it does, and that it is there after a restart."""

import json
from datetime import timedelta
from typing import Any

import discord
import pytest

from tests.bot.chat.discord.conftest import NOON, House, Scene


async def told(scene: Scene, what: str, who: Any = None, **options: Any) -> str:
    given = await (who or scene.carol).slash(scene.general, f"settings {what}", **options)
    assert given.ephemeral
    assert given.response
    return str(given.response.content)


@pytest.mark.parametrize("name", ["style", "quiet", "admins", "desk", "daily"])
async def test_only_admins_change_settings(scene: Scene, name: str) -> None:
    given = await scene.alice.slash(scene.general, f"settings {name}")
    assert "This is for admins" in scene.refusal(given)
    await told(scene, name)


async def test_the_admins_role_may_too(scene: Scene) -> None:
    role = scene.guild.create_role("Librarians")
    dan = scene.guild.add_member(scene.env.create_user("dan"), roles=[role])
    assert "This is for admins" in scene.refusal(await dan.slash(scene.general, "settings daily", answers=5))
    assert await told(scene, "admins", role=role) == "Admins: Librarians and whoever may manage the server."
    assert await told(scene, "daily", dan, answers=5) == "At most 5 answers a day."


async def test_the_voice_of_a_server_and_of_a_channel(scene: Scene) -> None:
    code = scene.guild.create_text_channel("code")
    assert await told(scene, "style", name="moves", channel=code) == f"moves speaks in {code.mention}."
    assert (await scene.ask(channel=code)).content.startswith("```c")
    assert (await scene.ask()).content.startswith("On day")
    assert await told(scene, "style", name="moves") == "moves speaks in this server."
    assert (await scene.ask()).content.startswith("```c")
    given = await scene.carol.slash(scene.general, "settings style", name="nobody")
    assert "no style named 'nobody'" in scene.refusal(given)


async def test_quiet_hours(scene: Scene, house: House) -> None:
    assert await told(scene, "quiet", hours="22:00-07:00", zone="Europe/Berlin") == (
        "Quiet hours in this server: 22:00-07:00."
    )
    house.now = NOON.replace(hour=22)
    await scene.alice.send(scene.general, f"{scene.me} will it rain?")
    assert scene.said() == []
    given = await scene.alice.slash(scene.general, "ask", message="will it rain?")
    assert given.ephemeral
    assert given.response
    assert given.response.content == "These are quiet hours; I answer again at 07:00 (Europe/Berlin)."
    house.now = NOON
    assert await scene.ask()
    assert await told(scene, "quiet") == "No quiet hours in this server."
    wrong = await scene.carol.slash(scene.general, "settings quiet", hours="late")
    assert 'expected two times of day, as "09:00-12:00"' in scene.refusal(wrong).replace("\\", "")


async def test_chosen_channels(scene: Scene) -> None:
    other = scene.guild.create_text_channel("other")
    assert await told(scene, "talk", channel=other) == f"I talk in {other.mention}."
    await scene.alice.send(scene.general, f"{scene.me} will it rain?")
    assert scene.said() == []
    given = await scene.alice.slash(scene.general, "ask", message="will it rain?")
    assert given.response
    assert other.mention in given.response.content
    assert await scene.ask(channel=other)
    await told(scene, "talk", channel=other, allowed=False)
    assert await scene.ask()


async def test_a_thread_is_as_its_channel(scene: Scene) -> None:
    await told(scene, "style", name="moves", channel=scene.general)
    channel: Any = scene.env.bot.get_channel(scene.general.id)
    await channel.create_thread(name="aside", type=discord.ChannelType.public_thread)
    (thread,) = scene.general.threads
    assert (await scene.ask(channel=thread)).content.startswith("```c")


async def test_a_day_has_so_many_answers(scene: Scene, house: House) -> None:
    assert await told(scene, "daily", answers=2) == "At most 2 answers a day."
    for _ in range(2):
        await scene.ask()
    answer = await scene.ask()
    assert answer.content == "This server has had all of today's answers. A new day begins at midnight UTC."
    await scene.ask()
    assert len(scene.said()) == 3
    house.now = NOON + timedelta(days=1)
    await scene.ask()
    assert len(scene.said()) == 4


async def test_settings_are_shown_exported_and_there_after_a_restart(scene: Scene, house: House) -> None:
    other = scene.guild.create_text_channel("other")
    await told(scene, "quiet", hours="22:00-07:00", zone="Europe/Berlin")
    await told(scene, "style", name="moves", channel=other)
    await told(scene, "desk", channel=other)
    await scene.env.restart_bot(house.client())
    given = await scene.alice.slash(scene.general, "settings export")
    assert given.ephemeral
    assert given.response
    (file,) = given.response.attachments
    exported = json.loads(await file.read())
    expected = {"quiet": "22:00-07:00", "zone": "Europe/Berlin", "desk": other.id}
    assert exported == expected | {"rooms": {str(other.id): {"style": "moves"}}}
    shown = await told(scene, "show", scene.alice)
    assert shown.splitlines() == [
        "Voice: weather, my own",
        "I talk in all channels",
        "Quiet hours: 22:00-07:00 (Europe/Berlin)",
        "Admins: whoever may manage the server",
        f"Reports and waiting posts: {other.mention}",
        "Answers a day: as many as the operator allows",
        f"{other.mention}: moves",
    ]
