"""Fixtures for the tests of plugins, which pytest finds by an entry point wherever apocrypha is installed.

A test that wants `tiny_model` looks at a network of its own text: check_plugin(FOLDER, models=tiny_model(FOLDER)).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

STEPS = 60
SHAPE = {"layers": 1, "units": 48, "embedding": 16}
BATCH, LENGTH = 16, 32


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Return a function that trains a tiny network on a plugin's text in seconds.

    It returns a folder of models, with the plugin's in it by name. Tests that want it are skipped without PyTorch.
    """
    pytest.importorskip("torch")
    from corpora.fetch import Places
    from generators import plugin
    from generators.quality import Index
    from training import trainer
    from training.config import ModelConfig, TrainConfig

    def made(folder: Path) -> Path:
        place = tmp_path_factory.mktemp("tiny")
        own = plugin.read(folder, "folder")
        text = own.text(Places(place / "corpora"))
        passes = STEPS * BATCH * LENGTH / len(text.train)
        config = TrainConfig(
            epochs=passes, batch=BATCH, length=LENGTH, learning_rate=0.02, warmup=5, evaluations=2, device="cpu"
        )
        for _ in trainer.train(ModelConfig.model_validate(SHAPE), config, text, place / "run"):
            pass
        (place / "run" / "model").rename(place / own.name)
        Index.of(text.train).save(place / own.name)
        return place

    return made
