from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from training.checkpoint import Model, ModelCard
from training.config import ModelConfig
from training.model import CharacterModel

ALPHABET = '\n abcdefghij"({}).'
Made = Callable[..., Model]


@pytest.fixture(scope="session")
def made() -> Made:
    """Return a function that makes a network with fresh weights, times `gain`: some of its gates saturate."""

    def model(alphabet: str = ALPHABET, seed: int = 0, gain: float = 1.0, **fields: Any) -> Model:
        config = ModelConfig.model_validate({"layers": 2, "units": 7, "embedding": 5} | fields)
        characters = "".join(sorted(alphabet))
        torch.manual_seed(seed)
        arrays = {name: gain * array for name, array in CharacterModel(config, len(characters)).arrays().items()}
        return Model(ModelCard(model=config, vocabulary=characters, parameters=1), arrays, f"digest-{seed}")

    return model


@pytest.fixture(scope="session")
def text() -> str:
    """Return 600 characters without any order."""
    return "".join(np.random.default_rng(1).choice(list(ALPHABET), 600))
