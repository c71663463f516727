import math

import pytest

from training.config import TrainConfig
from training.pace import MEASURED, Pace, learning_rate
from training.state import Place

CONFIG = TrainConfig(learning_rate=0.1, warmup=10, floor=0.2)


@pytest.mark.parametrize(
    ("step", "part"),
    [
        (0, 0.1),  # a tenth after one of ten steps, not zero
        (4, 0.5),
        (9, 1.0),
        (10, 1.0),
        (10 + 45, 0.2 + 0.8 * 0.5),  # half of the way down
        (10 + 30, 0.2 + 0.8 * 0.75),  # a third of the way: cos 60 degrees is 1/2
        (10 + 60, 0.2 + 0.8 * 0.25),
        (100, 0.2),
        (10_000, 0.2),
    ],
)
def test_the_rate_rises_straight_and_falls_as_half_a_cosine(step: int, part: float) -> None:
    assert learning_rate(CONFIG, step, 100) == pytest.approx(0.1 * part)


def test_a_short_run_warms_up_for_a_fifth_of_it() -> None:
    assert [learning_rate(CONFIG, step, 20) for step in (0, 3, 4)] == pytest.approx([0.025, 0.1, 0.1])
    assert learning_rate(CONFIG, 0, 1) == pytest.approx(0.1)


def test_without_a_plan_the_rate_only_rises() -> None:
    rates = [learning_rate(CONFIG, step, 0) for step in (0, 4, 9, 10, 5000)]
    assert rates == pytest.approx([0.01, 0.05, 0.1, 0.1, 0.1])


def test_no_warm_up_starts_at_the_top() -> None:
    assert learning_rate(TrainConfig(learning_rate=0.1, warmup=0), 0, 100) == pytest.approx(0.1)


def ran(config: TrainConfig, per_step: float, per_look: float, steps_per_epoch: int = 50) -> tuple[Place, list[int]]:
    """Run on paper: steps and evaluations take constant times. Return the end and the steps of the evaluations."""
    place, looks = Place(), list[int]()
    pace = Pace(config, steps_per_epoch, place)
    while not place.steps or place.step < place.steps:
        place.step += 1
        place.seconds += per_step
        pace.stepped(per_step)
        if pace.evaluation_due(place):
            place.seconds += per_look
            pace.evaluated(per_look)
            place.evaluated += 1
            looks.append(place.step)
            pace.plan(place)
    return place, looks


def test_epochs_are_steps_with_evaluations_evenly_among_them() -> None:
    place, looks = ran(TrainConfig(epochs=2.5, evaluations=5), 1, 1)
    assert place.step == 125
    assert looks == [25, 50, 75, 100, 125]


def test_the_last_evaluation_is_at_the_last_step() -> None:
    place, looks = ran(TrainConfig(epochs=2.02, evaluations=7), 1, 1)
    assert (place.step, looks[-1], len(looks)) == (101, 101, 7)


def test_a_run_of_fewer_steps_than_evaluations_looks_after_each() -> None:
    assert ran(TrainConfig(epochs=0.05, evaluations=30), 1, 1)[1] == [1, 2, 3]


@pytest.mark.parametrize(("per_step", "per_look"), [(0.01, 0.1), (0.1, 0.5), (0.05, 3.0), (1.0, 0.01)])
def test_a_time_budget_is_used_up_and_not_overdrawn(per_step: float, per_look: float) -> None:
    place, looks = ran(TrainConfig(minutes=2, evaluations=10), per_step, per_look)
    assert looks[0] == MEASURED
    assert 120 - per_step - per_look <= place.seconds <= 120 + 1e-6
    assert len(looks) * per_look < 0.15 * 120 + 2 * per_look


def test_a_budget_too_small_for_anything_ends_after_the_first_look() -> None:
    place, looks = ran(TrainConfig(minutes=0.001), 1, 1)
    assert (place.step, looks) == (MEASURED, [MEASURED])


def test_speed_and_time_left_are_told() -> None:
    place = Place()
    pace = Pace(TrainConfig(epochs=1, evaluations=4, batch=10, length=20), 100, place)
    assert pace.seconds_left(place) == math.inf
    for _ in range(30):
        pace.stepped(0.5)
    pace.evaluated(3)
    place.step, place.evaluated = 30, 1
    assert pace.characters_per_second == pytest.approx(400)
    assert pace.seconds_left(place) == pytest.approx(70 * 0.5 + 3 * 3)
