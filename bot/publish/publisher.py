"""What a service has to do for us, and how it says that it did not.

A post is frozen before the first try: its text, picture, key and moment never change afterwards, so a second try is the
same request. What a failure means is the publisher's knowledge; what to do about it is the outbox's.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from generators.pictures.picture import Picture

FOR_EVER = timedelta.max


@dataclass(frozen=True)
class Parcel:
    """A post for one target, as it was frozen.

    `key` (64 hexadecimal digits) is the same in every try and different for every post and target. `created_at` is in
    UTC. `slot` names what it is for, for people.
    """

    text: str
    key: str
    created_at: datetime
    slot: str = ""
    picture: Picture | None = None


@dataclass(frozen=True)
class Posted:
    """A post as the service has it."""

    id: str  # what the service calls it
    url: str = ""
    text: str = ""
    at: datetime | None = None  # UTC


@dataclass(frozen=True)
class Sent:
    """A parcel that arrived, now or in a try before; `cost` is in dollars."""

    posted: Posted
    cost: Decimal = field(default=Decimal(0))


class RefusedError(Exception):
    """The service has not taken the parcel and never will: it is too long, forbidden, the account is gone."""


class LaterError(Exception):
    """The service has certainly not taken the parcel, but may later: it could not be reached, or asks to wait."""

    def __init__(self, reason: str, wait: timedelta | None = None) -> None:
        """`wait` is how long the service asks to be left alone; None where it does not say."""
        super().__init__(reason)
        self.wait = wait


class UnreadableError(Exception):
    """The service does not let us see what we posted, so nobody can tell whether a lost answer was a yes."""


class Publisher(Protocol):
    """One account on one service. After any error but RefusedError and LaterError nobody knows whether it posted."""

    account: str  # its name in the settings
    platform: str
    repeatable: timedelta
    """For how long after the first try `send` may be repeated without a second post; zero: never, FOR_EVER: always."""
    timeout: timedelta
    """After which no request of ours can still be on its way to the service."""
    together: int
    """How many parcels it is given at once."""

    room: int
    """The largest `size` of a text that it takes."""

    def size(self, text: str) -> int:
        """Return how long the service says that `text` is; a plain letter counts 1."""

    def fault(self, text: str, picture: Picture | None) -> str:
        """Return why the service would not take this, by its own way of counting; "" where it would."""

    def cost(self, text: str, picture: Picture | None) -> Decimal:
        """Return what posting this costs, in dollars."""

    async def check(self) -> str:
        """Return who we are there; learn the service's limits. Raise RefusedError or LaterError where that fails."""

    async def send(self, parcel: Parcel) -> Sent:
        """Post it. Raise RefusedError or LaterError where it certainly was not; after anything else nobody knows."""

    async def find(self, parcel: Parcel) -> Sent | None:
        """Return the parcel if an earlier try of it arrived. Raise UnreadableError where we may not look."""

    async def recent(self, count: int) -> list[Posted]:
        """Return our latest posts there, newest first. Raise UnreadableError where we may not look."""

    async def delete(self, post: str) -> None:
        """Take down what the service calls `post`; nothing happens where it is gone already."""

    async def close(self) -> None:
        """Let go of connections."""


class Vault(Protocol):
    """Keeps what a service handed us and may change: sessions and refreshed tokens. A write is whole or not at all."""

    async def read(self, name: str) -> str | None:
        """Return the secret of this name, None where there is none."""

    async def write(self, name: str, secret: str) -> None:
        """Keep it in the place of the one before."""
