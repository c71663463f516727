from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

from generators import plugin
from generators.generator import Generator
from generators.plugin import Plugin
from training import checkpoint
from training.checkpoint import Model, ModelCard, expected_shapes
from training.config import ModelConfig
from training.ngram import NGram
from training.vocabulary import Vocabulary

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

ANIMALS = "cat\nmeow\ndog\nwoof\n"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Model]:
    """Save a network of drawn weights as a model folder, and load it again."""

    def make(
        folder: Path | None = None, characters: str = "\n abcdefg", seed: int = 0, scale: float = 0.5, **fields: Any
    ) -> Model:
        config = ModelConfig.model_validate({"layers": 2, "units": 7, "embedding": 5} | fields)
        chance = np.random.default_rng(seed)
        shapes = expected_shapes(config, len(characters))
        arrays = {name: scale * chance.standard_normal(shape) for name, shape in shapes.items()}
        card = ModelCard(model=config, vocabulary=characters, parameters=sum(a.size for a in arrays.values()))
        folder = folder or tmp_path / "model"
        checkpoint.save(folder, card, arrays)
        return checkpoint.load(folder)

    return make


@pytest.fixture
def make_plugin(tmp_path: Path) -> Callable[..., Plugin]:
    """Write a plugin's folder and read it as the registry does."""

    def make(toml: str = "", code: str = "", corpus: str = "", name: str = "haiku") -> Plugin:
        folder = tmp_path / "plugins" / name
        folder.mkdir(parents=True)
        (folder / "plugin.toml").write_text(toml)
        (folder / "corpus.txt").write_text(corpus)
        if code:
            (folder / "plugin.py").write_text(code)
        return plugin.read(folder, "folder")

    return make


@pytest.fixture
def animals(make_plugin: Callable[..., Plugin]) -> Callable[..., Generator]:
    """A voice that has counted what each animal says: after "cat" comes "meow", after "dog" comes "woof"."""

    def make(toml: str = "", code: str = "") -> Generator:
        model = NGram(ANIMALS * 200, Vocabulary(ANIMALS))
        return Generator(make_plugin(toml, code), model, "counts", trained=False)

    return make
