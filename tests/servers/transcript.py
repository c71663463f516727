"""A whole conversation with the bot as its Discord sees it, written down as the last section of docs/discord.md.

By hand: python -m tests.servers.transcript
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

PAGE = Path(__file__).parents[2] / "docs" / "discord.md"
HEADING = "## A whole conversation\n"
ALICE, BOB, CAROL = Person(77, "alice"), Person(78, "bob"), Person(79, "carol", admin=True)
ALT = 60  # characters of a picture's description
HEAD = """
Written down by `python -m tests.servers.transcript`: `apocrypha run` with a token, and in the place of Discord the
server of the tests, on this machine. Nothing was chosen or left out.
"""


class Scribe:
    """Has people talk to the bot, and writes down what is said."""

    def __init__(self, server: DiscordServer) -> None:
        self.server = server
        self.page = [HEAD]

    async def say(self, who: Person, text: str, **more: Any) -> Json:
        self.page.append(f"**{who.name}**: {text.replace(f'<@{BOT}>', '@apocrypha')}\n")
        said = await self.server.say(who, text, **more)
        await self.server.answered(said)
        return self._shown(*self.server.replies(said))

    async def command(self, who: Person, name: str, **options: Any) -> Json:
        given = " ".join(f"{option}: {value}" for option, value in options.items())
        self.page.append(f"**{who.name}**: `/{f'{name} {given}'.strip()}`\n")
        asked = await self.server.command(who, name, **options)
        return await self._answer(asked)

    async def press(self, who: Person, shown: Json, label: str) -> Json:
        self.page.append(f"**{who.name}** presses *{label}*\n")
        return await self._answer(await self.server.press(who, shown, label))

    async def _answer(self, asked: Any) -> Json:
        """Wait until an answer has buttons, or is for one person only."""
        whole = await self.server.until(
            lambda: asked.message and (asked.message["components"] or asked.message["flags"]) and asked.message
        )
        if whole["content"].startswith("Post "):
            await self.server.until(lambda: "sent" in whole["content"])
        return self._shown(whole)

    def _shown(self, *messages: Json) -> Json:
        for each in messages:
            self.page.append("````text\n" + each["content"] + "\n````")
            for file in each["attachments"]:
                described = " ".join(file.get("description", "").split())[:ALT]
                self.page.append(f"with a picture of {file['size']:,} bytes, described as: `{described} …`")
            labels = [f"[{button['label']}]" for row in each["components"] for button in row["components"]]
            self.page.append(f"{' '.join(labels)}{'(only they can see it)' if each['flags'] & 64 else ''}\n")
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


async def conversation(server: DiscordServer, home: Path) -> str:
    """Have a conversation with a bot that has nothing yet but `home`; return it as Markdown."""
    scribe, log = Scribe(server), home / "log"
    bot = crowd.started(server, home, log)
    try:
        await server.do(server.until_connected())
        first = await talk(scribe)
        bot.kill()
        bot.wait()
        scribe.page.append("*The process is killed (`kill -9`) and started again.*\n")
        server.gateway.sessions.clear()
        bot = crowd.started(server, home, log)
        await server.do(server.until_connected())
        await scribe.command(CAROL, "settings show")
        await scribe.press(ALICE, first, "longer")
        await scribe.command(ALICE, "forget me")
        await scribe.press(ALICE, first, "again")
        bot.send_signal(signal.SIGTERM)
        bot.wait(15)
    finally:
        bot.kill()
        bot.wait()
    told = log.read_text(encoding="utf-8").rstrip()
    scribe.page.append(f"What the bot told its operator:\n\n````text\n{told}\n````\n")
    return "\n".join(scribe.page).replace(str(home), "$APOCRYPHA_HOME")


def main() -> None:
    """Write the section anew."""
    loop = Loop()
    server = DiscordServer(loop)
    with tempfile.TemporaryDirectory() as home:
        said = asyncio.run(conversation(server, Path(home)))
    assert server.breaches == [], server.breaches
    loop.stop()
    before = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    PAGE.write_text(before + HEADING + said, encoding="utf-8")


if __name__ == "__main__":
    main()
