"""Our stand-in for Discord, seen by another library than ours: discord.js finds what discord.py overlooks."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import processes
from tests.servers.discord_records import BOT, CHANNEL, Json
from tests.servers.discord_server import TOKEN, DiscordServer, Person
from tests.servers.threads import Loop

ALICE = Person(77, "alice")
pytestmark = pytest.mark.e2e


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    loop = Loop()
    server = DiscordServer(loop)
    yield server
    server.close()
    loop.stop()
    assert server.breaches == []


@pytest.fixture
def heard(server: DiscordServer, tmp_path: Path) -> Iterator[Callable[[str], list[Json]]]:
    """Start a client; return a function that tells what it has said of one kind."""
    processes.needed(processes.MODULES / "discord.js", "discord.js")
    node = shutil.which("node")
    assert node
    program = Path(processes.__file__).with_name("discord_client.cjs")
    environment = os.environ | {"SERVICE": server.service, "TOKEN": TOKEN, "NODE_PATH": str(processes.MODULES)}
    out = tmp_path / "out"
    with out.open("wb") as output:
        client = subprocess.Popen([node, program], stdout=output, stderr=output, env=environment)

    def heard(what: str) -> list[Json]:
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        return [each for each in lines if each["what"] == what]

    yield heard
    client.kill()
    client.wait()
    print(out.read_text(encoding="utf-8"))


async def test_discord_js_talks_to_it_too(server: DiscordServer, heard: Callable[[str], list[Json]]) -> None:
    await server.until(lambda: heard("ready"))
    assert heard("ready") == [
        {"what": "ready", "user": "apocrypha", "guild": "The Scriptorium", "channels": ["room-0"]}
    ]
    said = await server.say(ALICE, f"<@{BOT}> hello")
    answer = await server.answered(said)
    await server.until(lambda: heard("replied"))
    assert heard("replied") == [{"what": "replied", "same": True, "content": "so be it, for ever", "to": said["id"]}]
    assert len(server.replies(said)) == 1
    await server.say(ALICE, "not meant for it")
    await server.say(ALICE, "between us", place=12345)
    asked = await server.command(ALICE, "ask", message="what now?")
    await server.until(lambda: heard("answered"))
    assert asked.message
    assert asked.message["content"] == "you said what now?"
    assert heard("answered") == [{"what": "answered", "files": ["x.txt"]}]
    pressed = await server.press(ALICE, answer, "again")
    await server.until(lambda: heard("pressed"))
    assert pressed.message
    assert pressed.message["flags"] == 64
    assert [(each["content"], each["direct"]) for each in heard("message")] == [
        (f"<@{BOT}> hello", False),
        ("", False),
        ("between us", True),
    ]


async def test_discord_js_resumes_where_it_was(server: DiscordServer, heard: Callable[[str], list[Json]]) -> None:
    await server.until(lambda: heard("ready"))
    await server.do(server.gateway.break_off())
    said = await server.say(ALICE, f"<@{BOT}> while you were away")
    assert await server.answered(said)
    assert server.gateway.log == ["identify", "broken off", "resume"]
    await server.do(server.gateway.invalidate())
    await server.until(lambda: server.gateway.log[-1] == "identify" and server.gateway.sessions)
    assert await server.answered(await server.say(ALICE, f"<@{BOT}> and after that"))
    assert said["channel_id"] == str(CHANNEL)
