"""A recipe fitted to a text, a time and a machine: the largest network that reads the text often enough in it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from training.config import ModelConfig, TrainConfig

# Units of each of two layers, and the rate that is best there under Muon.
RATES = {64: 1.2e-2, 96: 1e-2, 128: 1e-2, 192: 8e-3, 256: 6e-3, 384: 5e-3, 512: 4e-3, 768: 3e-3, 1024: 2e-3}
BATCH, LENGTH = 32, 64  # many small steps: on equal characters, better than fewer longer ones
LEAST_BATCH = 4
STEPS = 8  # of one pass, at least; a short text is read in fewer streams
ENOUGH = 12.0  # passes that a network has to get to make; a larger one waits for more time
MOST = 60.0  # passes after which nothing more is learned from a text; the schedule ends there
TUNING = 20.0  # ... with the weights of a voice that could already write
TUNED_RATE = 1.5e-3  # gentle: what it brings along is not to be overwritten
PART = 0.9  # of the time is for learning; the rest for looking at the validation text
TIMES = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60)  # minutes that are suggested
ORDINARY = 256  # units of the network that the suggested time is for

Pace = Callable[[ModelConfig, TrainConfig], float]  # measures characters per second


@dataclass(frozen=True)
class Fit:
    """What was fitted, and what is expected of it."""

    model: ModelConfig
    train: TrainConfig
    speed: float  # characters per second
    passes: float
    minutes: float


def fit(characters: int, minutes: float | None, pace: Pace) -> Fit:
    """Return the recipe for a training text of so many characters; without `minutes`, in a time that suits it.

    Sizes are tried from the smallest up, so that only those that come into question are measured.
    """
    minutes = minutes or suggested(characters, pace)
    best = None
    for units, rate in RATES.items():
        model, train = ModelConfig(units=units), _train(characters, rate)
        speed = pace(model, train)
        passes = speed * 60 * minutes * PART / characters
        if best and passes < ENOUGH:
            break
        best = _fitted(model.model_copy(update={"dropout": _dropout(passes)}), train, speed, passes, minutes, MOST)
        if passes < ENOUGH or units**2 > characters:  # a larger one would know it by heart
            break
    assert best
    return best


def tune(characters: int, minutes: float | None, model: ModelConfig, pace: Pace) -> Fit:
    """Return the recipe for a network of this shape that goes on learning, from another text."""
    train = _train(characters, TUNED_RATE)
    speed = pace(model, train)
    minutes = minutes or TUNING * characters / (speed * 60 * PART)
    passes = speed * 60 * minutes * PART / characters
    return _fitted(model.model_copy(update={"dropout": 0.3}), train, speed, passes, minutes, TUNING)


def suggested(characters: int, pace: Pace) -> float:
    """Return the minutes in which an ordinary network gets to read the text often enough twice over."""
    speed = pace(ModelConfig(units=ORDINARY), _train(characters, RATES[ORDINARY]))
    needed = 2 * ENOUGH * characters / (speed * 60 * PART)
    return float(next((minutes for minutes in TIMES if minutes >= needed), TIMES[-1]))


def _train(characters: int, rate: float) -> TrainConfig:
    batch = min(max(characters // (LENGTH * STEPS), LEAST_BATCH), BATCH)
    return TrainConfig(batch=batch, length=LENGTH, optimiser="muon", learning_rate=rate)


def _fitted(model: ModelConfig, train: TrainConfig, speed: float, passes: float, minutes: float, most: float) -> Fit:
    """Let the schedule end with the time, or before, where the text is read often enough by then."""
    if passes > most:
        minutes *= most / passes
        return Fit(model, train.model_copy(update={"epochs": most}), speed, most, minutes)
    return Fit(model, train.model_copy(update={"minutes": minutes}), speed, passes, minutes)


def _dropout(passes: float) -> float:
    """Return the dropout for a text read so often: none where it is hardly known, more where it is learned by heart."""
    return round(min(0.05 * math.sqrt(max(passes - 4, 0)), 0.3), 2)
