"""How fast networks learn on this machine: a few steps of each, on characters that mean nothing."""

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional

from training import device
from training.config import ModelConfig, TrainConfig
from training.fitting import Pace
from training.model import CharacterModel
from training.optimiser import optimisers

SECONDS = 0.6  # for one network, if STEPS are made by then
STEPS = 3  # at least, after the first one, which is slower ...
PATIENCE = 4.0  # ... unless they take longer
ALPHABET = 80  # characters; how many there are hardly matters
PROBE = ModelConfig(units=128), TrainConfig(batch=32, length=32)

Clock = Callable[[], float]


def pace(clock: Clock = time.perf_counter) -> Pace:
    """Return what measures the characters per second that a network learns from here."""

    def measured(model_config: ModelConfig, config: TrainConfig) -> float:
        here = device.choose(config, model_config)
        model = CharacterModel(model_config, ALPHABET).to(here.device)
        shared = optimisers(model, config)
        ids = torch.randint(ALPHABET, (config.batch, config.length), device=here.device)
        state, times = model.start(config.batch), list[float]()
        while sum(times) < (PATIENCE if len(times) <= STEPS else SECONDS):
            started = clock()
            with here.arithmetic():
                logits, _ = model(ids, state)
            loss = functional.cross_entropy(logits.float().flatten(0, 1), ids.flatten())
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for optimiser in shared:
                optimiser.step()
            loss.item()  # a GPU is waited for
            times.append(clock() - started)
        return config.batch * config.length / statistics.median(times[1:] or times)

    return measured


def settle(threads: int | None) -> None:
    """Compute on all CPU threads, or on `threads`; on one alone where that is faster.

    It is where others use the machine too: threads then wait for each other most of the time.
    """
    device.prepare_processor(threads)
    if not threads and not torch.cuda.is_available():
        torch.set_num_threads(faster(torch.get_num_threads(), pace()))


def faster(most: int, pace: Pace) -> int:
    """Return the number of threads that is faster, `most` or one."""
    speeds = dict[int, float]()
    for threads in {1, most}:
        torch.set_num_threads(threads)
        speeds[threads] = pace(*PROBE) if most > 1 else 1.0
    return max(speeds, key=lambda threads: speeds[threads])
