from pathlib import Path

import pytest

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import log
from training.config import ModelConfig, TrainConfig
from training.insight import evolution, plots
from training.model import CharacterModel
from training.trainer import SAMPLES, train
from training.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def run(verse: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of 140 updates with 10 evaluations."""
    folder = tmp_path_factory.mktemp("run")
    model = ModelConfig(layers=1, units=16, embedding=8)
    config = {"batch": 4, "length": 16, "warmup": 5, "learning_rate": 0.02, "device": "cpu", "precision": "fp32"}
    list(train(model, TrainConfig.model_validate(config | {"epochs": 1.5, "evaluations": 10}), verse, folder))
    return folder


def test_a_run_keeps_what_it_writes_at_steps_that_grow(run: Path, verse: Corpus) -> None:
    rows = log.read(run / SAMPLES)
    assert [row["step"] for row in rows] == [1, 3, 10, 30, 100]
    assert all(set(row["sample"]) <= set(verse.alphabet) for row in rows)
    assert rows[0]["loss"] > rows[-1]["loss"]


def test_the_same_weights_write_the_same_sample(run: Path, verse: Corpus) -> None:
    """The sample at an update is what the network writes then from the same beginning and seed."""
    first = log.read(run / SAMPLES)[0]
    import torch

    torch.manual_seed(0)
    fresh = CharacterModel(ModelConfig(layers=1, units=16, embedding=8), len(verse.alphabet))
    written = fresh.continue_text(Vocabulary(verse.alphabet), "\n", 200, 0)
    assert sum(a == b for a, b in zip(written, first["sample"], strict=True)) > 100  # one update later


def test_samples_come_in_order_and_further_and_further_apart(run: Path) -> None:
    record = evolution.record(run)
    steps = [sample["step"] for sample in record["samples"]]
    assert steps == [1, 3, 10, 14, 28, 56, 112, 140]
    assert [point[0] for point in record["curve"]] == sorted(point[0] for point in record["curve"])
    assert len(record["curve"]) == 5 + 10
    assert record["run"]["training"]["seed"] == 0
    assert record["samples"][-1]["nats"] == record["curve"][-1][2]
    told = evolution.text(record)
    assert told.index("after 1 update,") < told.index("after 140 updates")
    assert "Verse: " in told


def test_a_record_draws_the_same_figure_every_time(run: Path) -> None:
    record = evolution.record(run)
    drawn = plots.evolution(record)
    assert drawn == plots.evolution(record)
    assert drawn.count("<svg") == 1


def test_without_a_run_it_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run has kept its samples here"):
        evolution.record(tmp_path)
