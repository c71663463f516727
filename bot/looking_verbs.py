"""The verbs below `study` that look into networks: cells, gates, gradients, lags, context, evolution."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import records
from bot.records import Record
from corpora.errors import UserError

if TYPE_CHECKING:
    from types import ModuleType

    from bot.insight import Subject
    from bot.settings import Settings
    from training.insight.ablation import Stillness
    from training.insight.cells import Finding
    from training.insight.features import Labels
    from training.insight.inspection import Inspection

looking = typer.Typer()

Style = Annotated[str, typer.Argument(help="the style whose held-out text is read")]
Styles = Annotated[list[str] | None, typer.Argument(help="styles; all trained ones that come with apocrypha if none")]
Models = Annotated[
    list[Path] | None, typer.Option("--model", help="a model folder, repeatable; the style's own network if none")
]
Into = Annotated[Path, typer.Option(help="the folder of records and figures")]
STORE = Path("docs/study")
PAGES = (Path("docs/insight.md"), Path("docs/voices.md"), Path("README.md"))
SEED = 0
READ = 20_000  # characters, where every network reads the same


@looking.command()
def cells(
    styles: Styles = None,
    characters: Annotated[int, typer.Option(min=1000, help="read to find cells, and as many to score them")] = 40_000,
    into: Into = STORE,
) -> None:
    """Find the cells that know where they are in a text, hold each of them still, and see what that costs."""
    from bot import insight
    from training.insight.inspection import inspect

    settings = _settings()
    for style in styles or _trained(settings):
        _say(f"{style}: cells")
        subject = _subject(settings, style, None, characters)
        features = {feature.name: feature for feature in insight.features(subject)}
        inspection = inspect(subject.model, subject.chosen, subject.scored, list(features.values()), SEED)
        print(insight.table(inspection.findings))
        still = _stillness(subject, inspection)
        held = []
        for finding in inspection.findings:
            feature = features[finding.feature]
            held.append(_held(still, finding, feature.labels(subject.scored)))
            piece = insight.shown(inspection, feature)
            number = finding.best.number(subject.model.card.model.units)
            picture = insight.as_picture(piece, number, "dark", insight.caption(style, finding.best, finding))
            records.write(into / "cells" / f"{style}-{finding.feature}.png", picture.png, _say)
        record = _about(f"cells {style}", subject) | {"characters": characters, "findings": held}
        records.keep(into / "cells.json", record, "style", _say)


def _stillness(subject: "Subject", inspection: "Inspection") -> "Stillness":
    """Return the scored text, to be read with cells held at their means on the other one."""
    from training.insight.ablation import READ, Stillness

    config = subject.model.card.model
    means = inspection.chosen.cells.mean(axis=0).reshape(config.layers, config.units)
    return Stillness(subject.model, subject.scored[:READ], means, SEED)


def _held(still: "Stillness", finding: "Finding", labels: "Labels") -> Record:
    """Hold the cells found, and others, and return all of it."""
    from training.insight.ablation import READ

    found = still.ablate(labels[:READ], finding.cells)
    effects = [asdict(effect) | {"used": found.used(effect)} for effect in found.effects]
    others = {part: sorted(getattr(each, part) for each in found.controls) for part in ("where", "elsewhere")}
    return asdict(finding) | {"effects": effects, "controls": others}


@looking.command()
def gates(style: Style = "novel", model: Models = None, into: Into = STORE) -> None:
    """Count how often each gate is all but shut and all but open, and draw it."""
    from training.insight.gates import saturation, summary

    counted = []
    for folder in model or (None,):
        subject = _subject(_settings(), style, folder, READ)
        found = saturation(subject.model, subject.scored)
        shares = {gate: [side.tolist() for side in sides] for gate, sides in found.items()}
        counted.append(_about(f"gates {style}{_named(folder)}", subject) | {"characters": READ, "gates": shares})
        print(f"{subject.model.card.model.kind}, {subject.model.digest[:12]}\n{summary(found)}")
    records.save(into / "gates.json", counted, _say)
    records.write(into / "gates.svg", _plots().gates(counted).encode(), _say)


@looking.command()
def gradients(style: Style = "novel", model: Models = None, into: Into = STORE) -> None:
    """Measure how far back a gradient reaches, with the first weights and after training."""
    from training.insight.gradients import network, norms

    measured = []
    for folder in model or (None,):
        subject = _subject(_settings(), style, folder, READ)
        ids = subject.model.vocabulary.encode(subject.scored)
        curves = {when: norms(network(subject.model, when == "trained", SEED), ids) for when in ("fresh", "trained")}
        kept = {when: curve.tolist() for when, curve in curves.items()}
        measured.append(_about(f"gradients {style}{_named(folder)}", subject) | kept)
        for when, curve in curves.items():
            told = "  ".join(f"{lag}: {curve[lag - 1]:.1e}" for lag in (1, 10, 50, 100, 200, 500))
            print(f"{subject.model.card.model.kind:<5} {when:<8} {told}")
    records.save(into / "gradients.json", measured, _say)
    records.write(into / "gradients.svg", _plots().gradients(measured).encode(), _say)


@looking.command()
def lags(
    seeds: Annotated[int, typer.Option(min=1, help="networks of each kind for each task")] = 2, into: Into = STORE
) -> None:
    """Find the longest lag that each architecture learns to bridge, in three tasks; what is stored stays."""
    from training import device
    from training.insight import lags

    device.prepare_processor(_settings().threads)
    path = into / "lags.json"
    known = records.stored(path)
    for seed in range(seeds):
        for kind, task in lags.all_tasks():
            if not any((each["kind"], each["task"], each["seed"]) == (kind, task, seed) for each in known):
                known += [
                    asdict(outcome) | {"command": "apocrypha study lags"} for outcome in lags.climb(kind, task, seed)
                ]
                records.save(path, known, _say)
                _say(f"{kind} {task}: lag {known[-1]['lag']}, {known[-1]['score']:.3f}")
    found = lags.longest(known)
    for pair, reached in found.items():
        print(f"{pair[0]:<14} {pair[1]:<6} {', '.join(map(str, reached))}")
    records.write(into / "lags.svg", _plots().lags(found, lags.LAGS).encode(), _say)


@looking.command()
def context(styles: Styles = None, into: Into = STORE) -> None:
    """Measure what is lost with so many characters of context, and from how many on more helps no more."""
    from training.insight.context import measure

    settings, path = _settings(), into / "context.json"
    for style in styles or _trained(settings):
        subject = _subject(settings, style, None, 10**9)
        found = measure(subject.model, subject.scored)
        print(f"{style:<12} {found.nats:.3f} nats; {found.enough} characters are enough")
        record = _about(f"context {style}", subject) | asdict(found) | {"enough": found.enough}
        records.keep(path, record, "style", _say)
    records.write(into / "context.svg", _plots().contexts(records.stored(path)).encode(), _say)


@looking.command()
def evolution(
    style: Style = "bible",
    run: Annotated[
        Path | None, typer.Option(help="the folder of a run; that of the style in APOCRYPHA_HOME if none")
    ] = None,
    into: Into = STORE,
) -> None:
    """Show what a network wrote as it learned, from garble to sentences, and draw its loss."""
    from training.insight import evolution

    record = evolution.record(run or _settings().runs / style)
    record = {"command": f"apocrypha study evolution {style}", "style": style} | record
    print(evolution.text(record))
    records.keep(into / "evolution.json", record, "style", _say)
    records.write(into / f"evolution-{style}.svg", _plots().evolution(record).encode(), _say)


@looking.command()
def insight(
    page: Annotated[list[Path] | None, typer.Option(help="a page to write anew, repeatable")] = None,
    into: Into = STORE,
) -> None:
    """Write what docs/insight.md, docs/voices.md and README.md say of networks anew from the records."""
    from bot import insight_page

    for path in page or PAGES:
        records.write(path, insight_page.filled(path.read_text(encoding="utf-8"), into).encode(), _say)


def _plots() -> "ModuleType":
    """Return what draws, which needs the `train` extra."""
    try:
        from training.insight import plots
    except ModuleNotFoundError as error:
        raise UserError(f"Figures need {error.name}: `make train` installs it (pip install '.[train]').") from error
    return plots


def _settings() -> "Settings":
    from bot import settings

    return settings.load()


def _trained(settings: "Settings") -> list[str]:
    """Return the bundled styles that have a network."""
    from generators import registry

    return [plugin.name for plugin in registry.find(settings.plugins).bundled if plugin.trained_folder(settings.models)]


def _subject(settings: "Settings", style: str, folder: Path | None, characters: int) -> "Subject":
    from bot import insight
    from generators import registry

    return insight.subject(settings, registry.find(settings.plugins).get(style), folder, None, characters, _say)


def _named(folder: Path | None) -> str:
    return f" --model {folder}" if folder else ""


def _about(command: str, subject: "Subject") -> dict[str, Any]:
    """Return what anybody needs to make a record again."""
    card = subject.model.card
    return {
        "command": f"apocrypha study {command}",
        "style": subject.plugin.name,
        "digest": subject.model.digest,
        "model": card.model.model_dump(),
        "trained_on": card.corpus,
        "run": {name: card.run.get(name) for name in ("training", "epochs", "hours", "hardware", "precision")},
        "scores": card.scores,
        "read": subject.source,
        "seed": SEED,
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
