"""Writing the posts that are about to be due: composed for all their targets at once, then frozen in the outbox."""

import asyncio
import hashlib
import json
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import Field, ValidationError

from bot.outbox import Outbox, Unwritten, Writing
from bot.publish.publisher import Publisher
from bot.store import AwayError, Post
from corpora.errors import UserError, faults, unknown
from generators import posts
from generators.engine import Engine
from generators.posts import NothingFitsError, Order
from generators.quality import Gates
from generators.worker import BusyError

TOGETHER = 128  # posts composed at once: as many as the engine writes side by side, and as many that wait there
LATELY = 50  # posts of an account that a new one must not resemble
POLL = 5.0  # seconds after which posts that are due are looked for even if nobody rang
LEAD = timedelta(seconds=5)  # before a post is due it is written, so that it goes out at the second
GATHER = 0.2  # seconds in which more may be written, and frozen in the same transaction
BUSY = 1.0  # seconds before the engine is asked again when too many wait there

log = logging.getLogger(__name__)
Result = Writing | Unwritten


class PostOrder(Order):
    """What is to be written, and for whom."""

    targets: tuple[str, ...] = Field(min_length=1, description="accounts, by their names in the settings")
    approval: bool = False
    redrawn: int = Field(0, ge=0, description="how often a person wanted another one")


class Writer:
    """Writes what is due, many posts side by side: their drafts go through the engine in one batch."""

    def __init__(
        self,
        outbox: Outbox,
        engine: Engine,
        publishers: Mapping[str, Publisher],
        gates: Callable[[str], Gates],
        clock: Callable[[], datetime],
    ) -> None:
        """Write for `publishers`, by account; `gates` are a style's."""
        self._outbox, self._engine, self._publishers = outbox, engine, publishers
        self._gates, self._clock = gates, clock
        self._lately = dict[str, deque[str]]()  # texts by account, where they were asked for

    async def run(self, bell: asyncio.Event, ready: Callable[[], None]) -> None:
        """Write what is due and what comes, until cancelled; `bell` says: there is more, and `ready` is told.

        What is written is frozen at once, whatever else is still being written: a slow post holds up no other.
        """
        under_way = dict[int, asyncio.Task[Result | None]]()
        self._lately.clear()  # another process may have written meanwhile
        more = True  # may be due than was begun
        try:
            while True:
                if more or bell.is_set():
                    bell.clear()
                    under_way |= await self._begun(under_way)
                    more = len(under_way) == TOGETHER
                if await _first(bell, under_way.values()):
                    await asyncio.sleep(GATHER)
                elif not bell.is_set():
                    more = True  # nobody rang for long
                written = [under_way.pop(post).result() for post, task in list(under_way.items()) if task.done()]
                more = more or None in written
                if await self._freeze([each for each in written if each]):
                    ready()
        finally:
            for task in under_way.values():
                task.cancel()

    async def write(self, post: Post) -> None:
        """Write one post."""
        result = await self._written(post)
        await self._freeze([result] if result else [])

    def targets(self, order: PostOrder) -> list[Publisher]:
        """Return the publishers of an order's accounts; raise UserError where one is not known."""
        for name in order.targets:
            if name not in self._publishers:
                raise unknown("account", name, self._publishers)
        return [self._publishers[name] for name in order.targets]

    async def compose(self, order: PostOrder, seed: int) -> tuple[posts.Post, list[Publisher]]:
        """Return a post that all targets take, and the targets; nothing is kept of it. Raise UserError as `compose`."""
        targets = self.targets(order)
        gates, lately = await asyncio.to_thread(self._at_hand, order.style, targets)
        fits = {each.account: each.fault for each in targets}
        room, texts = min(each.room for each in targets), [text for each in lately for text in each]
        made = await posts.compose(self._engine, order, seed, gates, fits, room, texts)
        for each in lately:
            each.append(made.written)
        return made, targets

    def _at_hand(self, style: str, targets: Iterable[Publisher]) -> tuple[Gates, list[deque[str]]]:
        """Open what a post is judged by: the voice's gates, and what was written for each target of late."""
        return self._gates(style), [self._of_late(each.account) for each in targets]

    def _of_late(self, account: str) -> deque[str]:
        if account not in self._lately:
            self._lately[account] = deque(reversed(self._outbox.recent(account, LATELY)), LATELY)
        return self._lately[account]

    async def _begun(self, under_way: Mapping[int, object]) -> dict[int, asyncio.Task[Result | None]]:
        """Begin what is due, or will be in a moment, as far as there is room for it."""
        room = TOGETHER - len(under_way)
        due = await asyncio.to_thread(self._outbox.to_write, self._clock() + LEAD, room, list(under_way))
        return {post.id: asyncio.create_task(self._written(post)) for post in due}

    async def _written(self, post: Post) -> Result | None:
        """Return what was written, or why nothing was; None where its turn comes again."""
        try:
            result = await self._result(post)
        except BusyError:
            await asyncio.sleep(BUSY)
            return None
        if isinstance(result, Unwritten):
            log.warning("post %d, %s %s: %s", post.id, post.schedule, post.slot, result.fault)
        return result

    async def _result(self, post: Post) -> Result:
        try:
            order = PostOrder.model_validate(post.order)
            made, targets = await self.compose(order, seed(post, order.redrawn))
        except (BusyError, AwayError):
            raise
        except NothingFitsError as error:
            return Unwritten(post.id, str(error), error.rejected)
        except ValidationError as error:
            return Unwritten(post.id, f"its order cannot be used: {faults(error)}")
        except UserError as error:
            return Unwritten(post.id, str(error))
        except Exception as error:  # a bug, which others shall not suffer from
            log.exception("post %d, %s %s", post.id, post.schedule, post.slot)
            return Unwritten(post.id, f"a bug: {type(error).__name__}: {error}")
        costs = {each.account: each.cost(made.text, made.picture) for each in targets}
        return Writing(
            post.id, made.text, made.written, made.receipt, costs, order.approval, made.picture, made.rejected
        )

    async def _freeze(self, results: list[Result]) -> bool:
        """Keep what was written; return whether anything was."""
        return bool(results and await asyncio.to_thread(self._outbox.freeze, results, self._clock()))


async def _first(bell: asyncio.Event, tasks: Collection[asyncio.Task[Result | None]]) -> bool:
    """Wait until one of the tasks is done, the bell rings, or POLL seconds are over; return whether one is done."""
    ringing = asyncio.create_task(bell.wait())
    try:
        done, _ = await asyncio.wait({ringing, *tasks}, timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ringing.cancel()
    return bool(done - {ringing})


def seed(post: Post, redrawn: int) -> int:
    """Return the first seed of a post's drafts: the same whichever process writes it, and others when it is redrawn."""
    name = json.dumps([post.schedule, post.slot, redrawn])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) >> 1
