"""What the verbs that train many networks share: their options, who trains, when it leaves off, what is told of it."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.settings import Settings
    from training.sweep import Trial, Workers
    from training.trainer import Progress

Minutes = Annotated[float | None, typer.Option(min=0, help="leave off after this time; the same command goes on")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="networks trained at the same time, in processes")]
Cluster = Annotated[
    bool, typer.Option("--cluster", help="train on a Ray cluster: the one of RAY_ADDRESS, or one begun here")
]
Gpus = Annotated[float, typer.Option(min=0, help="of a cluster: the part of a GPU that each network asks for")]


@dataclass(frozen=True)
class Deadline:
    """Tells when the time is up, in whatever process it is asked."""

    at: float  # seconds of the wall clock
    clock: Callable[[], float] = time.time

    def __call__(self) -> bool:
        """Return whether it is past."""
        return self.clock() >= self.at


def notice(trial: "Trial", progress: "Progress") -> None:
    """Say on stderr how a run stands, whenever it has looked at its validation text."""
    if progress.validation is not None:
        facts = f"epoch {progress.epoch:.1f}  validation {progress.validation:.4f} nats"
        print(f"{trial.name}  {facts}  {progress.characters_per_second:,.0f} characters/s", file=sys.stderr, flush=True)


def workers(settings: "Settings", jobs: int, cluster: bool, gpus: float) -> "Workers":
    """Return who trains: this process, several of them, or a cluster."""
    from training import device, workers
    from training.sweep import one_by_one

    if cluster:
        return workers.Cluster(gpus)
    if jobs > 1:
        return workers.Processes(jobs, max(settings.cores // jobs, 1))
    device.prepare_processor(settings.threads)
    return one_by_one
