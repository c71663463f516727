"""The verbs below `study`: what the networks learned, measured. Needs the `train` extra (torch)."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.chat_verbs import answering
from bot.looking_verbs import looking
from bot.study_verbs import about, numbers
from bot.trials import notice

study = typer.Typer(
    help="Measure what helps and what was learned. Needs the `train` extra (torch).", no_args_is_help=True
)
study.add_typer(numbers)
study.add_typer(looking)
study.add_typer(answering)


@study.command()
def tricks(
    style: Annotated[str, typer.Argument(help="the style whose text is learned")] = "novel",
    store: Annotated[Path, typer.Option(help="the file of records; what is in it is not done again")] = Path(
        "docs/study/tricks.json"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="print the records")] = False,
) -> None:
    """Train small networks that differ in one thing each, and show what each thing gains on validation text."""
    from bot import settings as all_settings
    from generators import registry
    from training import device, sweep
    from training.tricks import SAID, text, trials

    settings = all_settings.load()
    device.prepare_processor(settings.threads)
    corpus = text(registry.find(settings.plugins).get(style).text(settings.places))
    store.parent.mkdir(parents=True, exist_ok=True)
    tasks = [sweep.Task(trial, corpus, settings.runs / "study" / "tricks") for trial in trials()]
    made = sweep.run(tasks, store, sweep.Orders(notice), about=about())
    found = {record["options"]["name"]: record for record in made}
    records = [found[task.trial.name] for task in tasks]
    if as_json:
        print(json.dumps(records, indent=1))
        return
    plain = records[0]["validation"]
    for record in records:
        name = record["options"]["name"]
        print(f"{record['validation']:.4f} nats  {record['validation'] - plain:+.4f}  {SAID[name]}")


@study.command()
def novices(
    text: Annotated[str, typer.Argument(help="a style's name, or a text file")] = "speeches",
    sizes: Annotated[
        list[int] | None, typer.Option("--characters", min=2000, help="of a piece from its middle; may be given again")
    ] = None,
    minutes: Annotated[list[float] | None, typer.Option(min=0, help="to learn it; may be given again; 10")] = None,
    store: Annotated[Path, typer.Option(help="the file of records")] = Path("docs/study/novices.json"),
    as_json: Annotated[bool, typer.Option("--json", help="print the records")] = False,
) -> None:
    """Learn a text, or pieces of it, as `train FILE --minutes` does it, and measure the last tenth, held out.

    A small piece is learned with the weights of another voice at first, as is usual, and without them.
    """
    from bot.arguments import say
    from bot.novices import learned, told
    from bot.records import keep
    from bot.surroundings import at_hand
    from bot.texts import text_of

    settings, registry = at_hand()
    others = [voice for voice in registry.bundled if voice.name != text]
    made = []
    for record in learned(settings, text_of(settings, registry, text), sizes or [], minutes or [10.0], others, say):
        made.append(record)
        keep(store, record, "name", say)
        if not as_json:
            print(told(record), flush=True)
    if as_json:
        print(json.dumps(made, indent=1))
