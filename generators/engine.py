"""The one place that texts come from: every conversation, post and request of every frontend is written here.

    engine.submit(request) -> Stream

Voices are opened when first asked for, each with a thread that writes all its texts side by side
(generators/worker.py); those not used for longest are let go of over a memory budget, and one whose model folder
changes is opened again, while the old one finishes what it was writing.
"""

import math
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self
from weakref import WeakSet

from corpora.errors import UserError
from generators.ending import Ending
from generators.inference import Logits, State
from generators.stream import Mailbox, Reason, Stream
from generators.voice import Request, Voice
from generators.worker import Job, Worker

OPEN = 24  # voices, and blends of them by their weight, that are kept open
TRIES = 20  # drafts before a request is given up
CLOSED = "The engine was closed."
_Key = tuple[str, tuple[str, float] | None]


class Judge(Protocol):
    """Chooses among drafts; called on a thread of the engine's, once at a time."""

    def choose(self, drafts: list[str]) -> str | None:
        """Return the text to give, made of one of the drafts, or None: draw as many again."""

    def refusal(self) -> UserError:
        """Return what to say where none of all the drafts would do."""


class Engine:
    """Writes what is submitted, all at once. Thread-safe; to be closed, or used in a `with`."""

    def __init__(
        self,
        open_voice: Callable[[str], Voice],
        rows: int = 64,
        places: int = 256,
        megabytes: float = 500,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write up to `rows` texts of a voice at once, let up to `places` wait, keep `megabytes` of idle voices."""
        self._open_voice, self._rows, self._places, self._megabytes = open_voice, rows, places, megabytes
        self._clock = clock
        self._lock = threading.Lock()
        self._workers: OrderedDict[_Key, Worker] = OrderedDict()  # the least recently used first
        self._all: WeakSet[Worker] = WeakSet()  # those too that were replaced, and finish what they were writing
        self._closed = False
        self._opening: defaultdict[_Key, threading.Lock] = defaultdict(threading.Lock)
        self._judges = ThreadPoolExecutor(4, "judge")

    def submit(self, request: Request, judge: Judge | None = None, user: str = "", seconds: float = math.inf) -> Stream:
        """Begin to write; return the text as it comes, its prefix first, or whole where a `judge` chooses it.

        Raises BusyError at once where too many wait, or `user` has too many waiting. The stream raises LateError when
        `seconds` are over, and UserError where the text cannot be written.
        """
        if request.candidates > 1 and judge is None:
            raise ValueError("among several candidates somebody has to choose")
        task = _Task(self, request, judge, user, self._clock() + seconds)
        task.begin()
        return Stream(task.mailbox, task.cancel)

    def voice(self, style: str, blend: tuple[str, float] | None = None) -> Voice:
        """Return the voice that speaks now for `style`, or for its blend; raise UserError where there is none."""
        return self._worker((style, blend)).voice

    def mind(self, request: Request) -> tuple[Logits, State]:
        """Return what a voice expects after all that `request` has it read, and its memory then."""
        worker = self._worker((request.style, request.blend))
        return worker.mind(worker.voice.prompt(request))

    def offer(self, request: Request, make: Callable[[Voice], Job], bounded: bool) -> tuple[Worker, Job]:
        """Hand a job to the worker of the request's voice."""
        while True:
            worker = self._worker((request.style, request.blend))
            job = make(worker.voice)
            if worker.offer(job, bounded):
                return worker, job

    def judge(self, choose: Callable[[], None], give_up: Callable[[], None]) -> None:
        """Run `choose` on one of the judges' threads, or `give_up` where the engine is closed before that."""
        try:
            self._judges.submit(choose).add_done_callback(lambda done: give_up() if done.cancelled() else None)
        except RuntimeError:  # no more threads are started
            give_up()

    def close(self) -> None:
        """Break everything off."""
        with self._lock:
            self._closed = True
            workers = list(self._all)
            self._workers.clear()
        for worker in workers:
            worker.retire(now=True)
        self._judges.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _worker(self, key: _Key) -> Worker:
        if self._closed:
            raise UserError(CLOSED)
        if worker := self._usable(key):
            return worker
        with self._lock:
            opening = self._opening[key]
        with opening:  # others are not held up while this voice is opened
            try:
                return self._usable(key) or self._opened(key)
            finally:
                with self._lock:
                    self._opening.pop(key, None)

    def _opened(self, key: _Key) -> Worker:
        """Open a voice, in the place of one that is no longer current."""
        worker = Worker(self._open(key), self._rows, self._places, self._clock)
        with self._lock:
            old = self._workers.pop(key, None)
            self._workers[key] = worker
            self._all.add(worker)
        if old:
            old.retire()
        if self._closed:  # meanwhile
            worker.retire(now=True)
        self._unload(worker)
        return worker

    def _usable(self, key: _Key) -> Worker | None:
        with self._lock:
            worker = self._workers.get(key)
            if worker:
                self._workers.move_to_end(key)
        return worker if worker and not worker.retired and worker.voice.is_current() else None

    def _open(self, key: _Key) -> Voice:
        style, blend = key
        if blend is None:
            return self._open_voice(style)
        other, weight = blend
        return self.voice(style).blended(self.voice(other), weight)

    def _unload(self, newest: Worker) -> None:
        """Let go of idle voices, the least recently used first, while all together are too many or too large."""
        with self._lock:
            total = sum(worker.voice.model.megabytes for worker in self._workers.values())
            for key, worker in list(self._workers.items()):
                if total <= self._megabytes and len(self._workers) <= OPEN:
                    return
                if worker is not newest and worker.idle:
                    del self._workers[key]
                    worker.retire()
                    total -= worker.voice.model.megabytes


class _Task:
    """A request over all its rounds: as many drafts as it wants, and again as many where the judge wants others."""

    def __init__(self, engine: Engine, request: Request, judge: Judge | None, user: str, deadline: float) -> None:
        self.mailbox = Mailbox()
        self._engine, self._request, self._judge = engine, request, judge
        self._user, self._deadline = user, deadline
        self._first = 0
        self._at: tuple[Worker, Job] | None = None
        self._cancelled = False

    def begin(self) -> None:
        """Have the next drafts written."""
        self._texts = [""] * self._request.candidates
        self._endings = [Ending(self._request.length) for _ in self._texts] if self._request.whole else []
        self._open = self._request.candidates
        self._at = self._engine.offer(self._request, self._job, bounded=self._first == 0)
        if self._cancelled:  # meanwhile
            self.cancel()

    def cancel(self) -> None:
        self._cancelled = True
        if self._at:
            worker, job = self._at
            worker.cancel(job)

    def _job(self, voice: Voice) -> Job:
        self._prefix = voice.model.vocabulary.known(self._request.prefix)[0]
        if self._prefix and not self._judge and self._at is None and self.mailbox.items.empty():
            self.mailbox.put(self._prefix)
        return Job(
            self._request, voice.prompt(self._request), self._first, self._say, self._end, self._user, self._deadline
        )

    def _say(self, number: int, piece: str) -> None:
        self._give(number, self._endings[number].pass_on(piece) if self._endings else piece)

    def _give(self, number: int, piece: str) -> None:
        if self._judge:
            self._texts[number] += piece
        elif piece:
            self.mailbox.put(piece)

    def _end(self, number: int, reason: Reason | None, error: BaseException | None) -> None:
        if self._endings:
            self._give(number, self._endings[number].finish(reason))
        self._open -= 1
        if self._judge is None or error is not None:
            self.mailbox.end(reason, error)
        elif self._open == 0 and not self._cancelled:
            self._engine.judge(self._choose, lambda: self.mailbox.end(None, UserError(CLOSED)))

    def _choose(self) -> None:
        assert self._judge is not None
        try:
            text = self._judge.choose([self._prefix + text for text in self._texts])
            if text is not None:
                if text:
                    self.mailbox.put(text)
                self.mailbox.end("chosen")
                return
            self._first += self._request.candidates
            if self._first >= TRIES:
                raise self._judge.refusal()
            self.begin()
        except BaseException as error:  # whatever it is, the reader learns of it
            self.mailbox.end(None, error)
