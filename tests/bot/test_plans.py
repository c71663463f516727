from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot import plans, settings
from bot.plans import Orders
from bot.settings import Settings
from corpora.errors import UserError
from generators import registry
from training.config import ModelConfig, TrainConfig
from training.fitting import RATES, TUNED_RATE

if TYPE_CHECKING:
    from generators.plugin import Plugin

OPEN = Orders(model={"units": None}, training={"minutes": 0.5, "seed": 3, "epochs": None})


@pytest.fixture
def chosen(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.setenv("APOCRYPHA_THREADS", "1")
    return settings.load()


@pytest.fixture
def planned(chosen: Settings, weather: Path):
    def made(orders: Orders, toml: str = "", say=lambda line: None):
        (weather / "plugin.toml").write_text(toml)
        plugin = registry.find(chosen.plugins).get("weather")
        return plans.planned(chosen, plugin, orders, plugin.text(chosen.places), say)

    return made


def test_what_is_open_is_fitted_once(planned) -> None:
    said = list[str]()
    plan, begin = planned(OPEN, say=said.append)
    assert begin is None
    assert plan.model.units in RATES
    assert (plan.train.learning_rate, plan.train.optimiser, plan.train.seed) == (RATES[plan.model.units], "muon", 3)
    assert said[0].startswith(f"weather: a network of 2 layers of {plan.model.units} units, about ")
    again, _ = planned(OPEN, say=pytest.fail)  # nothing is measured
    assert again == plan
    assert planned(replace(OPEN, training=OPEN.training | {"minutes": 0.4}))[0] != plan


@pytest.mark.parametrize(
    ("toml", "model", "training"),
    [
        ("[model]\nunits = 77\n", {}, {}),
        ("[train]\nepochs = 2\n", {}, {}),
        ("", {"units": 77}, {}),
        ("", {}, {"learning_rate": 0.001}),
        ("", {}, {"epochs": 2.0}),
    ],
)
def test_what_is_said_is_as_it_is_said(planned, toml: str, model: dict, training: dict) -> None:
    plan, begin = planned(Orders(model, training | {"seed": 5}), toml, pytest.fail)
    shape, stated = (
        {"units": 77} if "77" in f"{toml}{model}" else {},
        {"epochs": 2} if "epochs" in f"{toml}{training}" else {},
    )
    assert plan.model == ModelConfig.model_validate(shape)
    assert plan.train == TrainConfig.model_validate(stated | training | {"seed": 5})
    assert begin is None


def test_little_text_begins_with_the_voice_that_guesses_it_best(planned, chosen: Settings, weather: Path) -> None:
    bundled = registry.find(chosen.plugins).bundled
    verses = "And it came to pass in those days, that the LORD spake unto the children of Israel, saying,\n" * 60
    (weather / "corpus.txt").write_text(verses)
    ample = replace(OPEN, voices=bundled, training={"minutes": 60})
    plan, begin = planned(ample)
    assert plan.begin == "bible"
    assert begin is not None
    assert plan.model.model_copy(update={"dropout": begin.card.model.dropout}) == begin.card.model
    assert plan.train.learning_rate == TUNED_RATE
    code = "static int lock_held(struct rq *rq)\n{\n\treturn rq->lock;\n}\n" * 100
    assert plans.most_alike(chosen, bundled, code).name == "code"
    assert planned(replace(ample, alone=True))[0].begin == ""
    bible = next(plugin for plugin in bundled if plugin.name == "bible")
    hurried = replace(OPEN, voices=[bible], training={"minutes": 1e-3})  # too little to read the text a few times
    assert planned(hurried)[0].begin == ""
    assert planned(replace(hurried, begin=bible))[0].begin == "bible"


def test_a_voice_without_a_model_has_no_weights_to_begin_from(planned, chosen: Settings) -> None:
    essays: Plugin = registry.find(chosen.plugins).get("essays")
    with pytest.raises(UserError, match="essays is not trained, so there are no weights to begin from"):
        planned(Orders({"units": 5}, {}, begin=essays))
    with pytest.raises(UserError, match="essays is not trained"):
        planned(replace(OPEN, begin=essays))


def test_options_that_cannot_be_are_refused(planned) -> None:
    with pytest.raises(UserError, match="These training options cannot be used: units = -1"):
        planned(Orders({"units": -1}, {}))
