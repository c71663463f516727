"""When an answer that is being written may be shown again: Discord takes few edits, and other answers want theirs."""

from collections.abc import Callable

PAUSE = 1.2  # seconds between two edits in one channel: it takes 5 in 5 seconds
TOGETHER = 0.04  # seconds between two edits anywhere: it takes 50 requests a second, and half of them are for others
KNOWN = 2_000  # channels that are remembered


class Pace:
    """Says when; what is not shown now is shown with the next edit, and the last one is not asked for here."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds."""
        self._clock = clock
        self._free: dict[int, float] = {}  # when each channel may be written into again
        self._anywhere = 0.0

    def take(self, channel: int) -> bool:
        """Return whether an answer in `channel` may be shown now; it counts."""
        now = self._clock()
        if now < max(self._free.get(channel, 0.0), self._anywhere):
            return False
        if len(self._free) > KNOWN:
            self._free = {number: free for number, free in self._free.items() if free > now}
        self._free[channel], self._anywhere = now + PAUSE, now + TOGETHER
        return True

    def hold(self, channel: int) -> None:
        """Show nothing in `channel` for a while: something was sent there."""
        self._free[channel] = self._clock() + PAUSE
