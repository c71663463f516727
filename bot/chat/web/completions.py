"""/v1/completions and /v1/chat/completions: a text that goes on after the prompt, and an answer to what was said."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse, StreamingResponse

from bot.accounts import Key
from bot.chat.web import faults
from bot.chat.web.asked import Asked, ChatAsked, TextAsked
from bot.chat.web.choice import Piece
from bot.chat.web.faults import RefusedError
from bot.chat.web.house import House
from bot.chat.web.shapes import ChatShape, Json, Shape, TextShape, joined
from corpora.errors import UserError

DONE = b"data: [DONE]\n\n"
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


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


class Completion:
    """The texts of one request, side by side."""

    def __init__(self, house: House, asked: TextAsked | ChatAsked, shape: Shape, key: Key) -> None:
        """Begin nothing yet."""
        self._house, self._asked, self._shape, self._key = house, asked, shape, key
        self._started = house.clock()
        self._seed = house.draw_seed() if asked.seed is None else asked.seed
        self._sent = [0] * asked.n  # characters of each text

    async def begin(self) -> None:
        """Have the writing begun; raise where it cannot be."""
        _refuse_unknown(self._house, self._asked.model)
        self._writing = await self._house.writer.begin(self._asked, self._seed, self._key.name)
        self._head = {
            "id": f"{self._shape.prefix}-{self._house.draw_seed():x}",
            "created": int(self._house.now().timestamp()),
            "model": self._asked.model,
            "system_fingerprint": self._writing.digest[:24],
            "seed": self._seed,
        }

    async def whole(self) -> Json:
        """Return all texts when they are written."""
        said: list[list[Piece]] = [[] for _ in self._sent]
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
        opening = _json(head)[:-1]  # the same in all events
        told = self._asked.likeliest is not None
        try:
            async with aclosing(self._said()) as said:
                async for index, piece in said:
                    at = self._sent[index] - len(piece.text)
                    choice = _json(self._shape.piece(index, piece, told, at))
                    yield _event(f'{opening},"choices":[{choice}]}}')
            if counted:
                yield _event(_json(head | {"choices": [], "usage": self._usage()}))
        except Exception as error:  # the answer has begun: its status can no longer say it
            yield _event(_json(faults.body(error)))
        yield DONE

    async def _said(self) -> AsyncGenerator[tuple[int, Piece], None]:
        """Yield pieces of all texts as they come, by the index of the text; count what is sent."""
        numbers, style = self._house.numbers, self._asked.model
        outcome, characters = "broken off", numbers.characters.labels(style)
        with self._house.keys.at_work(self._key), numbers.open.track_inprogress():
            try:
                async with aclosing(self._writing.said()) as said:
                    async for index, piece in said:
                        if not any(self._sent):
                            numbers.first.labels(style).observe(self._house.clock() - self._started)
                        self._sent[index] += len(piece.text)
                        characters.inc(len(piece.text))
                        yield index, piece
                outcome = "written"
            finally:
                numbers.requests.labels(style, outcome).inc()

    def _usage(self) -> Json:
        asked = self._asked
        read = len(asked.prefix) if isinstance(asked, TextAsked) else sum(len(each.text) for each in asked.messages)
        written = sum(self._sent)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _refuse_unknown(house: House, style: str) -> None:
    """Raise RefusedError where there is no such style, or it is broken."""
    try:
        house.registry.get(style)
    except UserError as error:
        raise RefusedError(404, "model_not_found", str(error)) from error


def _json(data: Json) -> str:
    return ENCODER.encode(data)


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode("utf-8", "replace")
