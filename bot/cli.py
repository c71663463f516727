"""The verbs. Each parses, calls one thing and prints: results on stdout, everything else on stderr.

Heavy parts (ONNX Runtime, torch) are imported inside the verb that needs them, so that `--help` is instant.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.arguments import Adapt, Json, Style, print_json, say, style_names
from bot.bot_verbs import post, run, status
from bot.chat_verbs import chat, sample, verify
from bot.corpus_verbs import corpus
from bot.insight_verbs import inspect
from bot.plugin_verbs import check, install, new, package, show, uninstall
from bot.post_verbs import posts
from bot.schedule_verbs import schedule
from bot.study import study
from bot.surroundings import at_hand
from bot.sweep_verbs import sweep
from bot.web_verbs import serve

if TYPE_CHECKING:
    from bot.settings import Settings
    from generators.engine import Engine
    from generators.registry import Registry

app = typer.Typer(
    help="Text that was never written: small networks, each trained on one body of text, speak in its voice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(study, name="study")
app.add_typer(posts, name="posts")
app.add_typer(schedule, name="schedule")
app.add_typer(corpus, name="corpus")
app.command()(chat)
app.command()(sample)
app.command()(verify)


def _engine(settings: "Settings", registry: "Registry") -> "Engine":
    from bot.speaking import open_engine

    return open_engine(settings, registry)


def _print_fields(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        shown = f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
        print(f"{name.replace('_', ' '):<28}{shown}")


@app.command(name="list")
def list_styles(as_json: Json = False) -> None:
    """List the styles that can be spoken."""
    from training.checkpoint import read_card

    settings, registry = at_hand()
    rows = []
    for name, plugin in sorted(registry.plugins.items()):
        folder = plugin.trained_folder(settings.models)
        row: dict[str, Any] = {"name": name, "summary": plugin.manifest.summary, "origin": plugin.origin}
        card = read_card(folder) if folder else None
        row |= {"trained": card is not None, "folder": str(plugin.folder)}
        rows.append(row | ({"parameters": card.parameters, "scores": card.scores} if card else {}))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        note = "" if row["trained"] else "  (not trained: speaks from letter counts)"
        print(f"{row['name']:<12} {row['summary']}{note}")


@app.command(name="corpora")
def list_corpora(as_json: Json = False) -> None:
    """List the texts that the styles learn from, their licences, and whether they are here already."""
    settings, registry = at_hand()
    rows = []
    for name, plugin in sorted(registry.plugins.items()):
        spec = plugin.manifest.corpus
        place = settings.places.cached(spec) if spec.remote else plugin.folder / spec.file
        rows.append(
            {"style": name, "title": spec.title, "licence": spec.licence, "here": place.exists(), "path": str(place)}
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print(f"{row['style']:<12} {row['title'] or row['path']}")
        print(f"{'':<12} {row['licence']}; {'here' if row['here'] else 'not fetched'}")


@app.command()
def fetch(styles: Annotated[list[str], typer.Argument(help="styles' names", autocompletion=style_names)]) -> None:
    """Download and verify the texts of styles, so that they can be trained and measured."""
    settings, registry = at_hand()
    for plugin in [registry.get(name) for name in styles]:
        corpus = plugin.text(settings.places, sys.stderr.isatty())
        sizes = ", ".join(f"{len(getattr(corpus, part)):,} {part}" for part in ("train", "validation", "test"))
        print(f"{plugin.name}: {sizes} characters, digest {corpus.digest[:16]}")


@app.command()
def train(
    styles: Annotated[
        list[str] | None,
        typer.Argument(help="styles' names, trained in this order; or text files", autocompletion=style_names),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="train all styles that come with apocrypha")] = False,
    minutes: Annotated[float | None, typer.Option(help="fit the whole schedule into this time on this machine")] = None,
    epochs: Annotated[float | None, typer.Option(help="passes over the training text")] = None,
    kind: Annotated[str | None, typer.Option(help="lstm, gru or rnn")] = None,
    layers: Annotated[int | None, typer.Option(help="1 to 4")] = None,
    units: Annotated[int | None, typer.Option(help="hidden units of each layer")] = None,
    dropout: Annotated[float | None, typer.Option(help="between layers and before the output")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="the highest rate of the schedule")] = None,
    batch: Annotated[int | None, typer.Option(help="parallel streams of text")] = None,
    seed: Annotated[int | None, typer.Option(help="of first weights, dropout and order")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, fp32, bf16 or fp16")] = None,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from-style",
            metavar="STYLE",
            help="begin with the weights of this trained style, or of none; little text does so by itself",
        ),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="the model folder to write; by default your own, in APOCRYPHA_HOME")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="start anew where a run was interrupted, or its model is there")] = False,
) -> None:
    """Train styles' models; interrupted, the same command goes on where it was. Needs the `train` extra (torch).

    What neither a style nor an option says, as the size of the network, is fitted to the text, the time and this
    machine. A text file becomes a style of its name first.
    """
    from bot import newcomer, workbench
    from bot.plans import Orders
    from corpora.errors import UserError

    settings, registry = at_hand()
    named = [newcomer.find(settings, registry, style, say) for style in styles or []]
    plugins = registry.bundled if everything else named
    if not plugins or (everything and styles) or (into and len(plugins) > 1):
        raise UserError("Name the styles to train, or give --all; --into FOLDER takes the model of one style.")
    orders = Orders(
        model={"kind": kind, "layers": layers, "units": units, "dropout": dropout},
        training={"minutes": minutes, "epochs": epochs, "learning_rate": learning_rate, "batch": batch, "seed": seed}
        | {"device": device, "precision": precision},
        begin=registry.get(begin) if begin and begin != "none" else None,
        alone=begin == "none",
        voices=registry.bundled,
        into=into,
        fresh=fresh,
    )
    for plugin in plugins:
        workbench.train(settings, plugin, orders, say)


@app.command()
def evaluate(
    style: Annotated[
        str | None, typer.Argument(help="a style's name", autocompletion=style_names, show_default=False)
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=0, max=10_000, help="judge this many texts too; 200 with --all")
    ] = None,
    adapt: Adapt = None,
    everything: Annotated[bool, typer.Option("--all", help="write the page of all trained voices")] = False,
    into: Annotated[Path, typer.Option(help="the folder that --all writes voices.md into")] = Path("docs"),
    as_json: Json = False,
) -> None:
    """Measure a style's model on held-out text, beside the best n-gram model, and judge what it writes."""
    from bot import measure
    from corpora.errors import UserError

    settings, registry = at_hand()
    if bool(style) == everything:
        raise UserError("Name the style to measure, or give --all.")
    with _engine(settings, registry) as engine:
        if style is None:
            from bot import voices

            voices.write(engine, registry.bundled, settings, into, 200 if samples is None else samples, say)
            return
        voice = engine.voice(style)
        text = voice.plugin.text(settings.places)
        report = measure.evaluate(voice, text, settings, say, adapt or 0.0)
        if samples:
            report |= measure.judge(engine, voice, text, settings, samples)
    if as_json:
        print_json(report)
        return
    _print_fields(report)


@app.command()
def bench(
    style: Style = "bible",
    seconds: Annotated[float, typer.Option(min=1, help="how long 64 clients come and go")] = 60,
    as_json: Json = False,
) -> None:
    """Time a voice beside the same weights in PyTorch and ONNX Runtime, and under load. Needs the `train` extra."""
    from bot import bench

    settings, registry = at_hand()
    with _engine(settings, registry) as engine:
        report = bench.bench(engine, style, settings, say, seconds)
    if as_json:
        print_json(report)
        return
    for part, figures in report.items():
        if isinstance(figures, dict):
            print(part.replace("_", " "))
            _print_fields(figures)


for verb in (new, check, package, install, uninstall, show):
    app.command()(verb)
app.command()(sweep)
app.command()(inspect)
app.command()(post)
app.command()(run)
app.command()(status)
app.command()(serve)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="show the version")] = False) -> None:
    """Show the version where it is asked for."""
    if version:
        from importlib import metadata

        print(metadata.version("apocrypha"))
        raise typer.Exit
