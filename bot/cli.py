"""The verbs. Each parses, calls one thing and prints: results on stdout, everything else on stderr.

Heavy parts (ONNX Runtime, torch) are imported inside the verb that needs them, so that `--help` is instant.
"""

import json
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.bot_verbs import post, run
from bot.post_verbs import posts
from bot.schedule_verbs import schedule
from bot.study import study

if TYPE_CHECKING:
    from bot.settings import Settings
    from generators.engine import Engine
    from generators.plugin import Plugin
    from generators.registry import Registry
    from generators.voice import Voice

app = typer.Typer(
    help="Text that was never written: small networks, each trained on one body of text, speak in its voice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(study, name="study")
app.add_typer(posts, name="posts")
app.add_typer(schedule, name="schedule")


def _settings() -> "Settings":
    from bot import settings

    return settings.load()


def _registry(settings: "Settings") -> "Registry":
    from generators import registry

    found = registry.find(settings.plugins)
    for line in found.broken.values():
        _say(line)
    return found


def _engine(settings: "Settings", registry: "Registry") -> "Engine":
    from generators.engine import Engine

    return Engine(lambda style: _open(settings, registry.get(style)), megabytes=settings.memory)


def _open(settings: "Settings", plugin: "Plugin") -> "Voice":
    from generators.voice import open_voice

    return open_voice(plugin, settings.models, settings.cache, settings.places, settings.cores)


def _say(line: str) -> None:
    """Print what is not a result."""
    print(line, file=sys.stderr, flush=True)


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1))


def _print_fields(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        shown = f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
        print(f"{name.replace('_', ' '):<28}{shown}")


def _style_names(incomplete: str) -> list[str]:
    from generators import registry

    return [name for name in registry.find(_settings().plugins).plugins if name.startswith(incomplete)]


Style = Annotated[str, typer.Argument(help="a style's name; `apocrypha list` shows them", autocompletion=_style_names)]
Json = Annotated[bool, typer.Option("--json", help="print one JSON value instead of text")]
Seed = Annotated[int | None, typer.Option(min=0, help="the same seed and options give the same text")]
Length = Annotated[int | None, typer.Option(min=1, max=100_000, help="the most characters of a text")]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", "-t", help="0 is the likeliest text, 1 the model's own chances, up to 5"),
]

Adapt = Annotated[
    float | None,
    typer.Option(min=0, max=0.99, help="let recent text count: the part that a thing said once has, as 0.1"),
]


@app.command()
def chat(style: Style = "bible", temperature: Temperature = None, seed: Seed = None, length: Length = None) -> None:
    """Talk to a voice in the terminal."""
    from bot.chat import terminal
    from bot.conversation import Conversation, Options

    settings = _settings()
    registry = _registry(settings)
    with _engine(settings, registry) as engine:
        conversation = Conversation(
            engine,
            draw_seed=lambda: secrets.randbelow(2**31),
            notify=lambda line: _say(f"({line})"),
            style=style,
            options=Options(temperature, seed, length),
        )
        if sys.stdin.isatty():
            plugin = conversation.voice.plugin
            _say(f"{plugin.name}: {plugin.manifest.summary}. /help shows what you can do.")
            if plugin.manifest.examples:
                _say("Try: " + "  |  ".join(plugin.manifest.examples))
        terminal.chat(conversation, terminal.prompt_lines(settings.history, list(registry.plugins)), sys.stdout)


@app.command()
def sample(
    style: Style,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="how many texts")] = 1,
    seed: Seed = None,
    temperature: Temperature = None,
    top_k: Annotated[int | None, typer.Option(help="draw among the k likeliest characters")] = None,
    top_p: Annotated[float | None, typer.Option(help="among the fewest that have this probability together")] = None,
    min_p: Annotated[float | None, typer.Option(help="among those this likely relative to the likeliest")] = None,
    repetition: Annotated[float | None, typer.Option(help="over 1: use characters just used less")] = None,
    prefix: Annotated[str, typer.Option(help="begin the text with these words")] = "",
    message: Annotated[str, typer.Option(help="let the text answer these words")] = "",
    stop: Annotated[str | None, typer.Option(help="end the text before this; '' for length only")] = None,
    length: Length = None,
    blend: Annotated[str | None, typer.Option(metavar="STYLE=W", help="give another style the part W in it")] = None,
    adapt: Adapt = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="draw each text too, into FOLDER/STYLE-SEED.png")
    ] = None,
    grammar: Annotated[bool | None, typer.Option("--grammar/--no-grammar", help="keep to the style's form")] = None,
    as_json: Json = False,
) -> None:
    """Write texts in a style, the i-th with seed + i; an unset seed is drawn and shown."""
    from generators.generator import Generator

    settings = _settings()
    with _engine(settings, _registry(settings)) as engine:
        voice = engine.voice(style)
        if seed is None:
            seed = secrets.randbelow(2**31)
            _say(f"(--seed {seed})")
        for text, what in ((prefix, "--prefix"), (message, "--message")):
            if strangers := voice.left_out(text):
                _say(f"({what}: {style} has never seen {strangers[:24]!r}; left out)")
        sampling = voice.sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repetition=repetition)
        fields = {"prefix": prefix, "message": message, "stop": stop, "length": length}
        mixed = {"blend": _parse_blend(blend) if blend else None, "adapt": adapt, "grammar": grammar}
        requests = [voice.request(sampling, seed + i, **fields, **mixed) for i in range(count)]
        texts = Generator(engine, style).texts(requests)
        rows = []
        for text, request in zip(texts, requests, strict=True):
            rows.append({"text": text, "seed": request.seed})
            if not as_json:
                print(text, flush=True)
            if pictures:
                rows[-1] |= _draw(voice.plugin, text, pictures / f"{style}-{request.seed}.png")
        if as_json:
            _print_json({"style": style, "model": voice.digest, "trained": voice.trained, "texts": rows})


def _draw(plugin: "Plugin", text: str, path: Path) -> dict[str, str]:
    """Write the picture of a text; return where it is and what is said to those who cannot see it."""
    from corpora.errors import UserError
    from generators.pictures.drawing import draw

    try:
        picture = draw(plugin, text)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.png)
    except UserError as error:
        _say(f"(no picture: {error})")
        return {}
    except OSError as error:
        raise UserError(f"{path}: the picture could not be written ({error.strerror}).") from error
    _say(f"({path})")
    return {"picture": str(path), "alt": picture.alt}


def _parse_blend(text: str) -> tuple[str, float]:
    """Read STYLE=W; raise UserError where it is something else."""
    from corpora.errors import UserError

    style, _, weight = text.partition("=")
    try:
        return style, float(weight)
    except ValueError as error:
        raise UserError(f"--blend takes a style and its part, as code=0.3, not '{text}'.") from error


@app.command(name="list")
def list_styles(as_json: Json = False) -> None:
    """List the styles that can be spoken."""
    from training.checkpoint import read_card

    settings = _settings()
    rows = []
    for name, plugin in sorted(_registry(settings).plugins.items()):
        folder = plugin.trained_folder(settings.models)
        row: dict[str, Any] = {"name": name, "summary": plugin.manifest.summary, "origin": plugin.origin}
        card = read_card(folder) if folder else None
        row |= {"trained": card is not None, "folder": str(plugin.folder)}
        rows.append(row | ({"parameters": card.parameters, "scores": card.scores} if card else {}))
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        note = "" if row["trained"] else "  (not trained: speaks from letter counts)"
        print(f"{row['name']:<12} {row['summary']}{note}")


@app.command(name="corpora")
def list_corpora(as_json: Json = False) -> None:
    """List the texts that the styles learn from, their licences, and whether they are here already."""
    settings = _settings()
    rows = []
    for name, plugin in sorted(_registry(settings).plugins.items()):
        spec = plugin.manifest.corpus
        place = settings.places.cached(spec) if spec.remote else plugin.folder / spec.file
        rows.append(
            {"style": name, "title": spec.title, "licence": spec.licence, "here": place.exists(), "path": str(place)}
        )
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        print(f"{row['style']:<12} {row['title'] or row['path']}")
        print(f"{'':<12} {row['licence']}; {'here' if row['here'] else 'not fetched'}")


@app.command()
def fetch(styles: Annotated[list[str], typer.Argument(help="styles' names", autocompletion=_style_names)]) -> None:
    """Download and verify the texts of styles, so that they can be trained and measured."""
    settings = _settings()
    registry = _registry(settings)
    for plugin in [registry.get(name) for name in styles]:
        corpus = plugin.text(settings.places, sys.stderr.isatty())
        sizes = ", ".join(f"{len(getattr(corpus, part)):,} {part}" for part in ("train", "validation", "test"))
        print(f"{plugin.name}: {sizes} characters, digest {corpus.digest[:16]}")


@app.command()
def train(
    styles: Annotated[
        list[str] | None, typer.Argument(help="styles' names, trained in this order", autocompletion=_style_names)
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
        str | None, typer.Option("--from-style", metavar="STYLE", help="begin with the weights of this trained style")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="the model folder to write; by default your own, in APOCRYPHA_HOME")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="start anew where a run was interrupted, or its model is there")] = False,
) -> None:
    """Train styles' models; interrupted, the same command goes on where it was. Needs the `train` extra (torch)."""
    from bot import workbench
    from corpora.errors import UserError

    settings = _settings()
    registry = _registry(settings)
    plugins = registry.bundled if everything else [registry.get(name) for name in styles or []]
    if not plugins or (everything and styles) or (into and len(plugins) > 1):
        raise UserError("Name the styles to train, or give --all; --into FOLDER takes the model of one style.")
    orders = workbench.Orders(
        model={"kind": kind, "layers": layers, "units": units, "dropout": dropout},
        training={"minutes": minutes, "epochs": epochs, "learning_rate": learning_rate, "batch": batch, "seed": seed}
        | {"device": device, "precision": precision},
        begin=registry.get(begin) if begin else None,
        into=into,
        fresh=fresh,
    )
    for plugin in plugins:
        workbench.train(settings, plugin, orders, _say)


@app.command()
def evaluate(
    style: Annotated[
        str | None, typer.Argument(help="a style's name", autocompletion=_style_names, show_default=False)
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

    settings = _settings()
    registry = _registry(settings)
    if bool(style) == everything:
        raise UserError("Name the style to measure, or give --all.")
    with _engine(settings, registry) as engine:
        if style is None:
            from bot import voices

            voices.write(engine, registry.bundled, settings, into, 200 if samples is None else samples, _say)
            return
        voice = engine.voice(style)
        text = voice.plugin.text(settings.places)
        report = measure.evaluate(voice, text, settings, _say, adapt or 0.0)
        if samples:
            report |= measure.judge(engine, voice, text, settings, samples)
    if as_json:
        _print_json(report)
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

    settings = _settings()
    with _engine(settings, _registry(settings)) as engine:
        report = bench.bench(engine, style, settings, _say, seconds)
    if as_json:
        _print_json(report)
        return
    for part, figures in report.items():
        if isinstance(figures, dict):
            print(part.replace("_", " "))
            _print_fields(figures)


app.command()(post)
app.command()(run)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="show the version")] = False) -> None:
    """Show the version where it is asked for."""
    if version:
        from importlib import metadata

        print(metadata.version("apocrypha"))
        raise typer.Exit
