"""Delivering: the only caller of a publisher's `send`.

What an answer means is decided here, once for all services. A doubt is never resolved by hope: it is repeated where the
service recognises a repetition, looked up where we may look, and otherwise left to a person.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.outbox import Claim, Outbox, Outcome, Rules
from bot.publish.answers import named
from bot.publish.publisher import LaterError, Publisher, RefusedError, Sent, UnreadableError

MARGIN = timedelta(seconds=10)  # beyond a publisher's timeout, before a doubtful try is touched again
PAUSE, LONGEST = timedelta(seconds=20), timedelta(minutes=30)  # after the first failure, doubled by each, at most
POLL = 5.0  # seconds after which the outbox is looked at even if nobody rang

log = logging.getLogger(__name__)


@dataclass
class Courier:
    """Delivers for one account, as many parcels at once as its service takes; a dead one holds up nobody else."""

    outbox: Outbox
    publisher: Publisher
    clock: Callable[[], datetime]
    chance: Callable[[], float]  # from 0 to 1
    cap: Decimal | None = None  # dollars a calendar month (UTC)
    speed: float = 1.0  # of the clock

    @property
    def rules(self) -> Rules:
        """Return how the outbox may treat this account."""
        return Rules(self.publisher.repeatable, self.publisher.timeout + MARGIN, self.publisher.together)

    async def run(self, bell: asyncio.Event, done: asyncio.Event) -> None:
        """Deliver what there is and what comes until `done`, which breaks off no try; `bell` says: there is more."""
        while not done.is_set():
            bell.clear()  # first: what rings from now on is looked at once more
            while not done.is_set() and await self.step():
                pass
            if done.is_set():
                return
            idle = await self._idle()  # before there is anything to wait for: here it may be cancelled
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), idle)

    async def _idle(self) -> float:
        """Return the seconds until something may be tried, if nobody rings before."""
        now = self.clock()
        following = await asyncio.to_thread(self.outbox.following, self.publisher.account, now)
        return min((following - now).total_seconds() / self.speed, POLL) if following else POLL

    async def step(self) -> bool:
        """Try what can be delivered next; return whether there may be more."""
        claims = await asyncio.to_thread(self.outbox.claim, self.publisher.account, self.clock(), self.rules)
        if not claims:
            return False
        outcomes = await asyncio.gather(*map(self._tried, claims))
        await asyncio.to_thread(self.outbox.settle, outcomes, self.clock())
        for outcome in outcomes:
            self._tell(outcome)
        return len(claims) == self.rules.together

    async def _tried(self, claim: Claim) -> Outcome:
        """Return what comes of one try."""
        if claim.what == "send" and not claim.doubtful and (fault := await self._over_budget()):
            return Outcome(claim, "failed", fault)
        try:
            async with asyncio.timeout(self.publisher.timeout.total_seconds()):
                sent = await self._asked(claim)
        except RefusedError as error:
            return Outcome(claim, "review" if claim.doubtful else "failed", str(error))
        except LaterError as error:
            wait = max(error.wait or timedelta(0), self._pause(claim.tries))
            return Outcome(claim, "unknown" if claim.doubtful else "planned", str(error), wait)
        except UnreadableError as error:
            return Outcome(claim, "review", str(error))
        except Exception as error:
            return Outcome(claim, "unknown", named(error), max(self.rules.quiet, self._pause(claim.tries)))
        return Outcome(claim, "sent", sent=sent) if sent else Outcome(claim, "planned", "looked for, and not there")

    async def _asked(self, claim: Claim) -> Sent | None:
        if claim.what == "find":
            return await self.publisher.find(claim.parcel)
        return await self.publisher.send(claim.parcel)

    def _tell(self, outcome: Outcome) -> None:
        account, slot = self.publisher.account, outcome.claim.parcel.slot
        if outcome.sent:
            log.info("%s: %s is there (%s)", account, slot, outcome.sent.posted.url or outcome.sent.posted.id)
        else:
            log.warning("%s: %s is %s: %s", account, slot, outcome.state, outcome.reason)

    async def _over_budget(self) -> str:
        if self.cap is None:
            return ""
        month = self.clock().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        spent = await asyncio.to_thread(self.outbox.spent, self.publisher.account, month)  # this one included
        return f"the month's ${self.cap} are spent" if spent > self.cap else ""

    def _pause(self, tries: int) -> timedelta:
        """Return how long to leave a service alone: longer each time, and never just as long as others do."""
        longest = min(PAUSE * int(2 ** min(tries - 1, 10)), LONGEST)
        return longest * (0.5 + self.chance() / 2)
