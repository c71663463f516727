"""How large the study is made: whole, or tiny, to see in minutes that all of it works."""

from dataclasses import dataclass, field

from training import recipe
from training.config import TrainConfig
from training.evaluation.window_network import WindowTraining
from training.recipe import Recipe
from training.study.budget import SIZES

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

    @property
    def variants(self) -> TrainConfig:
        """Return how the LSTM's variants are trained: as all networks are, but not for as long."""
        return self.recipe.train.model_copy(update={"epochs": self.recipe.train.epochs / 3})


def whole() -> Scale:
    """Return the study as it is stored."""
    return Scale(Recipe.model_validate(recipe.table("study")))


def quick() -> Scale:
    """Return a study of small pieces and tiny networks: its figures mean nothing but that everything runs."""
    made = whole().recipe
    train = made.train.model_copy(update={"epochs": 1.0, "batch": 16, "length": 64, "warmup": 20, "evaluations": 2})
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
