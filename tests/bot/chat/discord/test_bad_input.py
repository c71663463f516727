"""What people send who mean no good, or mean well: each gets an answer, or a line that says why not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import discord
import pytest

from bot.chat.limits import Rate, Rates
from bot.chat.talks import Talks
from bot.settings import Settings
from generators import registry
from generators.engine import Engine
from generators.voice import open_voice
from tests.bot.chat.discord.conftest import PATIENCE, House, Scene

BOMB = "||" * 400 + "```" * 100 + "**__~~" * 100
WORDS = {
    "empty": "",
    "blank": " \n\t \u3000",
    "emoji": "🔥" * 1_900,
    "families": "👩‍👩‍👧‍👦" * 250,
    "right to left": "\u202e\u2067שלום\u2069 مرحبا\u200f",
    "zero width": "\u200b\u200c\u200d\ufeff" * 400,
    "zalgo": "".join(letter + "\u0336\u0337\u0338\u0334" * 5 for letter in "will it rain?" * 5),
    "everyone": "@everyone @here <@&1> <@2>",
    "markdown": BOMB,
    "ansi": "\x1b[31;1m\x1b[2J\x1b]0;title\x07" * 60,
    "controls": "".join(map(chr, range(32))) * 20,
    "unknown": "漢字かな" * 100,
    "surrogates": "\ud83d\ude00 \U0001f600",
    "one long word": "x" * 1_900,
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
async def test_whatever_is_said_is_answered_in_one_message_that_calls_nobody(scene: Scene, words: str) -> None:
    answer = await scene.ask(words)
    assert answer.content.startswith("On day")
    assert len(scene.said()) == 1
    assert answer.components
    given = await scene.alice.slash(scene.general, "ask", message=words[:2000])
    assert given.response
    assert "On day" in given.response.content
    for shown in (answer.content, given.response.content):
        assert len(shown) <= 2000
        assert "@everyone" not in shown
        assert "@here" not in shown
        assert "\x1b" not in shown
        assert "```" not in shown
    sent = [each for each in scene.env.http_requests if isinstance(each.json, dict) and "content" in each.json]
    places = [each.path.rpartition("/")[2] for each in sent]  # on a slow machine an answer is seen growing
    assert places.count("messages") == 1
    assert {"messages", "@original"} <= set(places) <= {"messages", str(answer.id), "@original"}
    assert all(each.json["allowed_mentions"] == {"parse": []} for each in sent)


async def test_a_large_attachment_is_not_looked_at(scene: Scene) -> None:
    await scene.alice.send(scene.general, scene.me, attachments=[("holiday.mp4", bytes(10_000_000))])
    (answer,) = scene.said()
    assert answer.content.startswith("On day")
    assert not [each for each in scene.env.http_requests if "cdn" in each.path or "holiday" in each.path]


async def test_without_permission_to_write_nothing_is_tried(scene: Scene, house: House) -> None:
    assert scene.env.bot.user
    silenced = {scene.env.bot.user: discord.PermissionOverwrite(send_messages=False)}
    mute = scene.guild.create_text_channel("mute", overwrites=silenced)
    house.lines.clear()
    await scene.env.restart_bot(house.client())
    assert "discord: The Scriptorium #mute: I may not write, show pictures" in house.lines
    assert f"discord: The Scriptorium ({scene.guild.id}): 1 of 2 channels are ready" in house.lines
    before = len(scene.env.http_requests)
    await scene.alice.send(mute, f"{scene.me} will it rain?")
    assert scene.said(mute) == []
    assert len(scene.env.http_requests) == before


async def test_a_permission_that_is_lost_meanwhile_is_noted(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, message="Missing Permissions")
    await scene.alice.send(scene.general, f"{scene.me} will it rain?")
    assert scene.said() == []
    assert "I may not write there (Missing Permissions)" in caplog.text
    assert await scene.ask()


async def test_who_asks_too_often_is_told_once(scene: Scene, house: House) -> None:
    house.rates = Rates(Rate(2, 3600), Rate(100, 0), Rate(100, 0))
    await scene.env.restart_bot(house.client())
    for _ in range(6):
        await scene.alice.send(scene.general, f"{scene.me} will it rain?")
    assert len(scene.said()) == 3
    assert scene.said()[-1].content.startswith("One after the other, please.")
    given = await scene.alice.slash(scene.general, "ask", message="will it rain?")
    assert given.ephemeral
    assert given.response
    assert given.response.content.startswith("One after the other, please.")
    await scene.ask(who=scene.bob)
    assert len(scene.said()) == 4


@pytest.fixture
def passing(tmp_path: Path, house: House) -> Iterator[Path]:
    """A style whose folder may go while it is in use."""
    folder = tmp_path / "home" / "passing"
    shutil.copytree(house.registry.get("weather").folder, folder)
    shutil.copytree(house.registry.get("weather").folder, folder.with_name("weather"))
    engine = house.engine

    def opened(style: str):  # type: ignore[no-untyped-def]
        found = registry.find(folder.parent)
        return open_voice(found.get(style), tmp_path, tmp_path, Settings(home=tmp_path).places)

    with Engine(opened) as house.engine:
        house.registry = registry.find(folder.parent)
        yield folder
    house.engine = engine


async def test_a_style_that_is_removed_while_in_use_is_followed_by_another(passing: Path, house: House) -> None:
    import simcord

    async with simcord.run(house.client(), settle_timeout=PATIENCE) as env:
        scene = Scene(env)
        await scene.alice.slash(scene.general, "style", name="passing")
        answer = await scene.ask()
        assert Talks(house.store).recall(scene.general.id, scene.alice.id).style == "passing"
        shutil.rmtree(passing)
        house.engine.close()
        with Engine(house.engine._open_voice) as house.engine:
            await env.restart_bot(house.client())
            told = await scene.ask()
            assert told.content.startswith("On day")
            assert r"no style named 'passing'" in told.content
            assert "weather speaks now" in told.content
            again = await scene.alice.click(answer, label="again")
            assert again.response
            assert again.response.content.startswith("On day")
