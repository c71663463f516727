"""A whole conversation with the bot as its Discord sees it, written down as the page docs/discord.md.

python -m tests.servers.transcript > docs/discord.md
"""

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import Any

from tests.servers import crowd
from tests.servers.discord_records import BOT, Json
from tests.servers.discord_server import DiscordServer, Person
from tests.servers.threads import Loop

ALICE, BOB, CAROL = Person(77, "alice"), Person(78, "bob"), Person(79, "carol", admin=True)
HEAD = """\
# A conversation on Discord

Written by `python -m tests.servers.transcript`: `apocrypha run` with a token, and in the place of Discord the server of
the tests, on this machine. Nothing was chosen or left out.
"""


class Scribe:
    """Has people talk to the bot, and writes down what is said."""

    def __init__(self, server: DiscordServer) -> None:
        self.server = server

    async def say(self, who: Person, text: str, **more: Any) -> Json:
        print(f"**{who.name}**: {text.replace(f'<@{BOT}>', '@apocrypha')}\n")
        said = await self.server.say(who, text, **more)
        await self.server.answered(said)
        return self.shown(*self.server.replies(said))

    async def command(self, who: Person, name: str, **options: Any) -> Json:
        given = " ".join(f"{option}: {value}" for option, value in options.items())
        print(f"**{who.name}**: `/{f'{name} {given}'.strip()}`\n")
        asked = await self.server.command(who, name, **options)
        return await self._answer(asked)

    async def press(self, who: Person, shown: Json, label: str) -> Json:
        print(f"**{who.name}** presses *{label}*\n")
        return await self._answer(await self.server.press(who, shown, label))

    async def _answer(self, asked: Any) -> Json:
        """Wait until an answer has buttons, or is for one person only."""
        whole = await self.server.until(
            lambda: asked.message and (asked.message["components"] or asked.message["flags"]) and asked.message
        )
        if whole["content"].startswith("Post "):
            await self.server.until(lambda: "sent" in whole["content"])
        return self.shown(whole)

    def shown(self, *messages: Json) -> Json:
        for each in messages:
            print("````text\n" + each["content"] + "\n````")
            for file in each["attachments"]:
                print(f"with a picture of {file['size']:,} bytes, described as: *{file.get('description', '')[:60]} …*")
            labels = [f"[{button['label']}]" for row in each["components"] for button in row["components"]]
            print(f"{' '.join(labels)}{'(only they can see it)' if each['flags'] & 64 else ''}\n")
        return messages[-1]


async def talk(scribe: Scribe) -> Json:
    first = await scribe.say(ALICE, f"<@{BOT}> Who made the sea?")
    reference = {"message_id": first["id"], "channel_id": first["channel_id"]}
    await scribe.say(ALICE, "And what did he call it?", pings=True, message_reference=reference)
    await scribe.press(ALICE, first, "again")
    code = await scribe.command(ALICE, "ask", message="free the lock", style="code", length=300)
    await scribe.press(ALICE, code, "longer")
    await scribe.press(BOB, code, "receipt")
    await scribe.say(BOB, "@everyone see https://example.org", place=12345)
    await scribe.command(CAROL, "settings quiet", hours="02:00-06:00", zone="Europe/Berlin")
    await scribe.command(CAROL, "post", style="bible")
    return first


async def conversation(server: DiscordServer, home: Path) -> None:
    scribe = Scribe(server)
    bot = crowd.started(server, home, home / "log")
    await server.do(server.until_connected())
    first = await talk(scribe)
    bot.kill()
    bot.wait()
    print("*The process is killed (`kill -9`) and started again.*\n")
    server.gateway.sessions.clear()
    bot = crowd.started(server, home, home / "log")
    await server.do(server.until_connected())
    await scribe.command(CAROL, "settings show")
    await scribe.press(ALICE, first, "longer")
    await scribe.command(ALICE, "forget me")
    await scribe.press(ALICE, first, "again")
    bot.send_signal(signal.SIGTERM)
    bot.wait(15)
    print("What the bot told its operator:\n\n````text\n" + (home / "log").read_text(encoding="utf-8") + "````")


def main() -> None:
    loop = Loop()
    server = DiscordServer(loop)
    print(HEAD)
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(conversation(server, Path(home)))
    assert server.breaches == [], server.breaches
    loop.stop()


if __name__ == "__main__":
    main()
