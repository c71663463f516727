"""One answer on its way to a client: its stops heeded, its pieces gathered, its chances told where they are wanted."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

from generators.reading import Guess, Reading
from generators.stream import Stream

PACE = 0.15  # seconds between two pieces to a client: what comes meanwhile is sent together, and costs one event

Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """Some characters, what was expected in their places, and in the last piece why nothing follows."""

    text: str
    guesses: list[Guess] = field(default_factory=list)
    finish: Finish | None = None


class Stops:
    """Ends a text before the first of some strings; what may be the beginning of one is held back."""

    def __init__(self, stops: Iterable[str]) -> None:
        """Look for `stops`; empty ones are left out."""
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.reached = False

    def pass_on(self, piece: str) -> str:
        """Return what may be shown after `piece` came."""
        if not self._stops:
            return piece
        text = self._held + piece
        found = [place for place in (text.find(stop) for stop in self._stops) if place >= 0]
        if found:
            self.reached, self._held = True, ""
            return text[: min(found)]
        longest = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - longest :]
        return text[: len(text) - longest]

    def rest(self) -> str:
        """Return what was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the longest end of `text` that is a beginning of `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)


async def pieces(stream: Stream, skipped: int, stops: Stops, reading: Reading | None) -> AsyncGenerator[Piece, None]:
    """Yield what `stream` says after its first `skipped` characters; the last piece tells why nothing follows."""
    async with aclosing(stream):
        async for came in stream:
            text = came + stream.waiting()
            shown, skipped = text[skipped:], max(skipped - len(text), 0)
            shown = stops.pass_on(shown)
            if stops.reached:
                break
            if shown:
                yield await _read(shown, reading)
                await stream.ended(PACE)
        else:
            shown = stops.rest()
        last = await _read(shown, reading)
        yield Piece(last.text, last.guesses, "length" if stream.reason == "length" else "stop")


async def _read(text: str, reading: Reading | None) -> Piece:
    """Return `text` with what was expected, read on another thread."""
    return Piece(text, await asyncio.to_thread(reading.follow, text) if reading and text else [])
