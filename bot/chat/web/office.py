"""/office: posts and schedules, for whoever holds the key of an admin."""

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from bot.accounts import Key
from bot.chat.web.house import House
from bot.chat.web.shapes import Json
from bot.ledger import Ledger
from bot.schedule import Schedules

Number = Annotated[int, Path(ge=1, lt=2**31)]


class Edited(BaseModel):
    """Another text for a post."""

    text: str = Field(min_length=1, max_length=20_000)


class Ordered(BaseModel):
    """A post to be written now."""

    style: str
    targets: tuple[str, ...] = Field(min_length=1)
    approval: bool = False


def routes(house: House) -> APIRouter:
    """Return the routes; each decision is kept with the name of the key."""
    router = APIRouter(prefix="/office", tags=["office"])
    admin = Depends(house.keys.admin)
    desk, ledger, schedules = house.desk, Ledger(house.desk.store), Schedules(house.desk.store)

    def timetable() -> list[Json]:
        now = house.now()
        return [kept.facts(now, 1) | {"when": kept.spec.when} for kept in schedules.all()[0]]

    @router.get("/accounts", dependencies=[admin])
    def accounts() -> list[str]:
        """List the names that a post may go to."""
        return list(desk.publishers)

    @router.get("/posts", dependencies=[admin])
    def posts(count: int = Query(50, ge=1, le=500), state: str | None = None) -> list[Json]:
        """List the latest posts."""
        return ledger.posts(count, state)

    @router.post("/posts", dependencies=[admin])
    def order(asked: Ordered) -> Json:
        """Have a post written and delivered now, by the bot that is running."""
        number = desk.post(secrets.token_hex(8), asked.model_dump(), tuple(desk.publishers))
        assert number is not None  # nobody else draws this name
        return ledger.post(number)

    @router.get("/posts/{number}", dependencies=[admin])
    def post(number: Number) -> Json:
        """Tell all that is kept of a post."""
        return ledger.post(number)

    @router.post("/posts/{number}/text")
    def edit(number: Number, edited: Edited, key: Key = admin) -> Json:
        """Give a waiting post another text."""
        desk.decide(_who(key), "edit", number, edited.text)
        return ledger.post(number)

    @router.post("/posts/{number}/{decision}")
    def decide(number: Number, decision: Literal["approve", "redraw", "drop", "retry"], key: Key = admin) -> Json:
        """Decide on a post."""
        desk.decide(_who(key), decision, number)
        return ledger.post(number)

    @router.get("/schedules", dependencies=[admin])
    def all_schedules() -> list[Json]:
        """List the schedules."""
        return timetable()

    @router.post("/schedules/{name}/{change}", dependencies=[admin])
    def change_schedule(name: str, change: Literal["pause", "resume"]) -> list[Json]:
        """Pause a schedule, or let it go on."""
        if change == "pause":
            schedules.pause(name)
        else:
            schedules.resume(name, house.now())
        return timetable()

    return router


def _who(key: Key) -> str:
    return f"web: {key.name}"
