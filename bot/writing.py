"""Writing the posts that are due: composed for all their targets at once, then frozen in the outbox."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from pydantic import Field, ValidationError

from bot.outbox import Outbox, Writing
from bot.publish.publisher import Publisher
from bot.store import Post
from corpora.errors import UserError, faults, unknown
from generators import posts
from generators.engine import Engine
from generators.posts import NothingFitsError, Order
from generators.quality import Gates
from generators.worker import BusyError

TOGETHER = 16  # posts composed at once
LATELY = 50  # posts of an account that a new one must not resemble

log = logging.getLogger(__name__)


class PostOrder(Order):
    """What is to be written, and for whom."""

    targets: tuple[str, ...] = Field(min_length=1, description="accounts, by their names in the settings")
    approval: bool = False
    redrawn: int = Field(0, ge=0, description="how often a person wanted another one")


class Writer:
    """Writes what is due."""

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

    async def step(self) -> int:
        """Write up to TOGETHER posts; return how many were due."""
        due = await asyncio.to_thread(self._outbox.to_write, self._clock(), TOGETHER)
        await asyncio.gather(*(asyncio.to_thread(self.write, post) for post in due))
        return len(due)

    def write(self, post: Post) -> None:
        """Compose and freeze one post; where that is impossible, note why."""
        try:
            order = PostOrder.model_validate(post.order)
            made, targets = self.compose(order, seed(post, order.redrawn))
        except BusyError:
            return  # it is still due, and its turn comes again
        except NothingFitsError as error:
            self._give_up(post, str(error), error.rejected)
        except ValidationError as error:
            self._give_up(post, f"its order cannot be used: {faults(error)}")
        except UserError as error:
            self._give_up(post, str(error))
        else:
            writing = Writing(made.text, made.written, made.receipt, made.picture, made.rejected)
            costs = {each.account: each.cost(made.text, made.picture) for each in targets}
            self._outbox.freeze(post.id, writing, costs, order.approval, self._clock())

    def targets(self, order: PostOrder) -> list[Publisher]:
        """Return the publishers of an order's accounts; raise UserError where one is not known."""
        for name in order.targets:
            if name not in self._publishers:
                raise unknown("account", name, self._publishers)
        return [self._publishers[name] for name in order.targets]

    def compose(self, order: PostOrder, seed: int) -> tuple[posts.Post, list[Publisher]]:
        """Return a post that all targets take, and the targets; nothing is kept of it. Raise UserError as `compose`."""
        targets = self.targets(order)
        lately = [text for each in targets for text in self._outbox.recent(each.account, LATELY)]
        fits = {each.account: each.fault for each in targets}
        room = min(each.room for each in targets)
        return posts.compose(self._engine, order, seed, self._gates(order.style), fits, room, lately), targets

    def _give_up(self, post: Post, fault: str, rejected: list[tuple[str, str]] | None = None) -> None:
        log.warning("%s %s: %s", post.schedule, post.slot, fault)
        self._outbox.unwritten(post.id, fault, rejected or [])


def seed(post: Post, redrawn: int) -> int:
    """Return the first seed of a post's drafts: the same whichever process writes it, and others when it is redrawn."""
    name = json.dumps([post.schedule, post.slot, redrawn])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) >> 1
