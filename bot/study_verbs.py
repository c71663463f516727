"""The verbs below `study` that make the tables and figures of the paper again. They need the `train` extra."""

import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.trials import Cluster, Deadline, Gpus, Jobs, Minutes, notice, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.settings import Settings
    from corpora.corpus import Corpus
    from training.study.laboratory import Laboratory
    from training.study.texts import Layout
    from training.sweep import Record

numbers = typer.Typer()

STORE = Path("docs/study")
PLUGINS = {"war-and-peace": "novel", "linux": "code"}  # whose manifests say where the texts are from

Store = Annotated[Path, typer.Option(help="the folder of records; what is in it is not done again")]
Json = Annotated[bool, typer.Option("--json", help="print the records as one JSON value")]
Cut = Annotated[
    Literal["streams", "contiguous"], typer.Option(help="how the texts are cut: as char-rnn does, or in three pieces")
]


def laboratory(
    store: Path, jobs: int = 1, minutes: float | None = None, cluster: bool = False, gpus: float = 0.0
) -> "Laboratory":
    """Return the study in this checkout: its texts from the plugins, its runs in the user's folder."""
    from bot import settings as all_settings
    from training.study.laboratory import Laboratory
    from training.study.scale import whole
    from training.sweep import Orders, to_the_end

    settings = all_settings.load()
    stop = Deadline(time.time() + minutes * 60) if minutes is not None else to_the_end
    return Laboratory(
        scale=whole(),
        read=lambda data, layout: _text(settings, data, layout),
        read_more=lambda: _more(settings),
        store=store,
        runs=settings.runs / "study",
        workers=workers(settings, jobs, cluster, gpus),
        orders=Orders(notice, stop),
        about=about(),
    )


def _text(settings: "Settings", data: str, layout: "Layout") -> "Corpus":
    from corpora import corpus
    from generators import registry
    from training.study.texts import as_studied

    plugin = registry.find(settings.plugins).get(PLUGINS[data])
    spec, hook = as_studied(plugin.manifest.corpus, data, layout)
    return corpus.build(spec, plugin.folder, settings.places, hook, sys.stderr.isatty())


def _more(settings: "Settings") -> "Corpus":
    """Return English to be read before War and Peace: the Bible and the presidents' speeches."""
    from dataclasses import replace

    from generators import registry

    plugins = registry.find(settings.plugins)
    bible = plugins.get("bible").text(settings.places)
    speeches = plugins.get("speeches").text_before(settings.places) or bible
    train, validation = bible.train + speeches.train, bible.validation + speeches.validation
    return replace(bible, title="the Bible and speeches", train=train, validation=validation, test="")


def about() -> dict[str, str]:
    """Return what a record tells of where it was made: the commit and the processor."""
    return {"commit": _commit(), "processor": platform.processor() or platform.machine()}


def _commit() -> str:
    """Return the commit of this checkout, with a plus where more differs from it than records; empty where none is."""

    def git(*order: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *order], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    root = Path(__file__).parent.parent
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs")
    return git("rev-parse", "--short=12", "HEAD") + "+" * bool(changed)


def _print(records: "Iterable[Record]", shown: "Callable[[list[Record]], str]", as_json: bool) -> None:
    made = list(records)
    print(json.dumps(made, indent=1) if as_json else shown(made))


@numbers.command()
def table(
    size: Annotated[list[int] | None, typer.Option(help="only cells of this size; may be given again")] = None,
    data: Annotated[list[str] | None, typer.Option(help="only cells of this text: war-and-peace, linux")] = None,
    layout: Cut = "streams",
    jobs: Jobs = 1,
    minutes: Minutes = None,
    cluster: Cluster = False,
    gpus: Gpus = 0.0,
    store: Store = STORE,
    as_json: Annotated[bool, typer.Option("--json", help="print all cells as they are stored, and train none")] = False,
) -> None:
    """Train LSTM, RNN and GRU in 1 to 3 layers and four sizes on both texts, and show the losses beside the paper's.

    Those with the least to compute come first. A run that is stopped goes on from its last evaluation.
    """
    from training.study import table as cells
    from training.study import tables

    room = laboratory(store, jobs, minutes, cluster, gpus)
    places = cells.cells(room.scale)
    if not as_json:
        wanted = [each for each in places if each.size in (size or [each.size]) and each.data in (data or [each.data])]
        cells.fill(room, wanted, layout)
    rows = [cells.row(place, room.records("table"), room.scale, layout) for place in places]
    print(json.dumps({"cells": rows}, indent=1) if as_json else tables.cells(rows))


@numbers.command()
def ngrams(store: Store = STORE, as_json: Json = False) -> None:
    """Measure Kneser-Ney models of 1 to 9 and 20 characters of context, and the compressor PPMd, in both layouts."""
    from training.study import course, tables

    room = laboratory(store)
    course.count(room)
    _print(room.records("ngrams"), tables.ngrams, as_json)


@numbers.command()
def windows(store: Store = STORE, as_json: Json = False) -> None:
    """Train the paper's n-NN, which sees the last 1 to 6 characters, on both texts."""
    from training.study import course, tables

    room = laboratory(store)
    course.look(room)
    _print(room.records("windows"), tables.windows, as_json)


@numbers.command()
def variants(
    jobs: Jobs = 1,
    minutes: Minutes = None,
    cluster: Cluster = False,
    gpus: Gpus = 0.0,
    store: Store = STORE,
    as_json: Json = False,
) -> None:
    """Train the eight variants of the LSTM and the one they vary, with the same parameters and three seeds each."""
    from training.study import tables
    from training.study import variants as kinds

    room = laboratory(store, jobs, minutes, cluster, gpus)
    kinds.fill(room)
    _print(room.records("variants"), tables.variants, as_json)


@numbers.command()
def characters(store: Store = STORE, as_json: Json = False) -> None:
    """Compare the best network of each text with the 20-gram model, character by character."""
    from training.study import course, tables

    room = laboratory(store)
    course.compare(room)
    _print(room.records("characters"), lambda made: f"{tables.overlaps(made)}\n\n{tables.gains(made)}", as_json)


@numbers.command()
def closings(store: Store = STORE, as_json: Json = False) -> None:
    """Measure how well closing braces, quotation marks and parentheses are foreseen, far from what opened them."""
    from training.study import course, tables

    room = laboratory(store)
    course.compare(room)
    _print(room.records("closings"), tables.closings, as_json)


@numbers.command()
def errors(store: Store = STORE, as_json: Json = False) -> None:
    """Take the errors on War and Peace apart: what n-grams, a memory, more text or a list of words would put right."""
    from training.study import course, tables

    room = laboratory(store)
    course.compare(room)
    _print(room.records("errors"), tables.errors, as_json)


@numbers.command()
def remedies(jobs: Jobs = 1, minutes: Minutes = None, store: Store = STORE, as_json: Json = False) -> None:
    """Measure what would fix it: dynamic evaluation, a cache, pre-training, units that tick slowly."""
    from training.study import course, tables

    room = laboratory(store, jobs, minutes)
    course.mend(room)
    _print(room.records("remedies"), tables.remedies, as_json)


@numbers.command(name="all")
def everything(
    quick: Annotated[bool, typer.Option("--quick", help="tiny networks on small pieces, to see that it works")] = False,
    into: Annotated[
        Path | None, typer.Option(help="the folder of the report; docs, or study-quick if it is quick")
    ] = None,
    jobs: Jobs = 1,
    minutes: Minutes = None,
    cluster: Cluster = False,
    gpus: Gpus = 0.0,
) -> None:
    """Make what is missing of the whole study, and write its report: study.md, study.html and the figures."""
    from dataclasses import replace

    from training.study import course, scale

    folder = into or Path("study-quick" if quick else "docs")
    room = laboratory(folder / "study", jobs, minutes, cluster, gpus)
    if quick:
        room = replace(room, scale=scale.quick(), runs=folder / "runs")
    course.run(room, folder / "study.md", lambda line: print(line, file=sys.stderr, flush=True))
    print(folder / "study.html")
