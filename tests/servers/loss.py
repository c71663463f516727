"""A proxy that passes requests on, and loses the answers of those it is told to, in every way there is.

    close   the connection ends where the answer should begin
    rst     it is reset
    half    half of the answer comes
    502     a gateway answers in the server's place
    hang    nothing comes, ever

`refuse` answers in the server's place before it has seen anything, `down` closes the door.
"""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.servers.threads import Loop

WAYS = ("close", "rst", "half", "502", "hang")


class LossProxy:
    def __init__(self, loop: Loop, upstream: int, port: int = 0, posting: str = "POST ") -> None:
        self._loop, self._upstream = loop, upstream
        self.posting = posting.encode()  # how a request begins whose answer is lost
        self._way = "pass"
        self._said = b""
        self.lost = 0  # answers
        self._serving = set[asyncio.Task[None] | None]()  # whose client is gone nobody else remembers
        self.lag = 0.0  # seconds that a request takes to the server, and an answer back
        self.port = port
        self._open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def losing(self, way: str) -> Iterator[None]:
        """Lose the answers to what posts."""
        self._way = way
        try:
            yield
        finally:
            self._way = "pass"

    @contextmanager
    def refusing(self, status: int, body: Any = "", headers: dict[str, str] | None = None) -> Iterator[None]:
        """Answer in the place of the server, which never sees what would post."""
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        lines = {"Content-Type": kind, "Content-Length": str(len(text.encode())), "Connection": "close"} | (
            headers or {}
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._said = f"HTTP/1.1 {status} Said\r\n{head}\r\n{text}".encode()
        with self.losing("say"):
            yield

    @contextmanager
    def down(self) -> Iterator[None]:
        """Let nobody in."""
        self.close()
        try:
            yield
        finally:
            self._open()

    def close(self) -> None:
        self._loop.run(self._stop())

    def _open(self) -> None:
        self._server: asyncio.Server = self._loop.run(self._start())
        self.port = self._server.sockets[0].getsockname()[1]

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._serving.add(task)
        try:
            await self._exchange(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._serving.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        way = self._way if head.startswith(self.posting) else "pass"
        if way == "say":
            writer.write(self._said)
            await writer.drain()
            return
        await asyncio.sleep(self.lag)
        answer = ending(await self._ask(ending(head) + body))
        await asyncio.sleep(self.lag)
        if way == "pass":
            writer.write(answer)
        else:
            self.lost += 1
            await self._lose(way, answer, writer)
        await writer.drain()

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        writer.write(request)
        await writer.drain()
        answer = await reader.read(-1)
        writer.close()
        return answer

    @staticmethod
    async def _lose(way: str, answer: bytes, writer: asyncio.StreamWriter) -> None:
        match way:
            case "rst":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            case "half":
                writer.write(answer[: len(answer) // 2])
            case "502":
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            case "hang":
                await asyncio.sleep(3600)


def ending(message: bytes) -> bytes:
    """Return a request or an answer that says that its connection ends with it."""
    head, separator, body = message.partition(b"\r\n\r\n")
    return re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head) + b"\r\nConnection: close" + separator + body
