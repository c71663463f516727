"""The verb `train`: runs shown as they go, and a model published when it is better than the one before."""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bot import yardsticks
from bot.plans import Orders, changed, planned
from bot.settings import Settings
from corpora.corpus import Corpus
from corpora.errors import UserError
from generators.inference import Network
from generators.plugin import Plugin
from generators.quality import Index
from generators.voice import Voice
from training import checkpoint
from training.checkpoint import Model, ModelCard
from training.config import SPOKEN, ModelConfig, TrainConfig

if TYPE_CHECKING:
    from generators.graph import Arithmetic
    from training.trainer import Progress as Step

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """One run: what is learned, by which network, how, and where the run is kept."""

    title: str
    text: Corpus
    model: ModelConfig
    config: TrainConfig
    folder: Path


def train(settings: Settings, plugin: Plugin, orders: Orders, say: Say) -> None:
    """Train `plugin` with its own recipe, changed by `orders`, and publish the best model.

    Without `into` it becomes the user's own model of the style, if it is better than the one that speaks now. Where the
    one that speaks now was made by just this recipe from just this text, there is nothing to do.
    """
    try:
        from training import device, timing
    except ModuleNotFoundError as error:
        raise UserError("Training needs PyTorch: `make train` installs it (pip install '.[train]').") from error
    if device.alone():
        timing.settle(settings.threads)
    stages, begin = _stages(settings, plugin, orders, say)
    last = stages[-1]
    here = device.choose(last.config, last.model)
    if not device.alone():
        device.prepare_processor(settings.threads, here.size)
    rival = orders.into or plugin.trained_folder(settings.models)
    old = checkpoint.read_card(rival) if rival and checkpoint.exists(rival) else None
    origin = stages[0].text.digest if len(stages) > 1 else begin.card.corpus["digest"] if begin else None
    if old and not orders.fresh and _made_by(old, last, origin):
        say(f"{plugin.name}: the model in {rival} was made by just this recipe; --fresh makes another.")
        return
    for stage in stages:
        if orders.fresh:
            _forget(stage.folder)
        _run(stage, begin, say if here.rank == 0 else None)  # of several processes, one speaks
        begin = checkpoint.load(stage.folder / "model")
    if here.rank == 0:
        _publish(last, old, rival, orders.into or settings.models / plugin.name, plugin, settings, say)
        for stage in stages:
            _forget(stage.folder)


def _stages(settings: Settings, plugin: Plugin, orders: Orders, say: Say) -> tuple[list[Stage], Model | None]:
    """Return the runs to be made, and the model that the first begins with.

    A network begun from another voice's has that one's shape, and needs no other start. A time budget is shared
    equally.
    """
    manifest, folder = plugin.manifest, settings.runs / plugin.name
    text = plugin.text(settings.places, sys.stderr.isatty())
    plan, begin = planned(settings, plugin, orders, text, say)
    model, config = plan.model, plan.train
    if model.kind not in SPOKEN:
        raise UserError(f"kind = {model.kind}: no voice can speak with it yet. Use {', '.join(SPOKEN)}.")
    before = None if begin else plugin.text_before(settings.places, sys.stderr.isatty())
    if before and config.minutes:
        config = changed(config, {"minutes": config.minutes / 2})
    stages = [Stage(plugin.name, text, model, config, folder)]
    if before and manifest.pretraining:
        first = changed(config, {"epochs": manifest.pretraining.epochs})
        stages.insert(0, Stage(before.title, before, model, first, folder.with_name(f"{plugin.name}-pretraining")))
    return stages, begin


def _made_by(card: ModelCard, stage: Stage, origin: str | None) -> bool:
    """Return whether a model came from this very run, begun from a model of the text with the digest `origin`."""
    made = TrainConfig.model_validate(card.run.get("training", {}))
    begun = card.run.get("begun", {}).get("digest")
    return (card.model, made, card.corpus.get("digest"), begun) == (
        stage.model,
        stage.config,
        stage.text.digest,
        origin,
    )


def _run(stage: Stage, begin: Model | None, say: Say | None) -> None:
    """Train to the end of the schedule, and tell of it where there is somebody to `say` it to."""
    from training import trainer

    run = trainer.train(stage.model, stage.config, stage.text, stage.folder, begin=begin)
    if say is None:
        for _ in run:
            pass
        return
    say(f"{stage.title}: {len(stage.text.train):,} characters to learn from; the run is kept in {stage.folder}")
    try:
        _show(run, say)
    except KeyboardInterrupt:
        model = stage.folder / "model"
        say(f"Stopped. The same command goes on from the last evaluation; the best model so far is {model}.")
        raise


def _forget(folder: Path) -> None:
    """Remove a run's state; its log and its best model stay until another run writes its own."""
    for state in folder.glob("state-*.safetensors"):
        state.unlink()


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


def _publish(
    stage: Stage, old: ModelCard | None, rival: Path | None, place: Path, plugin: Plugin, settings: Settings, say: Say
) -> None:
    """Score the new model on the test text and put it in place, unless the one there is better on the same text."""
    trained = stage.folder / "model"
    new = checkpoint.load(trained)
    if old and old.corpus.get("digest") == stage.text.digest:
        theirs, ours = old.scores.get("validation", math.inf), new.card.scores["validation"]
        if theirs <= ours:
            say(f"{rival}: the model there is better ({_nats(theirs)} against {_nats(ours)}, same text) and stays.")
            say(f"The new one is in {trained}; `--into FOLDER` keeps it elsewhere.")
            return
    scores = new.card.scores | _test_scores(new, plugin, stage.text, settings)
    checkpoint.save(place, new.card.model_copy(update={"scores": scores}), new.arrays)
    Index.of(stage.text.train).save(place)
    say(f"{place}: saved; on the test text {_nats(scores['test_int8'])} per character as it speaks (8-bit).")
    say(f"The best n-gram model of the same text: {_nats(scores['best_ngram'])}.")


def _test_scores(model: Model, plugin: Plugin, text: Corpus, settings: Settings) -> dict[str, float]:
    """Return the losses on the test text, in fp32 and as it speaks, and the best n-gram's."""
    scores: dict[str, float] = {}
    arithmetics: dict[str, Arithmetic] = {"test": "fp32", "test_int8": "int8"}
    for name, arithmetic in arithmetics.items():
        network = Network(model, settings.cache, arithmetic)
        scores[name] = Voice(plugin, network, model.digest, trained=True).score(text.test)
    scores["best_ngram_order"], scores["best_ngram"] = yardsticks.best_ngram(plugin, text, settings)
    return scores
