"""A line to a service whose library waits for answers: a thread of its own, so that a dead service holds up nobody.

Every request ends by itself; what the last answer was is kept, since libraries tell less than they know.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import requests

from bot.publish.answers import meaning, named, never_left
from bot.publish.publisher import LaterError

CONNECT, READ = 5, 20  # seconds

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Session(requests.Session):
    """A session whose requests end, and which sends those to `old` to `new` instead, before they are signed."""

    def __init__(self, old: str = "", new: str = "") -> None:
        """Redirect nothing where `old` is empty."""
        super().__init__()
        self._old, self._new = old, new
        self.last: requests.Response | None = None

    def request(self, method: Any, url: Any, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request as requests does, with our time-outs whatever the caller's."""
        if self._old and url.startswith(f"{self._old}/"):
            url = self._new + url.removeprefix(self._old)
        self.last = None
        self.last = super().request(method, url, *arguments, **options | {"timeout": (CONNECT, READ)})
        return self.last


class Line:
    """One request at a time, over one session."""

    def __init__(self, session: Session) -> None:
        """Own `session`: nobody else may use it meanwhile."""
        self.session = session
        self._thread = ThreadPoolExecutor(1, "publisher")

    @property
    def status(self) -> int | None:
        """Return the status of the last answer, None where the last request had none."""
        return None if self.session.last is None else self.session.last.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers of the last answer."""
        return {} if self.session.last is None else self.session.last.headers

    async def ask(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Call what makes one request. Raise RefusedError or LaterError where it certainly did nothing."""
        try:
            return await self._call(partial(function, *arguments, **options))
        except Exception as error:
            known = self._meaning(error)
            if known is error:
                raise
            raise known from error

    async def prepare(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Call what makes requests that post nothing: whatever goes wrong, nothing was posted."""
        try:
            return await self._call(partial(function, *arguments, **options))
        except Exception as error:
            known = self._meaning(error)
            raise (LaterError(named(error)) if known is error else known) from error

    def close(self) -> None:
        """Start nothing more; what is under way ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.session.close()

    async def _call(self, work: Callable[[], Result]) -> Result:
        self.session.last = None
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _meaning(self, error: Exception) -> Exception:
        if self.status is not None:
            return meaning(self.status, named(error), self.headers) or error
        return LaterError(named(error)) if never_left(error) else error
