import pytest

from training.config import ModelConfig, TrainConfig
from training.fitting import BATCH, ENOUGH, LENGTH, MOST, PART, RATES, TUNING, Fit, Pace, fit, suggested, tune


def machine(speed: float) -> Pace:
    """A machine that does the same number of multiplications in a second whatever the network."""
    return lambda model, _: speed * 256**2 / model.units**2


def passes(made: Fit, characters: int) -> float:
    return made.speed * 60 * made.minutes * PART / characters


def test_the_largest_network_is_taken_that_reads_the_text_often_enough() -> None:
    for minutes in (1, 2, 5, 10, 30, 120):
        made = fit(1_000_000, minutes, machine(40_000))
        units = made.model.units
        larger = [each for each in RATES if each > units]
        assert passes(made, 1_000_000) == pytest.approx(made.passes)
        assert made.passes >= ENOUGH
        assert not larger or machine(40_000)(ModelConfig(units=larger[0]), TrainConfig()) * 60 * minutes * PART < (
            ENOUGH * 1_000_000
        )
        assert made.train.learning_rate == RATES[units]
        assert made.train.minutes == minutes


def test_more_time_and_a_faster_machine_have_larger_networks() -> None:
    sizes = [fit(1_000_000, minutes, machine(40_000)).model.units for minutes in (0.5, 2, 10, 60)]
    assert sizes == sorted(set(sizes))
    assert fit(1_000_000, 10, machine(400_000)).model.units > fit(1_000_000, 10, machine(40_000)).model.units


def test_only_what_comes_into_question_is_measured() -> None:
    asked = []

    def pace(model: ModelConfig, _: TrainConfig) -> float:
        asked.append(model.units)
        return machine(40_000)(model, TrainConfig())

    made = fit(1_000_000, 10, pace)
    assert max(asked) == min(each for each in RATES if each > made.model.units)


def test_a_machine_too_slow_for_anything_gets_the_smallest() -> None:
    made = fit(1_000_000, 1, machine(1))
    assert made.model.units == min(RATES)
    assert made.passes < 0.01
    assert made.model.dropout == 0


def test_what_is_read_too_often_is_not_read_all_the_time() -> None:
    made = fit(20_000, 60, machine(40_000))
    assert made.model.units <= 256  # a larger one would know so little text by heart
    assert (made.train.minutes, made.train.epochs, made.passes) == (None, MOST, MOST)
    assert passes(made, 20_000) == pytest.approx(MOST)
    assert made.minutes < 60
    assert made.model.dropout > 0.2


def test_a_short_text_is_read_in_few_streams() -> None:
    for characters in (900, 5_000, 20_000):
        made = fit(characters, 1, machine(40_000)).train
        assert made.batch * made.length < characters
    assert (made.batch, made.length) == (BATCH, LENGTH)


def test_a_voice_that_can_write_keeps_its_shape_and_learns_gently() -> None:
    shape = ModelConfig(units=512, layers=2, dropout=0.15)
    made = tune(100_000, None, shape, machine(40_000))
    assert made.model.model_copy(update={"dropout": 0.15}) == shape
    assert made.train.learning_rate < RATES[512]
    assert made.passes == pytest.approx(TUNING)
    short = tune(100_000, 1, shape, machine(40_000))
    assert short.train.minutes == 1
    assert short.passes == pytest.approx(1 * 60 * PART * 10_000 / 100_000)


@pytest.mark.parametrize(("characters", "minutes"), [(1_000, 1), (1_000_000, 15), (100_000_000, 60)])
def test_the_time_that_is_suggested_suits_the_text(characters: int, minutes: float) -> None:
    assert suggested(characters, machine(40_000)) == minutes
    assert fit(characters, None, machine(40_000)).minutes <= minutes
