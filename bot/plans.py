"""What a run is to be: as recipe and orders say, and where they leave it open, as it fits text, time and machine.

A plan that was fitted is kept beside the run, so that the same command goes on with the same one.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.settings import Settings
from corpora.corpus import Corpus
from corpora.errors import UserError, faults
from generators.inference import Network
from generators.plugin import Plugin
from generators.voice import Voice
from training import checkpoint, fitting
from training.checkpoint import Model, write_durably
from training.config import ModelConfig, TrainConfig
from training.fitting import Fit

SMALL = 500_000  # characters to learn from, under which it is better to begin with a voice that can write
WORTH = 2.0  # passes that it has to get to make; with fewer, a small network of its own does as well
LIKENESS = 8_000  # characters by which the most alike voice is chosen ...
KNOWN = 0.9  # ... of which it must know this part, or it writes another script
KEPT = "plan.json"
FITTED_AROUND = {"minutes", "seed", "device", "precision"}  # what may be said without saying how it learns

Say = Callable[[str], None]
Config = TypeVar("Config", bound=BaseModel)


@dataclass(frozen=True)
class Orders:
    """What the person at the command line wants of a run; options that are None leave it open."""

    model: dict[str, Any]
    training: dict[str, Any]
    begin: Plugin | None = None  # whose trained model has the first weights
    alone: bool = False  # no other voice's weights, however small the text
    voices: Sequence[Plugin] = field(default=())  # of which one may be begun from where nothing is said
    into: Path | None = None
    fresh: bool = False


class Plan(BaseModel):
    """A network, how it is trained, and the plugin whose weights it begins with ("" for none)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: ModelConfig
    train: TrainConfig
    begin: str = ""


def planned(settings: Settings, plugin: Plugin, orders: Orders, text: Corpus, say: Say) -> tuple[Plan, Model | None]:
    """Return the plan of a plugin's run on `text`, and the model that it begins with."""
    begin = spoken(settings, orders.begin) if orders.begin else None
    if not _open(plugin, orders):
        model = changed(begin.card.model if begin else plugin.manifest.model, orders.model)
        plan = Plan(model=model, train=changed(plugin.manifest.train, orders.training))
        return plan, begin
    options = _given(plugin.manifest.train.model_dump(exclude_unset=True)) | _given(orders.training)
    first = orders.begin.name if orders.begin else ""
    asked = {"text": text.digest, "options": options, "begin": first, "alone": orders.alone}
    path = settings.runs / plugin.name / KEPT
    kept = None if orders.fresh else _kept(path, asked)
    plan = kept or _fitted(settings, plugin, orders, text, options, say)
    if kept is None:
        _keep(path, asked, plan)
    return plan, next((spoken(settings, each) for each in _beginnings(orders) if each.name == plan.begin), None)


def fitted(
    settings: Settings, voices: Sequence[Plugin], text: str, minutes: float | None, least: float = WORTH
) -> tuple[Fit, Plugin | None]:
    """Return what fits a training text, and the voice among `voices` to begin with.

    None where no voice is alike enough, or where there is no time for so many passes, at `least`, over the text.
    """
    from training import timing

    begin = most_alike(settings, voices, text)
    if begin:
        fit = fitting.tune(len(text), minutes, spoken(settings, begin).card.model, timing.pace())
        if fit.passes >= least:
            return fit, begin
    return fitting.fit(len(text), minutes, timing.pace()), None


def spoken(settings: Settings, plugin: Plugin) -> Model:
    """Return the trained model of a plugin; raise UserError where it has none."""
    folder = plugin.trained_folder(settings.models)
    if folder is None:
        raise UserError(f"{plugin.name} is not trained, so there are no weights to begin from.")
    return checkpoint.load(folder)


def changed(config: Config, options: dict[str, Any]) -> Config:
    """Return `config` with those of `options` that are not None; raise UserError where they cannot be used."""
    try:
        return type(config).model_validate({**config.model_dump(), **_given(options)})
    except ValidationError as error:
        raise UserError(f"These training options cannot be used: {faults(error)}.") from error


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _open(plugin: Plugin, orders: Orders) -> bool:
    """Return whether neither the plugin nor the orders say what the network is, or how it learns."""
    manifest = plugin.manifest
    if {"model", "recipe", "pretraining"} & manifest.model_fields_set or _given(orders.model):
        return False
    from training import device

    return manifest.train.model_fields_set | _given(orders.training).keys() <= FITTED_AROUND and device.alone()


def _fitted(
    settings: Settings, plugin: Plugin, orders: Orders, text: Corpus, options: dict[str, Any], say: Say
) -> Plan:
    wanted = orders.begin or not (orders.alone or len(text.train) >= SMALL)
    voices, least = _beginnings(orders) if wanted else (), 0.0 if orders.begin else WORTH
    fit, begin = fitted(settings, voices, text.train, options.get("minutes"), least)
    if begin:
        say(f"{plugin.name}: begins with the weights of {begin.name}, a voice that can write already")
    say(f"{plugin.name}: {told(fit)}")
    others = {name: value for name, value in options.items() if name != "minutes"}
    return Plan(model=fit.model, train=changed(fit.train, others), begin=begin.name if begin else "")


def told(fit: Fit) -> str:
    """Return what is expected of a run, for a person."""
    return (
        f"a network of {fit.model.layers} layers of {fit.model.units} units, about {fit.passes:.0f} passes over the "
        f"text in {fit.minutes:.2g} minutes at {fit.speed:,.0f} characters per second"
    )


def _beginnings(orders: Orders) -> list[Plugin]:
    return [orders.begin] if orders.begin else list(orders.voices)


def most_alike(settings: Settings, voices: Sequence[Plugin], text: str) -> Plugin | None:
    """Return the voice that guesses a piece of `text` best, of those that are trained."""
    best, least = None, math.inf
    start = max(len(text) // 2 - LIKENESS // 2, 0)
    piece = text[start : start + LIKENESS]
    for plugin in voices:
        folder = plugin.trained_folder(settings.models)
        if folder is None:
            continue
        model = checkpoint.load(folder)
        known = model.vocabulary.known(piece)[0]
        if len(known) > KNOWN * len(piece):
            nats = Voice(plugin, Network(model, settings.cache), model.digest, trained=True).score(known)
            best, least = (plugin, nats) if nats < least else (best, least)
    return best


def _kept(path: Path, asked: dict[str, Any]) -> Plan | None:
    """Return the plan that was made before where just this was asked."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Plan.model_validate(found["plan"]) if found["asked"] == asked else None
    except (OSError, ValueError, KeyError):
        return None


def _keep(path: Path, asked: dict[str, Any], plan: Plan) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, json.dumps({"asked": asked, "plan": plan.model_dump()}, indent=1).encode())
    except OSError as error:
        raise UserError(f"{path}: the plan of the run could not be kept ({error.strerror}).") from error
