"""How the bot fares. The store is asked, which all processes share."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from bot.leadership import Leadership
from bot.ledger import Ledger
from bot.store import Store


@dataclass(frozen=True)
class Status:
    """`running` tells whether a process delivers; `late` is for how many seconds a post that is due has waited."""

    running: bool
    late: float
    accounts: dict[str, dict[str, int]]  # by account, how many deliveries are in each state

    @classmethod
    def of(cls, store: Store, now: datetime) -> "Status":
        """Look; raise AwayError where the store does not answer."""
        ledger = Ledger(store)
        accounts = defaultdict[str, dict[str, int]](dict)
        for (account, state), count in sorted(ledger.states().items()):
            accounts[account][state] = count
        return cls(_is_running(store), round(max(ledger.overdue(now), default=0.0), 1), dict(accounts))


def _is_running(store: Store) -> bool:
    """Return whether somebody has the place of the one who delivers; where it is free, it is taken for a moment."""
    with Leadership(store) as leadership:
        return not leadership.take()
