"""Who is let in: the one place where it is decided whether a question is answered at all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.chat.limits import Limits
from bot.chat.servers import Servers
from bot.chat.talks import Asked


@dataclass(frozen=True)
class Refusal:
    """Why a question is not answered. What is `known` need not be said again to whom it is not asked by a command."""

    line: str
    known: bool = False


@dataclass(frozen=True)
class Door:
    """Asks the settings of the server, and counts; `daily` is the most answers of a server a day."""

    servers: Servers
    limits: Limits
    clock: Callable[[], datetime]
    daily: int

    def refusal(self, asked: Asked) -> Refusal | None:
        """Return why a question is not answered; where None, it is counted."""
        now, settings = self.clock(), self.servers.get(asked.server)
        if settings.channels and asked.room not in settings.channels:
            places = " ".join(f"<#{channel}>" for channel in settings.channels[:5])
            return Refusal(f"I talk in other channels of this server: {places}", known=True)
        if quiet := settings.quiet_until(asked.room, now):
            return Refusal(f"These are quiet hours; I answer again at {quiet:%H:%M} ({settings.zone}).", known=True)
        if asked.server and not self.servers.left(asked.server, now, self.daily):
            return Refusal("This server has had all of today's answers. A new day begins at midnight UTC.")
        if wait := self.limits.wait(asked.person, asked.channel):
            return Refusal(f"One after the other, please. I can answer again in {wait:.0f} s.")
        if asked.server:
            self.servers.count(asked.server, now)
        return None
