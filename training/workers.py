"""Who makes the trials of a sweep: several processes side by side, or a Ray cluster. Both keep to the same orders."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from corpora.errors import UserError
from training.device import prepare_processor
from training.sweep import Orders, Record, Task, made

Outcome = tuple[Record | None, str]  # of the two, the second is what went wrong


@dataclass(frozen=True)
class Processes:
    """`jobs` processes of this machine, which share its GPU if it has one; each has `threads` CPU threads.

    Small networks leave a GPU idle most of the time, so that many side by side are little slower than one. Where
    NVIDIA's MPS runs (nvidia-cuda-mps-control -d), they compute at the same moment; elsewhere they take turns.
    """

    jobs: int
    threads: int

    def __call__(self, tasks: Sequence[Task], orders: Orders) -> Iterator[Record | None]:
        """Yield the records as they come; raise UserError at the end, telling of every trial that failed."""
        spawned = multiprocessing.get_context("spawn")  # a process that has used CUDA cannot be forked
        pool = ProcessPoolExecutor(min(self.jobs, len(tasks) or 1), spawned, prepare_processor, (self.threads,))
        orders = replace(orders, stop=_OrAlone(orders.stop, os.getpid()))
        try:
            running = [pool.submit(outcome, task, orders) for task in tasks]
            yield from _sorted_out(each.result() for each in as_completed(running))
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, found as Ray does: where RAY_ADDRESS says, or on this machine; else one is begun for the time.

    The folder of runs has to be one that all its machines see. Each trial asks for `gpus` of a GPU (a part of one).
    """

    gpus: float = 0.0

    def __call__(self, tasks: Sequence[Task], orders: Orders) -> Iterator[Record | None]:
        """Yield the records as they come; raise UserError at the end, telling of every trial that failed."""
        try:
            import ray
        except ModuleNotFoundError as error:
            raise UserError("A cluster needs Ray: pip install '.[cluster]'.") from error
        ray.init(include_dashboard=False, log_to_driver=True)
        try:
            remote = ray.remote(outcome).options(num_cpus=1, num_gpus=self.gpus)
            yield from _sorted_out(_as_done(ray, [remote.remote(task, orders) for task in tasks]))
        finally:
            ray.shutdown()


def outcome(task: Task, orders: Orders) -> Outcome:
    """Make a trial; what a person can mend comes back as words, for the others go on."""
    try:
        return made(task, orders), ""
    except UserError as error:
        return None, f"{task.trial.name}: {error}"


def _sorted_out(outcomes: Iterable[Outcome]) -> Iterator[Record | None]:
    failures = list[str]()
    for record, failure in outcomes:
        if failure:
            failures.append(failure)
        yield record
    if failures:
        raise UserError("\n".join(failures))


def _as_done(ray: ModuleType, running: list[Any]) -> Iterator[Outcome]:
    while running:
        done, running = ray.wait(running)
        yield ray.get(done[0])


@dataclass(frozen=True)
class _OrAlone:
    """Stop as told, and also when the process that ordered the work is gone: nobody would keep the records."""

    stop: Callable[[], bool]
    parent: int

    def __call__(self) -> bool:
        return self.stop() or os.getppid() != self.parent
