"""Recipes: the shape of a network, how it is trained, and what it reads before its own text.

The files in `recipes/` are those of the bundled voices; a plugin names one, or has the same tables of its own. A recipe
states only what differs from the defaults, with the reason.
"""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from corpora.errors import unknown
from corpora.spec import CorpusSpec
from training.config import ModelConfig, TrainConfig

FOLDER = Path(__file__).parent / "recipes"


class Pretraining(BaseModel):
    """A larger text of the same kind that the network reads first; then it is tuned to its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    corpus: CorpusSpec
    epochs: float = Field(5, gt=0, description="passes over the larger text; the rest is as in `train`")


class Recipe(BaseModel):
    """All that a run needs besides the text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    pretraining: Pretraining | None = None


def names() -> list[str]:
    """Return the names of the recipes there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def table(name: str) -> dict[str, Any]:
    """Return a recipe's table, not checked yet; raise UserError with the known names where there is none."""
    if name not in names():
        raise unknown("recipe", name, names())
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
