"""/v1/completions and /v1/chat/completions: a text that goes on after the prompt, and an answer to what was said."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse, StreamingResponse

from bot.accounts import Key
from bot.chat.web import faults
from bot.chat.web.asked import Asked, ChatAsked, TextAsked
from bot.chat.web.choice import Piece, Stops, pieces
from bot.chat.web.faults import RefusedError
from bot.chat.web.house import House
from bot.chat.web.shapes import ChatShape, Json, Shape, TextShape, joined
from bot.chat.web.together import together
from corpora.errors import UserError
from generators.generator import Generator
from generators.reading import Reading
from generators.stream import Stream
from generators.voice import Voice

DONE = b"data: [DONE]\n\n"
READ = 500  # characters of what was said before that an answer has read


def routes(house: House) -> APIRouter:
    """Return both routes."""
    router = APIRouter(prefix="/v1", tags=["writing"])
    writer = Depends(house.keys.writer)

    @router.post("/completions")
    async def text(asked: TextAsked, key: Key = writer) -> Response:
        """Write a text that begins with the prompt."""
        return await _answer(Completion(house, asked, TextShape(), key), asked)

    @router.post("/chat/completions")
    async def chat(asked: ChatAsked, key: Key = writer) -> Response:
        """Answer the last message; those before it are read first."""
        return await _answer(Completion(house, asked, ChatShape(), key), asked)

    return router


async def _answer(completion: "Completion", asked: Asked) -> Response:
    await completion.begin()
    if not asked.stream:
        return JSONResponse(await completion.whole())
    return StreamingResponse(completion.events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@dataclass
class Choice:
    """One of the texts that are asked for, shown after its first `skipped` characters."""

    stream: Stream
    reading: Reading | None
    skipped: int
    sent: int = 0


class Completion:
    """The texts of one request, side by side."""

    def __init__(self, house: House, asked: TextAsked | ChatAsked, shape: Shape, key: Key) -> None:
        """Begin nothing yet."""
        self._house, self._asked, self._shape, self._key = house, asked, shape, key
        self._started = house.clock()
        self._seed = house.draw_seed() if asked.seed is None else asked.seed
        self._choices: list[Choice] = []

    async def begin(self) -> None:
        """Have the writing begun; raise where it cannot be."""
        _refuse_unknown(self._house, self._asked.model)
        voice = await asyncio.to_thread(self._house.engine.voice, self._asked.model, self._asked.blend)
        self._head = {
            "id": f"{self._shape.prefix}-{self._house.draw_seed():x}",
            "created": int(self._house.now().timestamp()),
            "model": self._asked.model,
            "system_fingerprint": voice.digest[:24],
            "seed": self._seed,
        }
        await asyncio.to_thread(self._begin, voice)

    async def whole(self) -> Json:
        """Return all texts when they are written."""
        said: list[list[Piece]] = [[] for _ in self._choices]
        async for index, piece in self._said():
            said[index].append(piece)
        told = self._asked.likeliest is not None
        choices = [self._shape.whole(index, joined(each), told) for index, each in enumerate(said)]
        return self._head | {"object": self._shape.kind, "choices": choices, "usage": self._usage()}

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events: the texts' pieces as they come, and what went wrong where something did."""
        options = self._asked.stream_options
        counted = {"usage": None} if options and options.include_usage else {}
        head = self._head | {"object": self._shape.piece_kind} | counted
        told = self._asked.likeliest is not None
        try:
            async with aclosing(self._said()) as said:
                async for index, piece in said:
                    at = self._choices[index].sent - len(piece.text)
                    yield _event(head | {"choices": [self._shape.piece(index, piece, told, at)]})
            if counted:
                yield _event(head | {"choices": [], "usage": self._usage()})
        except Exception as error:  # the answer has begun: its status can no longer say it
            yield _event(faults.body(error))
        yield DONE

    async def _said(self) -> AsyncGenerator[tuple[int, Piece], None]:
        """Yield pieces of all texts as they come, by the index of the text; count what is sent."""
        numbers, style = self._house.numbers, self._asked.model
        outcome = "broken off"
        sources = [pieces(c.stream, c.skipped, Stops(self._asked.stops), c.reading) for c in self._choices]
        with self._house.keys.at_work(self._key), numbers.open.track_inprogress():
            try:
                async with aclosing(together(sources)) as merged:
                    async for index, piece in merged:
                        if not any(choice.sent for choice in self._choices):
                            numbers.first.labels(style).observe(self._house.clock() - self._started)
                        self._choices[index].sent += len(piece.text)
                        numbers.characters.labels(style).inc(len(piece.text))
                        yield index, piece
                outcome = "written"
            finally:
                numbers.requests.labels(style, outcome).inc()

    def _begin(self, voice: Voice) -> None:
        """Ask the engine for the texts; this may read a long prompt."""
        asked, generator = self._asked, Generator(self._house.engine, self._asked.model)
        texts = _texts(asked, voice)
        known = voice.model.vocabulary.known(texts.get("prefix", ""))[0]
        skipped = 0 if isinstance(asked, TextAsked) and asked.echo else len(known)
        for seed in range(self._seed, self._seed + asked.n):
            request = asked.request(voice, seed, **texts)
            reading = Reading(voice, request, asked.likeliest) if asked.likeliest is not None else None
            stream = generator.answer(request, self._key.name)
            self._choices.append(Choice(stream, reading, skipped))

    def _usage(self) -> Json:
        asked = self._asked
        read = len(asked.prefix) if isinstance(asked, TextAsked) else sum(len(each.text) for each in asked.messages)
        written = sum(choice.sent for choice in self._choices)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _texts(asked: Asked, voice: Voice) -> dict[str, str]:
    """Return what the network reads, by the names of a request's fields."""
    if isinstance(asked, TextAsked):
        return {"prefix": asked.prefix, "message": asked.message}
    assert isinstance(asked, ChatAsked)
    return {"message": asked.messages[-1].text, "before": voice.history(asked.turns)[-READ:]}


def _refuse_unknown(house: House, style: str) -> None:
    """Raise RefusedError where there is no such style, or it is broken."""
    try:
        house.registry.get(style)
    except UserError as error:
        raise RefusedError(404, "model_not_found", str(error)) from error


def _event(data: Json) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n\n"
