import asyncio
import contextlib
import gc
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from corpora.errors import UserError
from generators import stream as module
from generators.stream import Mailbox, Reason, Stream

LONG = 60.0  # seconds after which somebody is taken to wait for ever
REASONS: list[Reason] = ["stop", "length", "complete", "chosen"]


class Writer:
    """Whoever writes: its mailbox, and how often it was told to stop."""

    def __init__(self, *pieces: str, reason: Reason | None = None, error: BaseException | None = None) -> None:
        self.mailbox, self.cancelled = Mailbox(), 0
        for piece in pieces:
            self.mailbox.put(piece)
        if reason or error:
            self.mailbox.end(reason, error)

    def cancel(self) -> None:
        self.cancelled += 1

    def stream(self) -> Stream:
        return Stream(self.mailbox, self.cancel)


Read = Callable[[Stream], list[str]]


def plainly(stream: Stream) -> list[str]:
    return list(stream)


def in_a_loop(stream: Stream) -> list[str]:
    async def read() -> list[str]:
        async with asyncio.timeout(LONG):
            return [piece async for piece in stream]

    return asyncio.run(read())


EITHER_WAY = pytest.mark.parametrize("read", [plainly, in_a_loop])


@EITHER_WAY
@pytest.mark.parametrize("reason", REASONS)
def test_what_was_put_is_read_in_order_up_to_the_end(read: Read, reason: Reason) -> None:
    writer = Writer("In", " the", " beginning", reason=reason)
    stream = writer.stream()
    assert stream.reason is None
    assert read(stream) == ["In", " the", " beginning"]
    assert stream.reason == reason
    assert read(stream) == []
    assert stream.reason == reason
    assert writer.cancelled == 0


@EITHER_WAY
def test_a_text_may_be_empty(read: Read) -> None:
    stream = Writer(reason="stop").stream()
    assert read(stream) == []
    assert stream.reason == "stop"


@EITHER_WAY
@pytest.mark.parametrize("error", [UserError("the voice is hoarse"), KeyError("a bug"), SystemExit(3)])
def test_an_error_is_raised_where_the_text_breaks_off_and_once(read: Read, error: BaseException) -> None:
    writer = Writer("In", " the", error=error)
    stream, got = writer.stream(), []

    async def asynchronously() -> None:
        got.extend([await anext(stream), await anext(stream)])
        with pytest.raises(type(error)) as caught:
            await anext(stream)
        assert caught.value is error

    if read is in_a_loop:
        asyncio.run(asynchronously())
    else:
        got.extend([next(stream), next(stream)])
        with pytest.raises(type(error)) as caught:
            next(stream)
        assert caught.value is error
    assert got == ["In", " the"]
    assert stream.reason is None
    assert read(stream) == []
    stream.close()
    assert writer.cancelled == 0  # it has stopped by itself


@EITHER_WAY
def test_a_writer_on_another_thread_is_waited_for(read: Read) -> None:
    writer = Writer()
    stream, pieces = writer.stream(), [str(n) for n in range(2000)]

    def write() -> None:
        for piece in pieces:
            writer.mailbox.put(piece)
        writer.mailbox.end("length")

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(write)
        assert read(stream) == pieces
        done.result(LONG)
    assert stream.reason == "length"


async def waiting(stream: Stream) -> "asyncio.Task[str]":
    """Begin to read, and come back when the reader waits."""
    task = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    return task


class Interrupted(threading.Thread):
    """Puts a piece, and stands still before one of the instructions that it takes."""

    def __init__(self, mailbox: Mailbox, instruction: int) -> None:
        super().__init__(daemon=True)
        self._mailbox, self._instruction = mailbox, instruction
        self.standing, self.going_on = threading.Event(), threading.Event()
        self.stood = False

    def run(self) -> None:
        sys.settrace(self._trace)
        self._mailbox.put("a")
        sys.settrace(None)
        self.standing.set()

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self._instruction -= 1
            if self._instruction == 0:
                self.stood = True
                self.standing.set()
                assert self.going_on.wait(LONG)
        return self._trace


@pytest.mark.parametrize("waits", [False, True])
def test_no_arrival_is_missed_wherever_the_writer_is_interrupted(waits: bool) -> None:
    async def interrupted(instruction: int) -> bool:
        writer = Writer()
        text = writer.stream()
        thread = Interrupted(writer.mailbox, instruction)

        async def read() -> list[str]:
            return [piece async for piece in text]

        reading = asyncio.ensure_future(read()) if waits else None
        await asyncio.sleep(0)
        thread.start()
        assert await asyncio.to_thread(thread.standing.wait, LONG)
        reading = reading or asyncio.ensure_future(read())
        for _ in range(5):  # as far as the reader comes
            await asyncio.sleep(0)
        thread.going_on.set()
        await asyncio.to_thread(thread.join, LONG)
        writer.mailbox.put("b")
        await asyncio.to_thread(writer.mailbox.end, "stop")
        assert await asyncio.wait_for(reading, LONG) == ["a", "b"]
        return thread.stood

    instruction = 1
    while asyncio.run(interrupted(instruction)):
        instruction += 1
    assert instruction > 10


def reads_what_comes_at(instruction: int) -> bool:
    """Let a text come just before one of the instructions that reading it takes; False where there are fewer."""
    writer, left = Writer(), instruction
    text = writer.stream()

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        nonlocal left
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_opcodes = True
        left -= event == "opcode"
        if left == 0 and event == "opcode":
            sys.settrace(None)
            writer.mailbox.put("a")
            writer.mailbox.end("stop")
            return None
        return trace

    async def read() -> list[str]:
        sys.settrace(trace)
        reading = asyncio.ensure_future(anext(text))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        sys.settrace(None)
        if left > 0:
            writer.mailbox.put("a")
            writer.mailbox.end("stop")
        return [await asyncio.wait_for(reading, LONG), *[piece async for piece in text]]

    assert asyncio.run(read()) == ["a"]
    return left <= 0


def test_no_arrival_is_missed_wherever_the_reader_is_interrupted() -> None:
    instruction = 1
    with ThreadPoolExecutor(1) as pool:  # tracing is a thread's own
        while pool.submit(reads_what_comes_at, instruction).result():
            instruction += 1
    assert instruction > 30


def test_pieces_may_come_before_while_and_after_somebody_waits() -> None:
    writer, troubles = Writer("before"), list[dict[str, Any]]()
    stream = writer.stream()

    async def read() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
        assert await anext(stream) == "before"
        task = await waiting(stream)
        for piece in ("while", "too"):
            writer.mailbox.put(piece)
        assert await task == "while"
        assert await anext(stream) == "too"
        await asyncio.to_thread(writer.mailbox.put, "after")
        assert await anext(stream) == "after"
        task = await waiting(stream)
        await asyncio.to_thread(writer.mailbox.end, "stop")
        with pytest.raises(StopAsyncIteration):
            await task

    asyncio.run(asyncio.wait_for(read(), LONG))
    assert stream.reason == "stop"
    assert troubles == []


def test_a_loop_does_something_else_while_it_waits() -> None:
    first, second = Writer(), Writer()

    async def echo(stream: Stream, to: Mailbox) -> int:
        count = 0
        async for piece in stream:
            to.put(piece)
            count += 1
            if count == 100:
                to.end("length")
                return count
        return count

    async def both() -> tuple[int, int]:
        streams = first.stream(), second.stream()
        first.mailbox.put("ball")
        games = echo(streams[0], second.mailbox), echo(streams[1], first.mailbox)
        one, other = await asyncio.wait_for(asyncio.gather(*games), LONG)
        return one, other

    assert asyncio.run(both()) == (100, 100)


def test_who_gave_up_waiting_may_wait_again() -> None:
    writer = Writer()
    stream = writer.stream()

    async def read() -> None:
        for _ in range(2):
            task = await waiting(stream)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        writer.mailbox.put("late")
        assert await anext(stream) == "late"
        task = await waiting(stream)
        writer.mailbox.end("stop")
        with pytest.raises(StopAsyncIteration):
            await task

    asyncio.run(read())
    assert writer.cancelled == 0


def test_one_who_gave_up_does_not_take_the_next_one_with_it() -> None:
    writer = Writer()
    stream = writer.stream()

    async def read() -> None:
        given_up = await waiting(stream)
        task = asyncio.ensure_future(anext(stream))
        given_up.cancel()  # it learns of that when the next one waits already
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert given_up.cancelled()
        await asyncio.to_thread(writer.mailbox.put, "late")
        assert await asyncio.wait_for(task, LONG) == "late"

    asyncio.run(read())


def test_a_loop_may_be_closed_while_somebody_waits_in_it() -> None:
    writer = Writer()
    stream = writer.stream()
    reading = aiter(stream).__anext__()

    async def begin() -> None:
        reading.send(None)  # up to where it waits, and never further

    asyncio.run(begin())
    writer.mailbox.put("nobody waits")  # is not the writer's trouble
    reading.close()
    writer.mailbox.put(" any more")
    writer.mailbox.end("stop")
    assert list(stream) == ["nobody waits", " any more"]


def test_a_text_begun_in_one_loop_is_read_on_in_another_and_plainly() -> None:
    writer = Writer("a", "b")
    stream = writer.stream()
    assert asyncio.run(anext(stream)) == "a"
    assert next(stream) == "b"
    writer.mailbox.put("c")
    assert asyncio.run(anext(stream)) == "c"
    writer.mailbox.end("stop")
    assert list(stream) == []


def used_in_with(stream: Stream) -> None:
    with stream as entered:
        assert entered is stream


def used_in_with_that_fails(stream: Stream) -> None:
    with pytest.raises(KeyError), stream:
        raise KeyError


def closed_twice(stream: Stream) -> None:
    stream.close()
    stream.close()


def closed_by_contextlib(stream: Stream) -> None:
    with contextlib.closing(stream):
        assert next(stream) == "In"


def closed_in_a_loop(stream: Stream) -> None:
    async def read() -> None:
        async with contextlib.aclosing(stream):
            assert await anext(stream) == "In"
        await stream.aclose()

    asyncio.run(read())


CLOSINGS = [used_in_with, used_in_with_that_fails, closed_twice, closed_by_contextlib, closed_in_a_loop]


@pytest.mark.parametrize("close", CLOSINGS)
def test_closing_tells_the_writer_once_and_ends_the_text(close: Callable[[Stream], None]) -> None:
    writer = Writer("In", " the")
    stream = writer.stream()
    close(stream)
    assert writer.cancelled == 1
    writer.mailbox.put(" beginning")
    assert plainly(stream) == in_a_loop(stream) == []
    assert stream.reason is None
    del stream
    gc.collect()
    assert writer.cancelled == 1


@pytest.mark.parametrize("close", CLOSINGS[:3])
def test_closing_what_is_at_its_end_tells_nobody(close: Callable[[Stream], None]) -> None:
    writer = Writer("In", reason="stop")
    stream = writer.stream()
    assert list(stream) == ["In"]
    close(stream)
    assert writer.cancelled == 0
    assert stream.reason == "stop"


def test_letting_go_tells_the_writer() -> None:
    writer = Writer("In", " the")
    stream = writer.stream()
    for _ in stream:
        break
    assert writer.cancelled == 0
    del stream
    gc.collect()
    assert writer.cancelled == 1

    async def read_a_little() -> None:
        async for _ in writer.stream():
            break

    asyncio.run(read_a_little())
    gc.collect()
    assert writer.cancelled == 2


def test_letting_go_while_waiting_tells_the_writer() -> None:
    writer = Writer()

    async def wait_a_little() -> None:
        (await waiting(writer.stream())).cancel()

    asyncio.run(wait_a_little())
    gc.collect()
    assert writer.cancelled == 1


def test_one_who_waits_is_sent_home_when_another_closes() -> None:
    writer = Writer("In")
    stream = writer.stream()
    got, begun = [next(stream)], threading.Event()

    def read() -> None:
        begun.set()
        got.extend(stream)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert begun.wait(LONG)
    stream.close()
    thread.join(LONG)
    assert not thread.is_alive()
    assert got == ["In"]
    assert writer.cancelled == 1


def test_one_who_waits_in_a_loop_is_sent_home_when_another_closes() -> None:
    writer = Writer()
    stream = writer.stream()

    async def read() -> None:
        task = await waiting(stream)
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(task, LONG)

    asyncio.run(read())
    assert writer.cancelled == 1


def test_a_stream_is_its_own_iterator() -> None:
    stream = Writer("a", reason="stop").stream()
    assert iter(stream) is stream
    aiterator: AsyncIterator[str] = aiter(stream)
    assert aiterator is stream
    assert next(stream) == "a"


async def test_its_end_is_waited_for_and_not_for_longer_than_wanted() -> None:
    """An end that was there before, one that comes from another thread, and one that does not come."""
    await Writer("a", reason="stop").stream().ended(LONG)
    writer = Writer("a")
    threading.Timer(0.05, lambda: writer.mailbox.end("length")).start()
    async with asyncio.timeout(LONG / 2):
        stream = writer.stream()
        await stream.ended(LONG)
        assert [piece async for piece in stream] == ["a"]
        assert stream.reason == "length"
        endless = Writer("a", "b").stream()
        await endless.ended(0.05)
    assert endless.reason is None
    assert endless.waiting() == "ab"
