"""What the admins of servers chose, for a whole server or for one of its channels, and how much of a day is used up."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select

from bot.chat_tables import Server
from bot.store import Store
from bot.times import SpanOfDay, Zone
from corpora.errors import UserError, faults

Settings = TypeVar("Settings", bound=BaseModel)


class RoomSettings(BaseModel):
    """What can be chosen for a channel; what is not chosen is as in the whole server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    style: str = ""
    quiet: SpanOfDay | None = Field(None, description="local hours in which nobody is answered")


class ServerSettings(RoomSettings):
    """What can be chosen for a server; `channels` are those it talks in, all where empty."""

    zone: Zone = ZoneInfo("UTC")
    channels: tuple[int, ...] = ()
    admins: int | None = Field(None, description="the role that may change settings, besides Manage Server")
    desk: int | None = Field(None, description="the channel for reports and for posts that wait for approval")
    daily: int | None = Field(None, ge=0, description="answers a day")
    rooms: dict[int, RoomSettings] = Field(default_factory=dict)

    def room(self, channel: int) -> RoomSettings:
        """Return what holds in a channel."""
        own = self.rooms.get(channel, RoomSettings())
        return RoomSettings(style=own.style or self.style, quiet=own.quiet or self.quiet)

    def quiet_until(self, channel: int, now: datetime) -> datetime | None:
        """Return when the quiet hours end (naive, local) that a channel has now; None where it has none."""
        quiet = self.room(channel).quiet
        around = quiet.around(now.astimezone(self.zone).replace(tzinfo=None)) if quiet else None
        return around[1] if around else None

    def changed(self, **fields: Any) -> Self:
        """Return these settings with other `fields`; raise UserError where one cannot be used."""
        return _checked(type(self), self.model_dump() | fields)

    def with_room(self, channel: int, **fields: Any) -> Self:
        """Return these settings with other `fields` for a channel; what is empty is as in the whole server again."""
        room = _checked(RoomSettings, self.rooms.get(channel, RoomSettings()).model_dump() | fields)
        others = {number: each for number, each in self.rooms.items() if number != channel}
        return self.changed(rooms=others | ({channel: room} if room != RoomSettings() else {}))

    @property
    def stored(self) -> dict[str, Any]:
        """Return all but what goes without saying, as JSON has it."""
        return self.model_dump(mode="json", exclude_defaults=True)


@dataclass
class _Day:
    """The answers that a server had on one day."""

    name: str
    answers: int


class Servers:
    """The settings of all servers; read once, for one process talks at a time."""

    def __init__(self, store: Store) -> None:
        """Read what is in `store`, and keep changes there."""
        self._store = store
        self._settings: dict[int, ServerSettings] = {}
        self._days: dict[int, _Day] = {}
        self._changed: set[int] = set()
        with store.reading() as session:
            for row in session.scalars(select(Server)):
                self._settings[row.id] = _checked(ServerSettings, row.settings)
                self._days[row.id] = _Day(row.day, row.answers)

    def get(self, server: int) -> ServerSettings:
        """Return the settings of a server."""
        return self._settings.get(server, ServerSettings())

    def put(self, server: int, settings: ServerSettings) -> None:
        """Keep settings."""
        with self._store.writing() as session:
            row = session.get(Server, server) or Server(id=server)
            row.settings = settings.stored
            session.add(row)
        self._settings[server] = settings

    def forget(self, server: int) -> None:
        """Delete what is kept of a server."""
        with self._store.writing() as session:
            if row := session.get(Server, server):
                session.delete(row)
        self._settings.pop(server, None)
        self._days.pop(server, None)

    def left(self, server: int, now: datetime, most: int) -> int:
        """Return how many answers a server may still have today, where the operator allows `most`."""
        day = self._days.get(server)
        own = self.get(server).daily
        allowed = most if own is None else min(own, most)
        return max(allowed - (day.answers if day and day.name == _day(now) else 0), 0)

    def count(self, server: int, now: datetime) -> None:
        """Count an answer; what is counted is kept now and then, by `save`."""
        day = self._days.setdefault(server, _Day(_day(now), 0))
        if day.name != _day(now):
            day.name, day.answers = _day(now), 0
        day.answers += 1
        self._changed.add(server)

    def save(self) -> None:
        """Keep what was counted since the last time."""
        changed, self._changed = self._changed, set()
        with self._store.writing(lightly=True) as session:
            for server in changed & self._days.keys():
                row = session.get(Server, server) or Server(id=server, settings={})
                row.day, row.answers = self._days[server].name, self._days[server].answers
                session.add(row)


def _day(now: datetime) -> str:
    return now.date().isoformat()


def _checked(kind: type[Settings], fields: dict[str, Any]) -> Settings:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise UserError(f"These settings cannot be used: {faults(error)}.") from error
