"""Who may ask, and how often."""

import hmac
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from fastapi import Request
from pydantic import SecretStr

from bot.accounts import Key
from bot.chat.limits import Limits, Rate, Rates
from bot.chat.web.faults import RefusedError

ANYBODY = Key(name="anybody", secret=SecretStr("-"))  # who comes from this machine, where no keys are set
UNBOUND = Rate(1_000_000, 0)


class Keys:
    """The keys that a server takes. Where none is a writer's anybody may write, but an admin shows one."""

    def __init__(self, keys: Sequence[Key], clock: Callable[[], float]) -> None:
        """`clock` returns seconds."""
        self._keys = keys
        self._free = all(key.admin for key in keys)
        self._limits = {key.name: Limits(_rates(key), clock) for key in (*keys, ANYBODY)}
        self._open: Counter[str] = Counter()

    def writer(self, request: Request) -> Key:
        """Return the key of one who may have a text now; raise RefusedError where it may not."""
        key = self._shown(request) or (ANYBODY if self._free else None)
        if key is None:
            raise RefusedError(401, "invalid_api_key", "Show a key that this server knows: Authorization: Bearer KEY.")
        if seconds := self._limits[key.name].wait(0, 0):
            raise RefusedError(429, "rate_limit_exceeded", f"Too many; come again in {seconds:.0f} s.", seconds)
        if self._open[key.name] >= key.at_once:
            raise RefusedError(429, "too_many_at_once", f"There are {key.at_once} requests of this key already.", 1)
        return key

    def admin(self, request: Request) -> Key:
        """Return the key of an admin; raise RefusedError where it is none."""
        key = self._shown(request)
        if key is None or not key.admin:
            status, code = (401, "invalid_api_key") if key is None else (403, "not_an_admin")
            raise RefusedError(status, code, "This takes the key of an admin: Authorization: Bearer KEY.")
        return key

    @contextmanager
    def at_work(self, key: Key) -> Iterator[None]:
        """Count a request of `key` for as long as it is open."""
        self._open[key.name] += 1
        try:
            yield
        finally:
            self._open[key.name] -= 1

    def _shown(self, request: Request) -> Key | None:
        """Return the key that the request bears; all are compared, so that the time it takes tells nothing."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        given = shown.strip().encode()
        right = [key for key in self._keys if hmac.compare_digest(key.secret.get_secret_value().encode(), given)]
        return right[0] if right else None


def _rates(key: Key) -> Rates:
    return Rates(Rate(key.per_minute, 60 / key.per_minute), UNBOUND, UNBOUND)
