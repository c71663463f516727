"""The verb `train`: a run shown as it goes, and a model published when it is better than the one before."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bot.settings import Settings
from corpora import corpus
from corpora.corpus import Corpus
from corpora.errors import UserError, faults
from generators.generator import Generator
from generators.inference import Network
from generators.plugin import Plugin
from training import checkpoint

Say = Callable[[str], None]
Config = TypeVar("Config", bound=BaseModel)


def train(
    settings: Settings,
    plugin: Plugin,
    model: dict[str, Any],
    training: dict[str, Any],
    into: Path,
    fresh: bool,
    say: Say,
) -> None:
    """Train `plugin` with its own recipe changed by the options that are not None, and publish the best model."""
    try:
        from training import device, trainer
    except ModuleNotFoundError as error:
        raise UserError("Training needs PyTorch: `make train` installs it (pip install '.[train]').") from error

    model_config = _changed(plugin.manifest.model, model)
    train_config = _changed(plugin.manifest.train, training)
    text = corpus.build(
        plugin.manifest.corpus, plugin.folder, settings.places, plugin.hook("clean"), sys.stderr.isatty()
    )
    folder = settings.runs / plugin.name
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    device.limit_threads(settings.threads)
    say(f"{plugin.name}: {len(text.train):,} characters to learn from; the run is kept in {folder}")
    _show(trainer.train(model_config, train_config, text, folder), say)
    _publish(folder / "model", into, text, plugin, settings, say)
    shutil.rmtree(folder)


def _changed(config: Config, options: dict[str, Any]) -> Config:
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return type(config).model_validate({**config.model_dump(), **given})
    except ValidationError as error:
        raise UserError(f"These training options cannot be used: {faults(error)}.") from error


def _show(steps: Any, say: Say) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"))
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("training", total=None, facts="")
        for p in steps:
            left = f"{p.seconds_left / 60:.0f} min left" if p.steps else "measuring"
            facts = f"epoch {p.epoch:.2f}  {p.loss:.3f} nats  {p.characters_per_second:,.0f} characters/s  {left}"
            bar.update(task, total=p.steps or None, completed=p.step, facts=facts)
            if p.validation is not None:
                mark = " (best)" if p.validation == p.best else ""
                say(
                    f"step {p.step:,}  epoch {p.epoch:.2f}  training {p.loss:.4f}  validation {p.validation:.4f} nats, "
                    f"{p.validation / 0.6931471805599453:.4f} bits per character{mark}"
                )
                say("    " + p.sample.strip().replace("\n", "\n    "))
        say(f"Done: {p.finished}; best validation {p.best:.4f} nats per character.")


def _publish(trained: Path, into: Path, text: Corpus, plugin: Plugin, settings: Settings, say: Say) -> None:
    """Score the new model on the test text and put it in place, unless the one there is better on the same text."""
    new = checkpoint.load(trained)
    scores = new.card.scores | {
        f"test{suffix}": Generator(plugin, Network(new, settings.cache, arithmetic), new.digest, True).score(text.test)
        for suffix, arithmetic in (("", "fp32"), ("_int8", "int8"))
    }
    old = checkpoint.read_card(into) if checkpoint.exists(into) else None
    if old and old.corpus == new.card.corpus and old.scores.get("validation", 99.0) <= scores["validation"]:
        say(f"{into}: the model there is better ({old.scores['validation']:.4f} nats on the same text) and stays.")
        return
    checkpoint.save(into, new.card.model_copy(update={"scores": scores}), new.arrays)
    say(f"{into}: saved; {scores['test_int8']:.4f} nats per character on the test text.")
