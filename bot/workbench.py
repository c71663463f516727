"""The verb `train`: a run shown as it goes, and a model published when it is better than the one before."""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bot.measure import best_ngram
from bot.settings import Settings
from corpora import corpus
from corpora.corpus import Corpus
from corpora.errors import UserError, faults
from generators.inference import Network
from generators.plugin import Plugin
from generators.voice import Voice
from training import checkpoint
from training.checkpoint import Model

if TYPE_CHECKING:
    from generators.graph import Arithmetic
    from training.trainer import Progress as Step

Say = Callable[[str], None]
Config = TypeVar("Config", bound=BaseModel)


def train(
    settings: Settings,
    plugin: Plugin,
    model: dict[str, Any],
    training: dict[str, Any],
    into: Path | None,
    fresh: bool,
    say: Say,
) -> None:
    """Train `plugin` with its own recipe, changed by the options that are not None, and publish the best model.

    Without `into` it becomes the user's own model of the style, if it is better than the one that speaks now.
    """
    try:
        from training import device, trainer
    except ModuleNotFoundError as error:
        raise UserError("Training needs PyTorch: `make train` installs it (pip install '.[train]').") from error
    model_config = _changed(plugin.manifest.model, model)
    train_config = _changed(plugin.manifest.train, training)
    here = device.choose(train_config, model_config)
    device.prepare_processor(settings.threads, here.size)
    text = corpus.build(
        plugin.manifest.corpus, plugin.folder, settings.places, plugin.hook("clean"), sys.stderr.isatty()
    )
    folder = settings.runs / plugin.name
    if fresh:
        _forget(folder)
    run = trainer.train(model_config, train_config, text, folder)
    if here.rank > 0:  # of several processes, one speaks
        for _ in run:
            pass
        return
    say(f"{plugin.name}: {len(text.train):,} characters to learn from; the run is kept in {folder}")
    try:
        _show(run, say)
    except KeyboardInterrupt:
        say(f"Stopped. The same command goes on from the last evaluation; the best model so far is {folder / 'model'}.")
        raise
    _publish(folder / "model", into, text, plugin, settings, say)
    _forget(folder)


def _forget(folder: Path) -> None:
    """Remove a run's state; its log and its best model stay until another run writes its own."""
    for state in folder.glob("state-*.safetensors"):
        state.unlink()


def _changed(config: Config, options: dict[str, Any]) -> Config:
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return type(config).model_validate({**config.model_dump(), **given})
    except ValidationError as error:
        raise UserError(f"These training options cannot be used: {faults(error)}.") from error


def _show(run: "Iterator[Step]", say: Say) -> None:
    """Draw the bar and print each evaluation; keep to the evaluations where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"))
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("training", total=None, facts="")
        for step in run:
            left = f"{_minutes(step.seconds_left)} left" if step.steps else "measuring"
            facts = (
                f"epoch {step.epoch:.2f}  {_nats(step.loss)}  {step.characters_per_second:,.0f} characters/s  {left}"
            )
            bar.update(task, total=step.steps or None, completed=step.step, facts=facts)
            if step.validation is not None:
                best = "  (best so far)" if step.validation == step.best else ""
                say(f"step {step.step:,}  {facts}  validation {_nats(step.validation)}{best}")
                say("    " + step.sample.strip().replace("\n", "\n    "))
            if step.finished:
                say(f"Done: {step.finished}; best validation {_nats(step.best)} per character.")


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _nats(loss: float) -> str:
    return f"{loss:.4f} nats ({loss / math.log(2):.3f} bits)"


def _publish(trained: Path, into: Path | None, text: Corpus, plugin: Plugin, settings: Settings, say: Say) -> None:
    """Score the new model on the test text and put it in place, unless the one there is better on the same text."""
    new = checkpoint.load(trained)
    place = into or settings.models / plugin.name
    rival = into or plugin.trained_folder(settings.models)
    old = checkpoint.read_card(rival) if rival and checkpoint.exists(rival) else None
    if old and old.corpus.get("digest") == new.card.corpus["digest"]:
        theirs, ours = old.scores.get("validation", math.inf), new.card.scores["validation"]
        if theirs <= ours:
            say(f"{rival}: the model there is better ({_nats(theirs)} against {_nats(ours)}, same text) and stays.")
            say(f"The new one is in {trained}; `--into FOLDER` keeps it elsewhere.")
            return
    scores = new.card.scores | _test_scores(new, plugin, text, settings)
    checkpoint.save(place, new.card.model_copy(update={"scores": scores}), new.arrays)
    say(f"{place}: saved; on the test text {_nats(scores['test_int8'])} per character as it speaks (8-bit).")
    say(f"The best n-gram model of the same text: {_nats(scores['best_ngram'])}.")


def _test_scores(model: Model, plugin: Plugin, text: Corpus, settings: Settings) -> dict[str, float]:
    """Return the losses on the test text, in fp32 and as it speaks, and the best n-gram's."""
    scores: dict[str, float] = {}
    arithmetics: dict[str, Arithmetic] = {"test": "fp32", "test_int8": "int8"}
    for name, arithmetic in arithmetics.items():
        network = Network(model, settings.cache, arithmetic)
        scores[name] = Voice(plugin, network, model.digest, trained=True).score(text.test)
    scores["best_ngram_order"], scores["best_ngram"] = best_ngram(text, settings)
    return scores
