"""How large the study is made: whole, or tiny, to see in minutes that all of it works."""

import math
from dataclasses import dataclass, field, replace

from training import recipe
from training.config import Kind
from training.evaluation.window_network import WindowTraining
from training.recipe import Recipe
from training.study.budget import SIZES, fitted, parameters
from training.study.texts import CHARACTERS, LENGTHS
from training.sweep import Trial

RATED = 64  # units, for which the recipe's learning rate is meant
SHARES: dict[Kind, float] = {"rnn": 1 / 2, "gru": 1 / 2, "clockwork": 1 / 2}  # of the learning rate; LSTMs bear all
DROPPED = 0.4  # of what a layer shows, if there were as many parameters as characters
ORDERS = (*range(1, 10), 20)  # characters of context of the n-gram models, as in the paper


@dataclass(frozen=True)
class Scale:
    """What is made of each part of the study."""

    recipe: Recipe  # of every recurrent network
    characters: int | None = None  # of each text; None for all of it
    sizes: tuple[int, ...] = SIZES
    layers: tuple[int, ...] = (1, 2, 3)
    orders: tuple[int, ...] = ORDERS
    contexts: tuple[int, ...] = (1, 2, 3, 4, 5, 6)  # characters that the window networks see
    windows: WindowTraining = field(default_factory=WindowTraining)
    seeds: tuple[int, ...] = (1, 2, 3)  # of the LSTM's variants

    pretraining: float = 3  # passes over the text that is read first

    def trial(self, name: str, data: str, kind: Kind, layers: int, size: int) -> Trial:
        """Return the run of a network of this kind and size on a text: the recipe, as wide as the budget allows.

        By one rule for all, the learning rate falls with the root of the width, so that an update changes what a layer
        shows by as much in all of them (Yang, Simon & Bernstein 2023, "A Spectral Condition for Feature Learning"), and
        is half of that for all but LSTMs, as validation text tells; dropout rises with the parameters that there are
        for each character of the text, by tenths.
        """
        shape = self.recipe.model.model_copy(update={"kind": kind, "layers": layers})
        model = fitted(shape, size, CHARACTERS[data])
        dropout = round(DROPPED * parameters(model, CHARACTERS[data]) / LENGTHS[data], 1)
        suited = self.recipe.train.learning_rate * SHARES.get(kind, 1)
        rate = round(suited * math.sqrt(RATED / model.units), 5)
        train = self.recipe.train.model_copy(update={"learning_rate": rate})
        return Trial(name, model.model_copy(update={"dropout": dropout}), train)

    def variant(self, kind: Kind, seed: int, data: str) -> Trial:
        """Return the run of a variant of the LSTM: as all networks are trained, but not for as long."""
        trial = self.trial(f"{kind}-{seed}", data, kind, 1, self.sizes[0])
        shorter = {"epochs": self.recipe.train.epochs / 3, "seed": seed}
        return replace(trial, train=trial.train.model_copy(update=shorter))


def whole() -> Scale:
    """Return the study as it is stored."""
    return Scale(Recipe.model_validate(recipe.table("study")))


def quick() -> Scale:
    """Return a study of small pieces and tiny networks: its figures mean nothing but that everything runs."""
    made = whole().recipe
    train = made.train.model_copy(update={"epochs": 1.0, "batch": 64, "length": 32, "warmup": 20, "evaluations": 2})
    return Scale(
        made.model_copy(update={"train": train}),
        characters=200_000,
        sizes=(16, 32),
        layers=(1,),
        orders=(1, 3, 9, 20),
        contexts=(1, 3),
        windows=WindowTraining(units=64, epochs=1),
        seeds=(1,),
        pretraining=0.3,
    )
