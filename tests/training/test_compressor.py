import math

import numpy as np
import pytest

from training.evaluation.compressor import primed_nats


def noise(characters: int, seed: int) -> str:
    return "".join("abcdefgh"[n] for n in np.random.default_rng(seed).integers(8, size=characters))


def test_what_was_read_before_costs_next_to_nothing() -> None:
    text = noise(20_000, 0)
    assert primed_nats(text, text[5_000:15_000]) < 0.02


def test_noise_costs_its_entropy() -> None:
    assert primed_nats(noise(200_000, 0), noise(50_000, 1)) == pytest.approx(math.log(8), rel=0.15)
    assert primed_nats(noise(200_000, 0), noise(50_000, 1)) > math.log(8)


def test_it_counts_characters_and_not_bytes() -> None:
    text = "".join("äöüß"[n] for n in np.random.default_rng(0).integers(4, size=100_000))
    assert primed_nats(text[:50_000], text[50_000:]) == pytest.approx(math.log(4), rel=0.2)
