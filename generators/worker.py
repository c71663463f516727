"""One loaded voice and the thread that writes with it: who waits, who reads a prompt, who is in the running batch.

At every turn of the loop: the cancelled leave, the late are told so, the waiting come in (whoever has the fewest rows
first), prompts are read one span further, all together, and every running text gets a character. A prompt thus never
holds the speaking up for longer than one span.
"""

import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from generators.adaptation import Recollection
from generators.batch import Batch, Draft
from generators.grammar import FREE
from generators.inference import Logits, State
from generators.stream import Reason
from generators.voice import Request, Voice

SPAN = 64  # characters of a prompt read at a turn, at most
SHORTEST_SPAN = 8
BUDGET = 256  # characters of all prompts together read at a turn
READERS = 16  # prompts read at once
PROMPTS = 128  # prompts whose end is remembered
USERS = 1000  # whose last turn is remembered
SHARE = 0.5  # of the waiting places that one user may take
SMOOTH = 0.02  # weight of the last turn in the running mean of the speed


class BusyError(UserError):
    """Refused at once, because too many wait already; `retry_after` is in seconds."""

    def __init__(self, style: str, retry_after: float) -> None:
        """Say when to come again."""
        super().__init__(f"{style} is busy; try again in {retry_after:.0f} s.")
        self.retry_after = retry_after


class LateError(UserError):
    """The time a request was given is over."""


@dataclass(eq=False)
class Job:
    """A request at work: its drafts are numbered from `first`. An error ends all of them."""

    request: Request
    prompt: NDArray[np.int64]
    first: int
    say: Callable[[int, str], None]
    end: Callable[[int, Reason | None, BaseException | None], None]
    user: str = ""
    deadline: float = math.inf
    read: int = 0  # characters of the prompt
    logits: Logits | None = None  # after what was read
    memory: State | None = None
    begun: int = 0  # drafts
    ended: int = 0
    writing: set[Draft] = field(default_factory=set)

    @property
    def candidates(self) -> int:
        """Return how many drafts are asked for."""
        return self.request.candidates


class Worker:
    """Writes what is asked of one voice, on a thread of its own, until it is told to retire and nothing is left."""

    def __init__(self, voice: Voice, rows: int, places: int, clock: Callable[[], float]) -> None:
        """Write up to `rows` texts at once and let up to `places` more wait; `clock` gives seconds."""
        self.voice, self._clock, self._places = voice, clock, places
        self._batch = Batch(voice.model, voice.grammar, rows)
        self._bell = threading.Condition()  # its lock guards the next seven
        self._waiting: list[Job] = []
        self._cancelled: list[Job] = []
        self._retired = self._closing = False
        self._settled = False  # nobody has come or gone since the last look
        self._arriving = False  # somebody waits, or has not begun with all drafts
        self._soonest = math.inf  # deadline
        self._active: list[Job] = []  # in the order they came in: reading, ready or writing
        self._turns: OrderedDict[str, int] = OrderedDict()  # when a user was last let in, the latest last
        self._ends: OrderedDict[bytes, tuple[Logits, State]] = OrderedDict()  # what a prompt leaves behind
        self._speed, self._usual = 2000.0, 200.0  # characters per second, and per draft: running means
        threading.Thread(target=self._run, name=f"voice {voice.plugin.name}", daemon=True).start()

    @property
    def idle(self) -> bool:
        """True where nothing is being written, and nothing waits."""
        with self._bell:
            return not (self._waiting or self._active)

    @property
    def retired(self) -> bool:
        """True where nothing new is taken."""
        return self._retired

    def offer(self, job: Job, bounded: bool = True) -> bool:
        """Let `job` wait for its turn; False where the worker has retired; raise BusyError where too many wait."""
        with self._bell:
            if self._retired:
                return False
            if bounded:
                self._refuse_too_many(job)
            self._waiting.append(job)
            self._arriving = True
            self._soonest = min(self._soonest, job.deadline)
            self._settled = False
            self._bell.notify()
        return True

    def cancel(self, job: Job) -> None:
        """Stop writing for `job`; nothing more is said to it."""
        with self._bell:
            self._cancelled.append(job)
            self._settled = False
            self._bell.notify()

    def mind(self, prompt: NDArray[np.int64]) -> tuple[Logits, State]:
        """Return what the voice expects after a prompt (V,), and its memory then (S,); from any thread."""
        known = self._ends.get(prompt.tobytes())  # as it was before a text that was just written
        if known:
            return known
        logits, memory = self.voice.model.read(prompt[:, None], self.voice.model.start(1))
        return logits[-1, 0], memory[0]

    def retire(self, now: bool = False) -> None:
        """Take nothing new; finish what there is, or break it off `now`."""
        with self._bell:
            self._retired, self._closing = True, now
            self._settled = False
            self._bell.notify()

    def _refuse_too_many(self, job: Job) -> None:
        waiting = sum(other.candidates for other in self._waiting)
        own = sum(other.candidates for other in self._waiting if other.user == job.user)
        full = waiting and waiting + job.candidates > self._places
        if full or (job.user and own and own + job.candidates > SHARE * self._places):
            raise BusyError(self.voice.plugin.name, max(1.0, math.ceil(waiting * self._usual / self._speed)))

    def _run(self) -> None:
        try:
            while self._settled or self._wait():
                self._drop_late()
                if self._arriving:
                    self._come_in()
                    self._read()
                    self._begin()
                self._step()
        except BaseException as error:  # a bug of ours: nobody is left waiting for ever
            with self._bell:
                self._retired = True
                jobs = [*self._waiting, *self._active]
            for job in jobs:
                job.end(0, None, error)
            raise

    def _wait(self) -> bool:
        """Wait until there is something to do, and let the cancelled go; False where there will be nothing any more."""
        with self._bell:
            while not (self._waiting or self._cancelled or self._active or self._retired):
                self._bell.wait()
            cancelled, self._cancelled = self._cancelled, []
            self._settled = bool(self._active or self._waiting)  # until somebody comes or goes
            jobs = [*self._waiting, *self._active] if self._closing else []
        for job in cancelled:
            self._drop(job)
        for job in jobs:
            self._fail(job, UserError(f"{self.voice.plugin.name}: the engine was closed."))
        return bool(self._waiting or self._active) or not self._retired

    def _drop(self, job: Job) -> None:
        with self._bell:
            for jobs in (self._waiting, self._active):
                if job in jobs:
                    jobs.remove(job)
            self._settled = False
        for draft in job.writing:
            self._batch.leave(draft)
        job.writing.clear()

    def _fail(self, job: Job, error: BaseException) -> None:
        self._drop(job)
        job.end(0, None, error)

    def _drop_late(self) -> None:
        """End the jobs whose time is over."""
        now = self._clock()
        if now < self._soonest:
            return
        with self._bell:
            jobs = [*self._waiting, *self._active]
            self._soonest = min((job.deadline for job in jobs if job.deadline > now), default=math.inf)
        for job in jobs:
            if job.deadline <= now:
                self._fail(job, LateError(f"{self.voice.plugin.name}: the time for this text is over."))

    def _come_in(self) -> None:
        """Let in who waits, while there are rows: of those with the fewest, who waited longest since their last."""
        taken = sum(job.candidates - job.ended for job in self._active)
        reading = sum(job.logits is None for job in self._active)
        while self._waiting and taken < self._batch.rows and reading < READERS:
            with self._bell:
                rows = Counter[str]()
                for job in self._active:
                    rows[job.user] += job.candidates - job.ended
                job = min(self._waiting, key=lambda job: (rows[job.user], self._turns.get(job.user, 0)))
                self._waiting.remove(job)
                self._active.append(job)
            self._note_turn(job.user)
            taken += job.candidates
            known = self._ends.get(job.prompt.tobytes())
            if known:
                job.logits, job.memory = known
                self._ends.move_to_end(job.prompt.tobytes())
            else:
                job.memory, reading = self.voice.model.start(1)[0], reading + 1

    def _note_turn(self, user: str) -> None:
        """Remember that it was this user's turn; who is forgotten had it longest ago, as one who never had it."""
        last = next(reversed(self._turns.values()), 0)
        self._turns.pop(user, None)
        self._turns[user] = last + 1
        if len(self._turns) > USERS:
            self._turns.popitem(last=False)

    def _read(self) -> None:
        """Read one span of every prompt that is not read yet, all in one call."""
        jobs = [job for job in self._active if job.logits is None]
        if not jobs:
            return
        span = min(max(BUDGET // len(jobs), SHORTEST_SPAN), SPAN, max(len(job.prompt) - job.read for job in jobs))
        ids = np.full((span, len(jobs)), -1, dtype=np.int64)
        for column, job in enumerate(jobs):
            part = job.prompt[job.read : job.read + span]
            ids[: len(part), column] = part
            job.read += len(part)
        logits, memory = self.voice.model.read(ids, np.stack([job.memory for job in jobs if job.memory is not None]))
        for column, job in enumerate(jobs):
            job.memory = memory[column].copy()
            if job.read == len(job.prompt):
                last = int(np.flatnonzero(ids[:, column] >= 0)[-1])
                job.logits = logits[last, column].copy()
                self._remember(job.prompt.tobytes(), job.logits, job.memory)

    def _remember(self, prompt: bytes, logits: Logits, memory: State) -> None:
        self._ends[prompt] = logits, memory
        if len(self._ends) > PROMPTS:
            self._ends.popitem(last=False)

    def _begin(self) -> None:
        """Give rows to the drafts whose prompt is read."""
        for job in [job for job in self._active if job.logits is not None]:
            try:
                while job.begun < job.candidates and len(self._batch) < self._batch.rows:
                    self._begin_draft(job)
            except UserError as error:
                self._fail(job, error)
        with self._bell:
            self._arriving = bool(self._waiting) or any(job.begun < job.candidates for job in self._active)

    def _begin_draft(self, job: Job) -> None:
        """Begin the job's next draft; raise UserError where its grammar does not fit into its length."""
        request, number = job.request, job.begun

        def end(reason: Reason | None, error: BaseException | None) -> None:
            self._ended(job, draft, number, reason, error)

        draft = Draft(
            request.sampling,
            np.random.default_rng([request.seed, job.first + number]),
            request.length,
            request.stop,
            say=lambda piece: job.say(number, piece),
            end=end,
            state=self._grammar_state(request),
            recollection=Recollection(job.prompt, request.adapt) if request.adapt else None,
        )
        assert job.logits is not None
        assert job.memory is not None
        job.begun += 1
        job.writing.add(draft)
        if self.voice.grammar and self.voice.grammar.complete(np.array([draft.state]))[0]:
            end("complete", None)  # nothing may follow the prefix
        else:
            self._batch.join(draft, job.logits, job.memory)

    def _grammar_state(self, request: Request) -> int:
        grammar, vocabulary = self.voice.grammar, self.voice.model.vocabulary
        if grammar is None or not request.grammar:
            return FREE
        state = grammar.walk(vocabulary.encode(vocabulary.known(request.prefix)[0]))
        if state is None:  # it begins as the person wants, not as the form does
            return FREE
        if (least := grammar.distance(state)) > request.length:
            name = self.voice.plugin.name
            raise UserError(f"{name}: its texts have at least {least} characters, and the length is {request.length}.")
        return state

    def _ended(self, job: Job, draft: Draft, number: int, reason: Reason | None, error: BaseException | None) -> None:
        job.writing.discard(draft)
        job.ended += 1
        self._usual += SMOOTH * (draft.written - self._usual)
        if error is not None:
            self._fail(job, UserError(f"{self.voice.plugin.name}: {error}"))
            return
        if job.ended == job.candidates:
            self._drop(job)
        job.end(number, reason, None)

    def _step(self) -> None:
        """Write a character of every running text."""
        rows, started = len(self._batch), self._clock()
        self._batch.step()
        seconds = self._clock() - started
        if rows and seconds > 0:
            self._speed += SMOOTH * (rows / seconds - self._speed)
