"""The verbs that write texts and make them again: `chat`, `sample`, `verify`; and how answers are chosen."""

import json
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.arguments import Adapt, Blend, Json, Length, Seed, Style, Temperature, parse_blend, print_json, say
from bot.surroundings import at_hand
from corpora.errors import UserError

if TYPE_CHECKING:
    from generators.plugin import Plugin

answering = typer.Typer()


def chat(
    style: Style = "bible",
    temperature: Temperature = None,
    seed: Seed = None,
    length: Length = None,
    blend: Blend = None,
    adapt: Adapt = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, max=64, help="choose each answer among so many; 1 is shown as it is written")
    ] = None,
    persona: Annotated[str | None, typer.Option(help="a voice with a manner; /persona in the chat shows them")] = None,
) -> None:
    """Talk to a voice in the terminal."""
    from bot.chat import terminal
    from bot.conversation import Conversation
    from bot.speaking import open_engine

    settings, registry = at_hand()
    mixed = parse_blend(blend) if blend else None
    options: dict[str, Any] = {"temperature": temperature, "seed": seed, "length": length, "candidates": candidates}
    options |= {"blend": mixed, "adapt": adapt, "persona": persona}
    with open_engine(settings, registry) as engine:
        conversation = Conversation(
            engine,
            draw_seed=lambda: secrets.randbelow(2**31),
            notify=lambda line: say(f"({line})"),
            style=style,
            personas=settings.cast,
        )
        conversation.set(**{name: value for name, value in options.items() if value is not None})
        if sys.stdin.isatty():
            plugin = conversation.voice.plugin
            say(f"{plugin.name}: {plugin.manifest.summary}. /help shows what you can do.")
            if plugin.manifest.examples:
                say("Try: " + "  |  ".join(plugin.manifest.examples))
        ask = terminal.prompt_lines(settings.history, list(registry.plugins), list(settings.cast))
        terminal.chat(conversation, ask, sys.stdout)


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
    blend: Blend = None,
    adapt: Adapt = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="draw each text too, into FOLDER/STYLE-SEED.png")
    ] = None,
    grammar: Annotated[bool | None, typer.Option("--grammar/--no-grammar", help="keep to the style's form")] = None,
    receipts: Annotated[bool, typer.Option("--receipts", help="show each text's receipt, for `verify`")] = False,
    as_json: Json = False,
) -> None:
    """Write texts in a style, the i-th with seed + i; an unset seed is drawn and shown."""
    from bot.speaking import open_engine
    from generators.generator import Generator
    from generators.receipt import Receipt, digest

    with open_engine(*at_hand()) as engine:
        mixed = parse_blend(blend) if blend else None
        voice = engine.voice(style, mixed)
        if seed is None:
            seed = secrets.randbelow(2**31)
            say(f"(--seed {seed})")
        for text, what in ((prefix, "--prefix"), (message, "--message")):
            if strangers := voice.left_out(text):
                say(f"({what}: {style} has never seen {strangers[:24]!r}; left out)")
        sampling = voice.sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repetition=repetition)
        fields: dict[str, Any] = {"prefix": prefix, "message": message, "stop": stop, "length": length}
        fields |= {"blend": mixed, "adapt": adapt, "grammar": grammar}
        requests = [voice.request(sampling, seed + i, **fields) for i in range(count)]
        rows = []
        for text, request in zip(Generator(engine, style).texts(requests), requests, strict=True):
            receipt = str(Receipt(request=request, model=voice.digest, digest=digest(text)))
            rows.append({"text": text, "seed": request.seed, "receipt": receipt})
            if not as_json:
                print(text, flush=True)
            if receipts:
                say(f"({receipt})")
            if pictures:
                rows[-1] |= _draw(voice.plugin, text, pictures / f"{style}-{request.seed}.png")
        if as_json:
            print_json({"style": style, "model": voice.digest, "trained": voice.trained, "texts": rows})


def verify(
    receipt: Annotated[str, typer.Argument(help="a receipt, or - to read one, or a post's JSON, from stdin")],
    as_json: Json = False,
) -> None:
    """Make the text of a receipt again, and say whether it is the same, byte for byte."""
    from bot.speaking import open_engine
    from generators.receipt import Receipt, digest, remade

    read = Receipt.read(sys.stdin.read() if receipt == "-" else receipt)
    with open_engine(*at_hand()) as engine:
        text = remade(engine, read)
    same = digest(text) == read.digest if read.digest else None
    if as_json:
        print_json({"text": text, "same": same, "receipt": read.model_dump(mode="json")})
    else:
        print(text)
    if same is False:
        raise UserError("This is another text than the one of the receipt: it was changed, or made on other hardware.")
    told = "the same text, byte for byte" if same else "the receipt does not say what the text was: compare it yourself"
    say(f"({told}; {read.summary})")


@answering.command()
def replies(
    styles: Annotated[list[str] | None, typer.Argument(help="styles' names; all that are trained by default")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=20, help="questions")] = 200,
    store: Annotated[Path, typer.Option(help="the file of the record")] = Path("docs/study/replies.json"),
    as_json: Json = False,
) -> None:
    """Ask voices the questions of their held-out texts, and tell how often the true reply is known among ten."""
    from bot.replies import study
    from bot.speaking import open_engine

    settings, registry = at_hand()
    trained = [plugin.name for plugin in registry.bundled if plugin.trained_folder(settings.models)]
    plugins = [registry.get(name) for name in styles or trained]
    with open_engine(settings, registry) as engine:
        texts = {plugin.name: plugin.text(settings.places, sys.stderr.isatty()) for plugin in plugins}
        record = study(engine, texts, count, say)
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if as_json:
        print_json(record)
        return
    print(f"chance: {1 / record['among']:.0%}")
    for row in record["scores"]:
        low, high = row["interval"]
        parts = ", ".join(f"{style} {part['rate']:.1%}" for style, part in row["of"].items())
        print(f"{row['score']}: {row['rate']:.1%} ({low:.1%} to {high:.1%}; {parts})")
    for row in record["answers"]:
        print(f"{row['style']}, of {row['candidates']}: {row['taken_up']:.1%} take up a word of the question")


def _draw(plugin: "Plugin", text: str, path: Path) -> dict[str, str]:
    """Write the picture of a text; return where it is and what is said to those who cannot see it."""
    from generators.pictures.drawing import draw

    try:
        picture = draw(plugin, text)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.png)
    except UserError as error:
        say(f"(no picture: {error})")
        return {}
    except OSError as error:
        raise UserError(f"{path}: the picture could not be written ({error.strerror}).") from error
    say(f"({path})")
    return {"picture": str(path), "alt": picture.alt}
