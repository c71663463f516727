"""What a Discord bot is made of, with voices that learned from little and a store of its own."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.accounts import Account, DiscordChat, FolderAccount
from bot.chat.desk import Desk
from bot.chat.discord.approvals import POLL
from bot.chat.discord.client import TalkClient
from bot.chat.discord.frontend import Frontend
from bot.chat.discord.sheet import REQUEST
from bot.chat.limits import Rate, Rates
from bot.settings import Settings
from bot.store import Store
from corpora.errors import UserError
from generators import registry
from generators.engine import Engine
from generators.inference import LanguageModel
from generators.registry import Registry
from generators.voice import Voice, open_voice
from tests.servers.discord_server import DiscordServer
from tests.servers.threads import Loop

HOME = 1_000_000_000_000_000_002  # the server
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE = min(POLL, REQUEST) / 2  # seconds until nothing more happens; what sleeps for longer is not waited for
FREE = Rates(*[Rate(10_000, 0.0001)] * 3)


@dataclass
class House:
    """The parts of a bot; `now` can be set, and `lines` are what it told its operator."""

    store: Store
    registry: Registry
    engine: Engine
    accounts: tuple[Account, ...]
    settings: DiscordChat = field(default_factory=lambda: DiscordChat(token="token-MARKED", style="weather"))
    rates: Rates = FREE
    now: datetime = NOON
    lines: list[str] = field(default_factory=list)
    ring: Callable[[], None] = lambda: None

    def change(self, **fields: Any) -> None:
        """Have other settings."""
        self.settings = DiscordChat.model_validate(self.settings.model_dump() | fields)

    def frontend(self) -> Frontend:
        """Return the bot such as a new process would have it."""
        desk = Desk(self.store, self.accounts, {}, self.registry, lambda: self.now, lambda: self.ring())
        said = self.lines.append
        return Frontend(self.settings, self.engine, desk, lambda: self.now, lambda: 0.5, said, self.rates, first=0.01)

    def client(self) -> TalkClient:
        """Return a connection such as a new process would have."""
        return TalkClient(self.frontend().host())


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Engine]]:
    """Styles that learned from little, which is enough here: what the sky does, day by day or in one go, and code."""
    home = tmp_path_factory.mktemp("voices")
    skies, winds = ("rain", "sun", "snow", "fog", "hail"), ("north", "east", "south", "west")
    days = [f"On day {n} there was {skies[n * 7 % 5]} and wind from the {winds[n * 3 % 4]}." for n in range(400)]
    _plugin(home / "weather", "What the sky does", days, "[limits]\ncopied = 5000\nloop = 500\nalike = 1\n")
    _plugin(home / "tale", "What the sky did", days, '[text]\nstop = ""\nlength = 600\ncandidates = 1\n')
    steps = [f"int step_{n}(int x) {{ return x + {n * 7 % 10}; }}" for n in range(400)]
    _plugin(home / "moves", "What a robot does", steps, 'picture = "c"\n')
    _plugin(
        home / "rude", "What is not said", [f"{'reggin'[::-1]} {n}" for n in range(400)], "[text]\ncandidates = 1\n"
    )
    endless = 'picture = "c"\n[text]\nstop = ""\nlength = 4000\ncandidates = 1\n'
    _plugin(home / "scroll", "Code without end", [f"int s_{n};" for n in range(400)], endless)
    found = registry.find(home)
    places = Settings(home=home).places
    with Engine(lambda style: open_voice(found.get(style), home, home, places)) as engine:
        yield found, engine


def _plugin(folder: Path, summary: str, lines: list[str], more: str = "") -> None:
    folder.mkdir()
    (folder / "plugin.toml").write_text(f'summary = "{summary}"\n{more}', encoding="utf-8")
    (folder / "corpus.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def house(open_copy: Callable[[], Store], tmp_path: Path, voices: tuple[Registry, Engine]) -> House:
    found, engine = voices
    return House(open_copy(), found, engine, (FolderAccount(name="folder", path=tmp_path / "posts"),))


class Pen:
    """Lets a model write so many characters; then that waits for more to be allowed."""

    def __init__(self, model: LanguageModel, left: threading.Semaphore) -> None:
        self._model, self._left = model, left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def step(self, ids: Any, state: Any) -> Any:
        self._left.acquire()
        return self._model.step(ids, state)


@pytest.fixture
def ink(house: House) -> Iterator[threading.Semaphore]:
    """What the style "tale" writes with, which speaks in that house: each `release` is one character more."""
    left = threading.Semaphore(0)
    whole = house.engine

    def opened(style: str) -> Voice:
        voice = whole.voice(style)
        return replace(voice, model=Pen(voice.model, left)) if style == "tale" else voice

    house.change(style="tale")
    with Engine(opened) as house.engine:
        yield left
        left.release(100_000)


@pytest.fixture
def server(loop: Loop) -> Iterator[DiscordServer]:
    """A stand-in; in the end nothing may have been asked or answered that Discord's own description does not have."""
    server = DiscordServer(loop)
    yield server
    server.close()
    assert server.breaches == []


@asynccontextmanager
async def running(
    house: House, server: DiscordServer, frontend: Frontend | None = None
) -> AsyncIterator[asyncio.Event]:
    """Have the bot run, connected; it leaves in the end, or when the event is set."""
    done = asyncio.Event()
    known = len(server.gateway.log)
    task = asyncio.create_task((frontend or house.frontend()).run(done))
    try:
        await server.until(lambda: "identify" in server.gateway.log[known:] and server.gateway.sessions)
        yield done
    finally:
        done.set()
        await task


def hurried(house: House) -> Frontend:
    """Return a bot for which a second is over whenever it looks at the clock: it shows word after word."""
    ticks = itertools.count()
    return replace(house.frontend(), seconds=lambda: float(next(ticks)))


class Scene:
    """A server with a channel, a member and an admin, on a Discord that is in this process."""

    def __init__(self, env: simcord.Env) -> None:
        self.env = env
        self.owner = env.create_user("owner")
        self.guild = env.create_guild("The Scriptorium", id=HOME, owner=self.owner)
        self.general = self.guild.create_text_channel("general")
        self.alice = self.guild.add_member(env.create_user("alice"))
        self.bob = self.guild.add_member(env.create_user("bob"))
        admins = self.guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
        self.carol = self.guild.add_member(env.create_user("carol"), roles=[admins])

    @property
    def me(self) -> str:
        assert self.env.bot.user
        return self.env.bot.user.mention

    async def ask(self, text: str = "will it rain?", who: Any = None, channel: Any = None) -> discord.Message:
        """Have somebody ask; return the answer."""
        where = channel or self.general
        await (who or self.alice).send(where, f"{self.me} {text}")
        answer: discord.Message = where.last_message
        return answer

    def said(self, channel: Any = None) -> list[discord.Message]:
        """Return what the bot said."""
        assert self.env.bot.user
        mine = self.env.bot.user.id
        return [each for each in (channel or self.general).history() if each.author.id == mine]

    def refusal(self, given: simcord.InteractionResult) -> str:
        """Return what a command was refused with, so that only who gave it sees it."""
        error = self.env.errors[-1]
        assert isinstance(getattr(error, "original", error), UserError)
        told = [*given.followups, given.response][0]
        assert told
        assert told.ephemeral
        return told.content


@pytest.fixture
def simcord_bot(house: House, request: pytest.FixtureRequest) -> TalkClient:
    request.node.add_marker(pytest.mark.simcord(settle_timeout=PATIENCE))
    return house.client()


@pytest.fixture
def scene(simcord_env: simcord.Env) -> Scene:
    return Scene(simcord_env)
