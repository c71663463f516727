"""Answering: a question is claimed, written, shown while it is written, and kept; and it stops when nobody wants it.

Seeds come from the question's number. So an answer that a crash broke off is written again as it was, and Discord knows
its messages by their nonces.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

import discord

from bot.chat.discord.pace import Pace
from bot.chat.discord.sheet import Extras, Sheet
from bot.chat.discord.wording import Dress, fenced, pages, plain
from bot.chat.servers import Servers
from bot.chat.talks import Asked, Memory, Talks
from bot.conversation import Conversation, Options, Reply, Turn
from bot.publish.discord import LONGEST
from corpora.errors import UserError
from generators.engine import Engine
from generators.pictures.drawing import draw
from generators.pictures.picture import Picture
from generators.plugin import Plugin
from generators.quality import unsayable

FIRST = 0.3  # seconds of writing before an answer is shown for the first time; most are whole by then
LENGTH = 4_000  # characters of an answer where nobody asked for another length
CROWD = 12  # answers at once; where there are more, each is shown as it comes, and not chosen among several
TRIES = 3  # answers that are written before it is given up to find one that is fit to be said
VOICES = 8  # threads that open voices and ask them
DRAWING = 2  # pictures drawn at once
KNOWN = 10_000  # notes that are remembered, so as not to repeat them
PARTING = 1.5  # seconds, of those that there are to leave, for showing what was written until then
BROKEN = "Something broke while I answered. It was noted; please ask again."
UNFIT = "What came to my mind is not fit to be said. Ask me something else."

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Wish:
    """What is wanted of a talk: `ask` asks it for a reply, which may take a while.

    `memory` is the talk as it was at an earlier answer, in whose place the new one comes if it `follows` it.
    """

    ask: Callable[[Conversation, str], Reply]  # the conversation, and who asks
    heading: str = ""
    style: str = ""  # who answers, this once
    memory: Memory | None = None
    follows: int | None = None
    once: bool = False  # the talk goes on with its own options


@dataclass
class Saying:
    """An answer on its way."""

    conversation: Conversation
    reply: Reply
    plugin: Plugin
    heading: str
    notes: list[str] = field(default_factory=list)
    said: str = ""

    @property
    def dress(self) -> Dress:
        """Return how the text is shown: prose as it is, anything else as a block of code."""
        kind = self.plugin.manifest.picture
        return plain if kind == "card" else fenced("tex" if kind == "latex" else kind)

    def pages(self, text: str) -> list[str]:
        """Return the messages that show `text`, the heading above and the notes below."""
        shown = pages(text, self.dress, self.heading)
        for line in [f"-# {plain(note)}" for note in self.notes]:
            if len(shown[-1]) + len(line) < LONGEST:
                shown[-1] += f"\n{line}"
        return shown


@dataclass
class Running:
    """A question that is being answered."""

    task: asyncio.Task[None] | None
    reply: Reply | None = None
    unwanted: bool = False

    def stop(self) -> None:
        """Write no more. What Discord is being asked for is not broken off: nobody would know what came of it."""
        if self.reply:
            self.reply.close()


class Answers:
    """Everything that is being said."""

    def __init__(
        self,
        engine: Engine,
        talks: Talks,
        servers: Servers,
        style: str,
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
        buttons: Callable[[int], discord.ui.View],
    ) -> None:
        """`style` speaks where nobody chose another; `seconds` only go forward; `buttons` stand under an answer."""
        self._engine, self._talks, self._servers, self._style = engine, talks, servers, style
        self._clock, self._seconds, self._buttons = clock, seconds, buttons
        self._pace = Pace(seconds)
        self._running: dict[int, Running] = {}
        self._voices = ThreadPoolExecutor(VOICES, "voices")  # of their own: to open a voice takes seconds
        self._drawing = asyncio.Semaphore(DRAWING)
        self._noted: set[tuple[int, int, str]] = set()
        self.leaving = False  # nothing new is begun

    async def answer(self, asked: Asked, wish: Wish, sheet: Sheet) -> None:
        """Answer a question, unless it was claimed before; say so where that is impossible."""
        if self.is_answering(asked.id):
            return
        running = self._running[asked.id] = Running(asyncio.current_task())
        try:
            await self._answer(asked, wish, sheet, running)
            if running.unwanted:
                await self._take_back(asked, sheet)
        except discord.NotFound:
            await self._take_back(asked, sheet)  # somebody deleted what was said so far
        except discord.Forbidden as error:
            log.warning("channel %d: I may not write there (%s)", asked.channel, error.text)
            await asyncio.to_thread(self._talks.end, asked.id)
        except UserError as error:
            await self._give_up(asked, sheet, plain(str(error)))
        except Exception:
            log.exception("question %d", asked.id)
            await self._give_up(asked, sheet, BROKEN)
        finally:
            del self._running[asked.id]

    async def check(self, style: str, options: Options) -> None:
        """Raise UserError where a talk cannot go on in this way."""
        await self._aside(lambda: Conversation(self._engine, lambda: 0, log.debug, style, options).set())

    def is_answering(self, question: int) -> bool:
        """Return whether a question is being answered by this process."""
        return question in self._running

    def withdraw(self, question: int) -> bool:
        """Stop answering a question that is no longer there; return whether it was being answered."""
        running = self._running.get(question)
        if running:
            running.unwanted = True
            running.stop()
        return running is not None

    async def finish(self, seconds: float) -> None:
        """Finish what is being said; what takes longer ends where it is."""
        await self._settled(seconds - PARTING)
        for running in self._running.values():
            running.stop()
        await self._settled(PARTING)

    async def break_off(self) -> None:
        """Stop whatever is still being said; it is taken up again when there is a connection."""
        for running in self._running.values():
            if running.task:
                running.task.cancel()
        await self._settled(PARTING)

    async def _settled(self, seconds: float) -> None:
        if tasks := [running.task for running in self._running.values() if running.task]:
            await asyncio.wait(tasks, timeout=seconds)

    async def _aside(self, ask: Callable[..., Result], *arguments: Any) -> Result:
        """Ask on another thread what may have to open a voice first."""
        return await asyncio.get_running_loop().run_in_executor(self._voices, ask, *arguments)

    async def _answer(self, asked: Asked, wish: Wish, sheet: Sheet, running: Running) -> None:
        saying = await self._aside(self._begin, asked, wish)
        if saying is None:
            return
        for _ in range(TRIES):
            running.reply = saying.reply
            if running.unwanted:  # since before there was a reply
                running.stop()
            fit = await self._write(saying, sheet, asked.channel)
            if running.unwanted:
                return
            if fit:
                await self._finish(asked, wish, saying, sheet)
                return
            saying.reply = await self._aside(saying.conversation.again, str(asked.person))
        await self._give_up(asked, sheet, UNFIT)

    def _begin(self, asked: Asked, wish: Wish) -> Saying | None:
        """Claim a question and ask for its answer; return None where it was claimed before."""
        now = self._talks.begin(asked, self._clock())
        if now is None:
            return None
        notes = list[str]()
        memory = wish.memory or now
        conversation = self._conversation(asked, replace(memory, style=wish.style or memory.style), notes)
        reply = wish.ask(conversation, str(asked.person))
        plugin = self._engine.voice(conversation.style).plugin
        return Saying(conversation, reply, plugin, wish.heading, self._unheard(asked, notes))

    def _conversation(self, asked: Asked, memory: Memory, notes: list[str]) -> Conversation:
        """Return a talk to go on with. Where its voice is gone another one speaks, and `notes` say so."""
        common = self._servers.get(asked.server).room(asked.room).style or self._style
        style = memory.style or common
        try:
            return self._talk(asked.id, style, memory.options, memory.turns, notes)
        except UserError as error:
            talk = self._talk(asked.id, common, Options(), memory.turns, notes)
            notes.append(f"{error} {common} speaks now.")
            return talk

    def _talk(
        self, question: int, style: str, options: Options, turns: tuple[Turn, ...], notes: list[str]
    ) -> Conversation:
        seeds = _seeds(question)
        talk = Conversation(self._engine, lambda: next(seeds), notes.append, style, options, list(turns))
        if options.length is None and talk.voice.plugin.manifest.text.length > LENGTH:
            talk.set(length=LENGTH)
        if options.candidates is None and len(self._running) > CROWD:
            talk.set(candidates=1)
        return talk

    def _unheard(self, asked: Asked, notes: list[str]) -> list[str]:
        """Return the notes that a person has not had in this channel yet."""
        if len(self._noted) > KNOWN:
            self._noted.clear()
        fresh = [note for note in notes if (asked.channel, asked.person, note) not in self._noted]
        self._noted |= {(asked.channel, asked.person, note) for note in fresh}
        return fresh

    async def _write(self, saying: Saying, sheet: Sheet, channel: int) -> bool:
        """Show the answer as it is written; return whether it is fit to be said, having stopped where it is not."""
        saying.said, due = "", self._seconds() + FIRST
        async with aclosing(saying.reply) as reply:
            async for piece in reply:
                saying.said += piece
                if self._seconds() < due or not self._pace.take(channel):
                    continue
                if unsayable(saying.said):
                    return False
                if whole := saying.said[: max(map(saying.said.rfind, " \n")) + 1].strip():  # no half a word
                    await sheet.show(saying.pages(whole))
        return not unsayable(saying.said)

    async def _finish(self, asked: Asked, wish: Wish, saying: Saying, sheet: Sheet) -> None:
        picture = await self._picture(saying)
        if turn := saying.reply.turn:  # first: whoever sees the buttons may press them
            seed = None if wish.once else saying.conversation.options.seed
            await asyncio.to_thread(self._talks.keep, asked, turn, seed, wish.follows)
        kept = turn is not None and not self._talks.opted_out(asked.person)
        self._pace.hold(asked.channel)
        await sheet.show(saying.pages(saying.said), Extras(self._buttons(asked.id) if kept else None, picture))
        await asyncio.to_thread(self._talks.end, asked.id, sheet.messages)

    async def _picture(self, saying: Saying) -> Picture | None:
        """Return the answer as a picture where it is no prose; None where it cannot be drawn."""
        if saying.plugin.manifest.picture == "card" or not saying.said.strip():
            return None
        async with self._drawing:
            try:
                return await asyncio.to_thread(draw, saying.plugin, saying.said)
            except UserError as error:
                log.info("%s: no picture: %s", saying.plugin.name, error)
                return None

    async def _give_up(self, asked: Asked, sheet: Sheet, line: str) -> None:
        try:
            await sheet.tell(line)
            await asyncio.to_thread(self._talks.end, asked.id)
        except (discord.HTTPException, OSError, UserError) as error:
            log.warning("question %d: it could not be said why there is no answer: %s", asked.id, error)

    async def _take_back(self, asked: Asked, sheet: Sheet) -> None:
        """Remove what was said so far, and forget it."""
        await asyncio.to_thread(self._talks.retract, asked.id)
        try:
            await sheet.erase()
        except (discord.HTTPException, OSError) as error:
            log.info("question %d: its answer is gone, or stays: %s", asked.id, error)


def _seeds(question: int) -> Iterator[int]:
    """Yield the seeds of the answers to a question: the same in every process."""
    for number in count():
        yield int.from_bytes(hashlib.sha256(f"{question} {number}".encode()).digest()[:4]) >> 1
