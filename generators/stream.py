"""A text on its way: written by one thread, read by another or by an event loop."""

import asyncio
import contextlib
import queue
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

Reason = Literal["stop", "length", "complete", "chosen"]  # "complete": its grammar has nothing to follow


class Mailbox:
    """Where a writer puts pieces of a text, and at last its end: the reason for it, or an error."""

    def __init__(self) -> None:
        self.items: queue.SimpleQueue[tuple[str, Reason | None, BaseException | None]] = queue.SimpleQueue()
        self.on_arrival: Callable[[], None] | None = None  # set, and unset, by the reader alone; so is the next
        self.on_end: Callable[[], None] | None = None
        self.ended = False

    def put(self, piece: str) -> None:
        """Add a piece."""
        self.items.put((piece, None, None))
        self._ring()

    def end(self, reason: Reason | None, error: BaseException | None = None) -> None:
        """Say that nothing follows, and why."""
        self.items.put(("", reason, error))
        self.ended = True
        self._ring()
        if ring := self.on_end:
            ring()

    def _ring(self) -> None:
        if ring := self.on_arrival:
            ring()


class Stream:
    """A text as it is written: iterate it, plainly or with `async for`, for pieces of one character or more.

    What goes wrong is raised where the text breaks off. Closing it, or letting go of it, stops the writing. `reason`
    is None until the end.
    """

    def __init__(self, mailbox: Mailbox, cancel: Callable[[], None]) -> None:
        """Read from `mailbox`; `cancel` tells the writer to stop, may come twice, and comes from any thread."""
        self._mailbox, self._cancel = mailbox, cancel
        self._open = True
        self.reason: Reason | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        while self._open:
            piece = self._received(self._mailbox.items.get())
            if piece:
                return piece
        raise StopIteration

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while self._open:
            try:
                item = self._mailbox.items.get_nowait()
            except queue.Empty:
                await self._arrival()
                continue
            piece = self._received(item)
            if piece:
                return piece
        raise StopAsyncIteration

    def waiting(self) -> str:
        """Return what has come besides, without waiting for more."""
        come: list[str] = []
        with contextlib.suppress(queue.Empty):
            while self._open:
                come.append(self._received(self._mailbox.items.get_nowait()))
        return "".join(come)

    async def ended(self, seconds: float) -> None:
        """Wait until all of it is written, and no longer than so many seconds."""
        over, ring = _bell()
        timer = asyncio.get_running_loop().call_later(seconds, ring)
        self._mailbox.on_end = ring
        try:
            if not self._mailbox.ended:
                await over
        finally:
            timer.cancel()
            self._mailbox.on_end = None

    def detach(self) -> tuple[Mailbox, Callable[[], None]]:
        """Give what it reads from, and what stops the writing, to another reader; this one reads no more."""
        self._open = False
        return self._mailbox, self._cancel

    def close(self) -> None:
        """Stop the writing; nothing more is read, and whoever waits for it waits no more."""
        if self._open:
            self._open = False
            self._cancel()
            self._mailbox.end(None)

    async def aclose(self) -> None:
        """Do as `close`, for contextlib.aclosing."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _received(self, item: tuple[str, Reason | None, BaseException | None]) -> str:
        piece, self.reason, error = item
        if not piece:
            self._open = False
        if error:
            raise error
        return piece

    async def _arrival(self) -> None:
        """Wait until something is put, or has been put just now."""
        arrived, ring = _bell()
        self._mailbox.on_arrival = ring
        try:
            if self._mailbox.items.empty():
                await arrived
        finally:
            if self._mailbox.on_arrival is ring:  # and not that of one who came after a wait that was broken off
                self._mailbox.on_arrival = None


def _bell() -> tuple[asyncio.Future[None], Callable[[], None]]:
    """Return what can be waited for in this loop, and what ends that wait, from any thread and more than once."""
    loop = asyncio.get_running_loop()
    rung: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not rung.done():
            rung.set_result(None)

    def ring() -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, and nobody waits any more
            loop.call_soon_threadsafe(settle)

    return rung, ring
