"""/office: posts and schedules, for whoever holds the key of an admin."""

import secrets
from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from bot.accounts import Key
from bot.chat.web.house import House
from bot.chat.web.shapes import Json
from bot.decisions import Decisions
from bot.ledger import Ledger
from bot.outbox import Outbox, Slot
from bot.schedule import Schedules
from bot.writing import PostOrder
from corpora.errors import unknown

LIFE = timedelta(hours=1)  # that a post written by hand is tried for


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
    ledger, outbox, schedules = Ledger(house.store), Outbox(house.store), Schedules(house.store)

    def decisions(key: Key) -> Decisions:
        return Decisions(house.store, f"web: {key.name}")

    def timetable() -> list[Json]:
        return [kept.facts(house.now(), 1) | {"when": kept.spec.when} for kept in schedules.all()[0]]

    @router.get("/accounts", dependencies=[admin])
    def accounts() -> list[str]:
        """List the names that a post may go to."""
        return list(house.accounts)

    @router.get("/posts", dependencies=[admin])
    def posts(count: int = Query(50, ge=1, le=500), state: str | None = None) -> list[Json]:
        """List the latest posts."""
        return ledger.posts(count, state)

    @router.post("/posts", dependencies=[admin])
    def order(asked: Ordered) -> Json:
        """Have a post written and delivered now, by the bot that is running."""
        house.registry.get(asked.style)
        for target in asked.targets:
            if target not in house.accounts:
                raise unknown("account", target, house.accounts)
        fields = PostOrder(style=asked.style, targets=asked.targets, approval=asked.approval)
        now = house.now()
        slot = Slot("", secrets.token_hex(8), fields.model_dump(mode="json"), now, now + LIFE)
        return ledger.post(outbox.insert([slot], now)[0])

    @router.get("/posts/{number}", dependencies=[admin])
    def post(number: int) -> Json:
        """Tell all that is kept of a post."""
        return ledger.post(number)

    @router.post("/posts/{number}/text")
    def edit(number: int, edited: Edited, key: Key = admin) -> Json:
        """Give a waiting post another text."""
        decisions(key).edit(number, edited.text, house.now())
        return ledger.post(number)

    @router.post("/posts/{number}/{decision}")
    def decide(number: int, decision: Literal["approve", "redraw", "drop", "retry"], key: Key = admin) -> Json:
        """Decide on a post."""
        getattr(decisions(key), decision)(number, house.now())
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
