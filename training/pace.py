"""How fast a run goes, how many steps it may take, when it looks at itself, and its learning rate on the way."""

import math
from collections import deque

from training.config import TrainConfig
from training.state import Place

MEASURED = 20  # steps timed before a schedule is fitted into `minutes`
LOOKING = 0.1  # the largest part of a time budget that goes into evaluations


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the rate of `step` (0-based) of `steps`: a straight rise, then half a cosine down to the floor.

    While `steps` is 0 the plan is not known yet and the rate only rises.
    """
    warmup = min(config.warmup, steps // 5) if steps else config.warmup
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    part = min((step - warmup) / max(steps - warmup, 1), 1.0) if steps else 0.0
    return config.learning_rate * (config.floor + (1 - config.floor) * (1 + math.cos(math.pi * part)) / 2)


class Pace:
    """Times the steps of this process and plans the rest of the run with them; the plan itself is in `Place`."""

    def __init__(self, config: TrainConfig, steps_per_epoch: int, place: Place) -> None:
        """Plan by epochs at once; a time budget is planned by `plan`, when the speed is known."""
        self._config = config
        self._steps: deque[float] = deque(maxlen=200)  # seconds
        self._evaluation = 0.0  # seconds
        self.characters = config.batch * config.length  # a step's
        if config.minutes is None and not place.steps:
            place.steps = math.ceil(config.epochs * steps_per_epoch)
            place.evaluations = min(config.evaluations, place.steps)
            _space_evaluations(place)

    def stepped(self, seconds: float) -> None:
        """Note how long a step took."""
        self._steps.append(seconds)

    def evaluated(self, seconds: float) -> None:
        """Note how long an evaluation took."""
        self._evaluation = seconds

    @property
    def characters_per_second(self) -> float:
        """Return the speed over the last steps, evaluations not counted."""
        return self.characters * len(self._steps) / max(sum(self._steps), 1e-9)

    def evaluation_due(self, place: Place) -> bool:
        """Return whether the run has come to its next evaluation; a time budget opens with one, to time it."""
        return place.step >= place.due if place.steps else len(self._steps) >= MEASURED

    def plan(self, place: Place) -> None:
        """Say when the next evaluation is due, after fitting the rest of the run into a time budget if there is one."""
        if self._config.minutes is not None:
            left = self._config.minutes * 60 - place.seconds
            affordable = int(LOOKING * left / max(self._evaluation, 1e-9))
            looks = max(min(self._config.evaluations - place.evaluated, affordable), 1)
            per_step = sum(self._steps) / max(len(self._steps), 1)
            place.steps = place.step + max(int((left - looks * self._evaluation) / max(per_step, 1e-9)), 0)
            place.evaluations = place.evaluated + looks
        _space_evaluations(place)

    def seconds_left(self, place: Place) -> float:
        """Return the seconds until the planned end, evaluations included; infinity while there is no plan."""
        if not place.steps or not self._steps:
            return math.inf
        per_step = sum(self._steps) / len(self._steps)
        return (place.steps - place.step) * per_step + (place.evaluations - place.evaluated) * self._evaluation


def _space_evaluations(place: Place) -> None:
    """Set the next evaluation so that those still planned are evenly spread over the steps still planned."""
    looks = max(place.evaluations - place.evaluated, 1)
    place.due = place.step + math.ceil((place.steps - place.step) / looks)
