"""Writers on other machines: replicas of a Ray Serve deployment, each with the voices and the engine of its machine.

The server in front keeps keys, limits and counts, and passes on what they write. Ray finds its cluster as it always
does: where RAY_ADDRESS says, or on this machine; where there is none it begins one here.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from bot import settings
from bot.chat.web import faults
from bot.chat.web.choice import Piece
from bot.chat.web.faults import RefusedError
from bot.chat.web.writer import Here, Said, Wanted
from bot.speaking import open_engine
from generators import registry

NAME = "apocrypha"
AT_ONCE = 256  # requests that one replica writes side by side
TRIES = 3  # replicas that are asked for a text of which nothing has come yet
LOST = "The machine that wrote this is gone. What came before is all there is of it; the same request begins anew."


@dataclass(frozen=True)
class Refusal:
    """An error in the replica, told so that it survives the way."""

    status: int
    code: str
    said: str
    retry_after: float

    @classmethod
    def of(cls, error: BaseException) -> "Refusal":
        """Tell of an error what a client may know."""
        status, told, seconds = faults.answered(error)
        return cls(status, told["error"]["code"], told["error"]["message"], seconds)

    @property
    def error(self) -> RefusedError:
        """Return what is to be raised in front."""
        return RefusedError(self.status, self.code, self.said, self.retry_after)


Item = str | tuple[int, Piece] | Refusal  # first the voice's digest, then the texts' pieces


class Speaker:
    """One replica."""

    def __init__(self, threads: int) -> None:
        """Open the engine of this machine, as its settings say, on so many CPU threads."""
        chosen = settings.load().model_copy(update={"threads": threads})
        self._writer = Here(open_engine(chosen, registry.find(chosen.plugins)))

    async def write(self, asked: Wanted, seed: int, who: str) -> AsyncGenerator[Item, None]:
        """Write what is asked for."""
        try:
            writing = await self._writer.begin(asked, seed, who)
            yield writing.digest
            async with aclosing(writing.said()) as said:
                async for item in said:
                    yield item
        except Exception as error:
            yield Refusal.of(error)


@contextmanager
def speakers(replicas: int, threads: int) -> Iterator["There"]:
    """Have so many replicas, each with so many CPU threads, and ask them; in a cluster of others' they stay."""
    ray.init(include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    serve.start(proxy_location="Disabled")
    deployed = serve.deployment(
        num_replicas=replicas, ray_actor_options={"num_cpus": threads}, max_ongoing_requests=AT_ONCE
    )(Speaker)
    try:
        yield There(serve.run(deployed.bind(threads), name=NAME, route_prefix=None))
    finally:
        ray.shutdown()  # with it goes a cluster that was begun here


@dataclass(frozen=True)
class There:
    """Asks the replicas."""

    handle: DeploymentHandle[Speaker]

    async def begin(self, asked: Wanted, seed: int, who: str) -> "Distant":
        """Ask one of the replicas; another one where it is gone before it has begun."""
        for left in reversed(range(TRIES)):
            items = self.handle.options(stream=True).write.remote(asked, seed, who)
            try:
                return Distant(await _next(items), items)
            except RefusedError as error:
                if error.code != "speaker_lost" or not left:
                    raise
        raise AssertionError("the last try returns or raises")


@dataclass(frozen=True)
class Distant:
    """Texts on their way from a replica."""

    digest: str
    items: Any

    async def said(self) -> Said:
        """Yield what is written; closing it stops the writing there."""
        try:
            while True:
                try:
                    yield await _next(self.items)
                except StopAsyncIteration:
                    return
        finally:
            self.items.cancel()


async def _next(items: Any) -> Any:
    """Return what a replica says next; raise what it tells of, or that it is gone."""
    try:
        item = await anext(items)
    except BackPressureError as error:
        raise RefusedError(429, "busy", "Too many are asking at once; come again in a moment.", 1) from error
    except (RayError, RayServeException) as error:
        raise RefusedError(503, "speaker_lost", LOST, 1) from error
    if isinstance(item, Refusal):
        raise item.error
    return item
