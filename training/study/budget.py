"""How wide a network may be: a size is a number of parameters, and every kind and depth gets the width that fits.

The budget of a size S is what a 1-layer LSTM of S units has in the paper, reading V characters as one-hot vectors:
4S(V + S) weights, two biases of 4S, and a projection of SV + V. Ours reads an embedding, which costs less than that.
"""

import math
from bisect import bisect_right

from training.checkpoint import expected_shapes
from training.config import ModelConfig

SIZES = (64, 128, 256, 512)
WIDEST = 4096  # units, the most that ModelConfig takes


def budget(size: int, characters: int) -> int:
    """Return the parameters that a network of `size` may have, for a text of so many different characters."""
    return 4 * size * (characters + size) + 8 * size + size * characters + characters


def parameters(model: ModelConfig, characters: int) -> int:
    """Return how many parameters a network has."""
    return sum(math.prod(shape) for shape in expected_shapes(model, characters).values())


def fitted(model: ModelConfig, size: int, characters: int) -> ModelConfig:
    """Return `model` with as many units as the budget of `size` allows: its parameters are never more than that."""

    def wide(units: int) -> int:
        return parameters(model.model_copy(update={"units": units}), characters)

    units = bisect_right(range(1, WIDEST + 1), budget(size, characters), key=wide)
    return model.model_copy(update={"units": units})
