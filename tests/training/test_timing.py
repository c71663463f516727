import itertools

import pytest
import torch

from training import timing
from training.config import ModelConfig, TrainConfig

TINY, TRAIN = ModelConfig(units=4, layers=1, embedding=4), TrainConfig(batch=5, length=6)


def test_the_pace_is_that_of_the_median_step_after_the_first() -> None:
    ticks = iter([0, 9, 10, 10.1, 20, 20.3, 30, 30.2])  # a first step of 9 s, then 0.1, 0.3, 0.2
    assert timing.pace(lambda: next(ticks))(TINY, TRAIN.model_copy()) == pytest.approx(30 / 9)
    ticks = iter([0, 0.01, 1, 1.2, 2, 2.4, 3, 3.3])
    assert timing.pace(lambda: next(ticks))(TINY, TRAIN) == pytest.approx(30 / 0.3)


def test_quick_steps_are_timed_until_there_are_enough() -> None:
    clock = itertools.count(0, 0.05)
    assert timing.pace(lambda: next(clock))(TINY, TRAIN) == pytest.approx(30 / 0.05)
    assert next(clock) >= 2 * timing.SECONDS - 0.1


def test_threads_that_are_said_are_taken() -> None:
    before = torch.get_num_threads()
    timing.settle(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


@pytest.mark.parametrize(("alone", "threads"), [(2.0, 1), (0.5, 3)])
def test_one_thread_alone_is_taken_where_it_is_faster(alone: float, threads: int) -> None:
    before = torch.get_num_threads()
    assert timing.faster(3, lambda *_: alone if torch.get_num_threads() == 1 else 1.0) == threads
    assert timing.faster(1, lambda *_: pytest.fail("there is nothing to choose")) == 1
    torch.set_num_threads(before)
