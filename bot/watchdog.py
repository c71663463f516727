"""Ends the process when its clock has stopped: a supervisor starts another one, which catches up.

A scheduler can die without a word, and an event loop can hang; a bot that looks alive and posts nothing is the worst.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

LIMIT = timedelta(minutes=3)
STATUS = 70  # EX_SOFTWARE of sysexits.h


def end_process(message: str) -> None:
    """Say why on stderr, and end without tidying up: what would have to be tidied up may hang too."""
    print(f"apocrypha: {message}", file=sys.stderr, flush=True)
    os._exit(STATUS)


class Watchdog:
    """Wants to hear `beat` again within `limit`, or else ends what it watches, once. A context: it watches inside.

    It has a thread of its own. The time it measures stands still while the machine sleeps.
    """

    def __init__(
        self,
        limit: timedelta = LIMIT,
        end: Callable[[str], None] = end_process,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`end` is told why; `monotonic` returns seconds."""
        self._limit, self._end, self._monotonic = limit, end, monotonic
        self._heard = monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def beat(self) -> None:
        """Be told that all is well; from any thread."""
        self._heard = self._monotonic()

    def bites(self) -> bool:
        """Return whether it has been too long, having ended what is watched."""
        silent = self._monotonic() - self._heard
        if silent <= self._limit.total_seconds():
            return False
        self._end(
            f"the scheduler's clock has not beaten for {silent:.0f} seconds; the process ends, to be started anew."
        )
        return True

    def _watch(self) -> None:
        while not self._over.wait(self._limit.total_seconds() / 10):
            if self.bites():
                return

    def __enter__(self) -> Self:
        self.beat()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
