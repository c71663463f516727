import pytest
from pydantic import ValidationError

from training.config import ModelConfig, TrainConfig


def test_the_records_stay_small() -> None:
    assert len(ModelConfig.model_fields) + len(TrainConfig.model_fields) < 25


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "transformer"}, "Input should be 'lstm', 'gru', 'rnn', "),
        ({"layers": 5}, "less than or equal to 4"),
        ({"layers": 0}, "greater than or equal to 1"),
        ({"dropout": 1.0}, "less than 1"),
        ({"hidden": 3}, "hidden\n  Extra inputs are not permitted"),
        ({"tied": True, "units": 8, "embedding": 4}, "a tied model needs embedding = units, not 4 and 8"),
    ],
)
def test_an_impossible_model_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelConfig.model_validate(fields)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"minutes": 0},
        {"epochs": -1},
        {"batch": 0},
        {"length": 1},
        {"clip": 0},
        {"floor": 1.1},
        {"patience": 0},
        {"seed": -1},
        {"device": "tpu"},
        {"precision": "fp8"},
        {"lr": 0.1},
    ],
)
def test_an_impossible_training_is_refused_by_name(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        TrainConfig.model_validate(fields)
