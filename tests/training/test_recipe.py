import tomllib
from typing import Any

import pytest

from corpora.errors import UserError
from training import recipe
from training.config import ModelConfig, TrainConfig
from training.recipe import Recipe

DEFAULTS = {"model": ModelConfig().model_dump(), "train": TrainConfig().model_dump()}


@pytest.mark.parametrize("name", recipe.names())
def test_a_recipe_states_only_what_differs_from_the_defaults(name: str) -> None:
    table = recipe.table(name)
    Recipe.model_validate(table)
    same = [f"{part}.{key}" for part in DEFAULTS for key, value in table.get(part, {}).items()]
    same = [place for place in same if _value(table, place) == _value(DEFAULTS, place)]
    assert not same, f"{name}: {same} as by default"


@pytest.mark.parametrize("name", recipe.names())
def test_a_recipe_gives_its_reasons(name: str) -> None:
    lines = (recipe.FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    unsaid = [
        line for line in lines if line and line[0] not in "[#" and "#" not in line and not line.startswith("seed")
    ]
    choices = [
        line for line in unsaid if tomllib.loads(line).keys() & (DEFAULTS["model"].keys() | DEFAULTS["train"].keys())
    ]
    assert not choices


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"no recipe named 'bibel'\. Did you mean 'bible'\? Known: .*bible, code"):
        recipe.table("bibel")


def _value(table: dict[str, Any], place: str) -> Any:
    part, key = place.split(".")
    return table[part][key]
