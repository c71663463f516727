import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest
import torch
from hypothesis import settings

from corpora.corpus import Corpus

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def verse() -> Corpus:
    """One sentence over and over: next to nothing per character, once it is known."""
    line = "in the beginning was the word\n"
    return Corpus("Verse", "CC0", line * 200, line * 40, line * 40)


@pytest.fixture(scope="session")
def coin() -> Corpus:
    """Three tosses of a coin to a letter, moved on by one: exactly ln 2 nats per character, and not one newline."""

    def tossed(characters: int, seed: int) -> str:
        tosses = np.random.default_rng(seed).integers(2, size=characters + 2)
        return "".join("abcdefgh"[n] for n in 4 * tosses[:-2] + 2 * tosses[1:-1] + tosses[2:])

    return Corpus("Coin", "CC0", tossed(12_000, 0), tossed(2_000, 1), tossed(2_000, 2))


@pytest.fixture(scope="session")
def noise() -> Corpus:
    """Little text without any order: there is nothing to learn from it but itself, by heart."""
    drawn = "".join("abcdefgh\n"[n] for n in np.random.default_rng(0).integers(9, size=1400))
    return Corpus("Noise", "CC0", drawn[:600], drawn[600:1000], drawn[1000:])


@pytest.fixture
def room() -> Callable[[int], AbstractContextManager[None]]:
    """Return a context in which no file may grow beyond so many bytes, as on a disk that is full."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
