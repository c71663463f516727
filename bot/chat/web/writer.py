"""Who writes the texts of a request: the engine of this process, or others that speak for it (see cluster.py)."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from bot.chat.web.asked import ChatAsked, TextAsked
from bot.chat.web.choice import Piece, Stops, pieces
from bot.chat.web.together import together
from generators.engine import Engine
from generators.generator import Generator
from generators.reading import Reading
from generators.voice import Voice

READ = 500  # characters of what was said before that an answer has read

Wanted = TextAsked | ChatAsked
Said = AsyncGenerator[tuple[int, Piece], None]  # pieces of all texts as they come, by the index of the text


class Writing(Protocol):
    """The texts of one request, being written side by side by a voice of some `digest`."""

    @property
    def digest(self) -> str:
        """Return what names the voice's weights."""

    def said(self) -> Said:
        """Yield what is written; closing it stops the writing."""


class Writer(Protocol):
    """Who can be asked."""

    async def begin(self, asked: Wanted, seed: int, who: str) -> Writing:
        """Begin `asked.n` texts of successive seeds; raise where that cannot be."""


@dataclass(frozen=True)
class Here:
    """Writes with the engine of this process."""

    engine: Engine

    async def begin(self, asked: Wanted, seed: int, who: str) -> "Texts":
        """Ask the engine; this may open a voice, and read a long prompt."""
        voice = await asyncio.to_thread(self.engine.voice, asked.model, asked.blend)
        return Texts(voice.digest, await asyncio.to_thread(self._begun, voice, asked, seed, who))

    def _begun(self, voice: Voice, asked: Wanted, first: int, who: str) -> list[AsyncGenerator[Piece, None]]:
        texts, begun = _texts(asked, voice), []
        known = voice.model.vocabulary.known(texts.get("prefix", ""))[0]
        skipped = 0 if isinstance(asked, TextAsked) and asked.echo else len(known)
        for seed in range(first, first + asked.n):
            request = asked.request(voice, seed, **texts)
            reading = Reading(voice, request, asked.likeliest) if asked.likeliest is not None else None
            stream = Generator(self.engine, asked.model).answer(request, who)
            begun.append(pieces(stream, skipped, Stops(asked.stops), reading))
        return begun


@dataclass(frozen=True)
class Texts:
    """Texts on their way from the engine."""

    digest: str
    sources: list[AsyncGenerator[Piece, None]]

    def said(self) -> Said:
        """Yield what is written; closing it stops the writing."""
        return together(self.sources)


def _texts(asked: Wanted, voice: Voice) -> dict[str, str]:
    """Return what the network reads, by the names of a request's fields."""
    if isinstance(asked, TextAsked):
        return {"prefix": asked.prefix, "message": asked.message}
    return {"message": asked.messages[-1].text, "before": voice.history(asked.turns)[-READ:]}
