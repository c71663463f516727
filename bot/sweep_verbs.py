"""The verb `sweep`: a style trained with every combination of some options, the best first."""

import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.arguments import Json, Style, print_json, say
from bot.trials import Cluster, Deadline, Gpus, Jobs, Minutes, notice, workers
from corpora.errors import UserError

if TYPE_CHECKING:
    from bot.plans import Plan
    from bot.settings import Settings
    from generators.plugin import Plugin
    from training.sweep import Record, Task, Trial


def sweep(
    style: Style,
    vary: Annotated[
        list[str], typer.Option(metavar="NAME=A,B,..", help="try these values of a training option; may be given again")
    ],
    epochs: Annotated[
        float | None, typer.Option(help="passes over the training text, where they are not varied")
    ] = None,
    jobs: Jobs = 1,
    minutes: Minutes = None,
    cluster: Cluster = False,
    gpus: Gpus = 0.0,
    as_json: Json = False,
) -> None:
    """Train a style with every combination of options, and list them by their loss on the validation text.

    The test text is not looked at: it is for the one that is chosen. What was trained once is not trained again.
    """
    from bot import settings
    from generators import registry
    from training import sweep
    from training.sweep import Orders

    chosen = settings.load()
    plugin = registry.find(chosen.plugins).get(style)
    folder = chosen.runs / "sweep"
    tasks = _tasks(chosen, plugin, [_values(each) for each in vary], epochs, folder / style)
    orders = Orders(notice, Deadline(time.time() + minutes * 60)) if minutes is not None else Orders(notice)
    folder.mkdir(parents=True, exist_ok=True)
    found = sweep.run(tasks, folder / f"{style}.json", orders, workers(chosen, jobs, cluster, gpus))
    records = sorted(found, key=lambda record: float(record["validation"]))
    if as_json:
        print_json(records)
        return
    for record in records:
        print(_line(record))
    if len(records) < len(tasks):
        say(f"{len(tasks) - len(records)} of {len(tasks)} are not done yet; the same command goes on with them.")


def _values(given: str) -> list[tuple[str, str]]:
    """Read NAME=A,B; raise UserError where it is no such thing."""
    name, _, values = given.partition("=")
    found = [(name.strip().replace("-", "_"), value.strip()) for value in values.split(",") if value.strip()]
    if not found:
        raise UserError(f"--vary takes an option and its values, as units=128,256, not '{given}'.")
    return found


def _tasks(
    settings: "Settings", plugin: "Plugin", varied: list[list[tuple[str, str]]], epochs: float | None, runs: Path
) -> "list[Task]":
    from bot.plans import Orders, planned
    from training.sweep import Task

    text = replace(plugin.text(settings.places), test="")
    plan, _ = planned(settings, plugin, Orders({}, {"epochs": epochs}, alone=True), text, say)
    return [Task(_trial(plan, dict(combination)), text, runs) for combination in product(*varied)]


def _trial(plan: "Plan", options: dict[str, str]) -> "Trial":
    """Return the plan with some options changed; raise UserError where there are none of the kind."""
    from bot.plans import changed
    from corpora.errors import unknown
    from training.sweep import Trial

    model, train = type(plan.model).model_fields, type(plan.train).model_fields
    for name in options:
        if name not in model | train:
            raise unknown("training option", name, [*model, *train])

    def chosen(fields: Any) -> dict[str, str]:
        return {name: value for name, value in options.items() if name in fields}

    name = " ".join(f"{name}={value}" for name, value in options.items())
    return Trial(name, changed(plan.model, chosen(model)), changed(plan.train, chosen(train)))


def _line(record: "Record") -> str:
    return (
        f"{record['validation']:.4f} nats  {record['parameters']:>11,} parameters  {record['seconds'] / 60:>6.1f} min  "
        f"{record['options']['name']}"
    )
