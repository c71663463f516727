"""How often somebody is answered: so many at once, and one more every so many seconds."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

KNOWN = 10_000  # buckets that are remembered; the full ones are forgotten first
TELL = 30.0  # seconds, at least, between two times that a person is told to wait


@dataclass(frozen=True)
class Rate:
    """So many at once, and one more every so many seconds."""

    burst: float
    seconds: float


@dataclass(frozen=True)
class Rates:
    """For one person, one channel, and everybody together."""

    person: Rate = Rate(5, 4)
    channel: Rate = Rate(30, 0.5)
    everybody: Rate = Rate(256, 0.02)


class Limits:
    """Counts who was answered when."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        """`clock` returns seconds."""
        self._rates, self._clock = rates, clock
        self._full: dict[Hashable, float] = {}  # when each bucket will be full again
        self._told: dict[int, float] = {}

    def wait(self, person: int, channel: int) -> float:
        """Return 0 and count a question, or the seconds until one may come."""
        now = self._clock()
        asked = (("person", person), self._rates.person), (("channel", channel), self._rates.channel)
        wanted = (*asked, ("", self._rates.everybody))
        longest = max(self._left(bucket, rate, now) for bucket, rate in wanted)
        if longest <= 0:
            for bucket, rate in wanted:
                self._full[bucket] = max(self._full.get(bucket, now), now) + rate.seconds
            self._forget(now)
        return max(longest, 0.0)

    def tell(self, person: int) -> bool:
        """Return whether a person is to be told that they have to wait, or was a moment ago."""
        now = self._clock()
        if self._told.get(person, now) > now:
            return False
        self._told[person] = now + TELL
        return True

    def _left(self, bucket: Hashable, rate: Rate, now: float) -> float:
        """Return the seconds until there is room for one: the bucket is `burst` times `seconds` deep."""
        return self._full.get(bucket, now) - now - (rate.burst - 1) * rate.seconds

    def _forget(self, now: float) -> None:
        if len(self._full) + len(self._told) > KNOWN:
            self._full = {bucket: full for bucket, full in self._full.items() if full > now}
            self._told = {person: until for person, until in self._told.items() if until > now}
