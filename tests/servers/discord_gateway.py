"""The gateway of a stand-in for Discord: sessions that are begun, resumed, broken off and made invalid."""

import asyncio
import contextlib
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

import zstandard
from aiohttp import WSMsgType, web

from tests.servers.discord_records import BOT, Json, user

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
WRONG_TOKEN, NOT_ALLOWED = 4004, 4014  # codes with which a connection is closed


@dataclass(eq=False)
class Session:
    """What a client has from IDENTIFY on, over several connections: the events that it was sent, in order."""

    number: int
    events: list[Json] = field(default_factory=list)
    line: "Line | None" = None
    shard: tuple[int, ...] = (0, 1)  # which of how many

    def hears(self, name: str, data: Json) -> bool:
        """Return whether an event is this shard's: each has its servers, and the first what is said in private."""
        number, count = self.shard
        server = data["id"] if name == "GUILD_CREATE" else data.get("guild_id", 0)
        return (int(server) >> 22) % count == number


@dataclass(eq=False)
class Line:
    """A connection, compressed as the client wants it."""

    socket: web.WebSocketResponse
    compression: str
    session: Session | None = None

    def __post_init__(self) -> None:
        self._zlib, self._zstd = zlib.compressobj(), zstandard.ZstdCompressor().compressobj()

    async def send(self, op: int, data: Any = None, sequence: int | None = None, name: str | None = None) -> None:
        raw = json.dumps({"op": op, "d": data, "s": sequence, "t": name})
        if self.compression == "zlib-stream":
            await self.socket.send_bytes(self._zlib.compress(raw.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH))
        elif self.compression == "zstd-stream":
            block = self._zstd.compress(raw.encode()) + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            await self.socket.send_bytes(block)
        else:
            await self.socket.send_str(raw)

    def abort(self) -> None:
        """Break off without a word."""
        transport = self.socket._req.transport if self.socket._req else None
        if transport:
            transport.abort()


class Gateway:
    """All sessions. `beats` are seconds between the heartbeats that it asks for."""

    def __init__(self, token: str, changed: asyncio.Event, beats: float = 41.0) -> None:
        self.token, self.changed, self.beats = token, changed, beats
        self.sessions: list[Session] = []
        self.log: list[str] = []  # what clients did: identify, resume, ...
        self.heard: list[float] = []  # seconds of the loop at which a heartbeat came
        self.greeting: list[tuple[str, Json]] = []  # events that a new session begins with
        self.url = ""
        self.shards = 1  # that it wants a client to have

    async def connected(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        line = Line(socket, request.query.get("compress", ""))
        await line.send(HELLO, {"heartbeat_interval": round(self.beats * 1000)})
        async for received in socket:
            if received.type != WSMsgType.TEXT:
                break
            given = json.loads(received.data)
            await self._answer(line, given["op"], given.get("d"))
            self.changed.set()
        if line.session and line.session.line is line:
            line.session.line = None
        return socket

    async def emit(self, name: str, data: Json) -> None:
        """Send an event to all clients; one that is away has it when it resumes."""
        for session in self.sessions:
            if session.hears(name, data):
                await self._dispatch(session, name, data)

    async def break_off(self) -> None:
        """Break off all connections without a word."""
        self.log.append("broken off")
        for line in self._lines():
            line.abort()

    async def call_back(self) -> None:
        """Ask all clients to connect anew, as Discord does when it restarts."""
        for line in self._lines():
            await line.send(RECONNECT)

    async def invalidate(self) -> None:
        """Forget all sessions, and say so."""
        lines, self.sessions = self._lines(), []
        for line in lines:
            line.session = None
            await line.send(INVALID, False)

    async def close(self, code: int) -> None:
        """Close all connections with a code."""
        for line in self._lines():
            await line.socket.close(code=code)

    def _lines(self) -> list[Line]:
        return [session.line for session in self.sessions if session.line]

    async def _answer(self, line: Line, op: int, data: Any) -> None:
        if op == HEARTBEAT:
            self.heard.append(asyncio.get_running_loop().time())
            await line.send(ACK)
        elif op == IDENTIFY:
            await self._identify(line, data)
        elif op == RESUME:
            await self._resume(line, data)

    async def _identify(self, line: Line, data: Json) -> None:
        self.log.append("identify")
        if data["token"].removeprefix("Bot ") != self.token:
            await line.socket.close(code=WRONG_TOKEN)
        elif int(data["intents"]) & PRIVILEGED:
            await line.socket.close(code=NOT_ALLOWED)
        else:
            line.session = Session(len(self.sessions) + 1, line=line, shard=tuple(data.get("shard", (0, 1))))
            self.sessions.append(line.session)
            ready = {"v": 10, "user": user() | {"email": None, "verified": True, "mfa_enabled": True}, "guilds": []}
            ready |= {"session_id": f"s{id(line.session)}", "resume_gateway_url": self.url, "shard": line.session.shard}
            ready |= {"application": {"id": str(BOT), "flags": 0}, "private_channels": [], "relationships": []}
            greeting = [(name, each) for name, each in self.greeting if line.session.hears(name, each)]
            joined = [each["id"] for name, each in greeting if name == "GUILD_CREATE"]
            ready["guilds"] = [{"id": number, "unavailable": True} for number in joined]
            await self._dispatch(line.session, "READY", ready)
            for name, each in greeting:
                await self._dispatch(line.session, name, each)

    async def _resume(self, line: Line, data: Json) -> None:
        session = next((each for each in self.sessions if f"s{id(each)}" == data["session_id"]), None)
        if session is None:
            self.log.append("resume refused")
            await line.send(INVALID, False)
            return
        self.log.append("resume")
        session.line, line.session = line, session
        for number, missed in enumerate(session.events[data["seq"] :], data["seq"] + 1):
            await line.send(DISPATCH, missed["d"], number, missed["t"])
        await self._dispatch(session, "RESUMED", {})

    @staticmethod
    async def _dispatch(session: Session, name: str, data: Json) -> None:
        session.events.append({"t": name, "d": data})
        if session.line:
            with contextlib.suppress(ConnectionError):  # it was broken off, and resumes
                await session.line.send(DISPATCH, data, len(session.events), name)
