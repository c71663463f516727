"""The verbs that make, check, pack, take in and let go of plugins."""

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.arguments import Json, Style, say
from bot.surroundings import at_hand

if TYPE_CHECKING:
    from bot.settings import Settings
    from generators.plugin import Plugin


def new(
    name: Annotated[str, typer.Argument(help="what it shall be called: small letters, digits, hyphens")],
    file: Annotated[Path, typer.Option("--from", metavar="FILE", help="a text in any encoding")],
    licence: Annotated[str, typer.Option(help="the licence of the text, as it shall be shown")] = "",
    encoding: Annotated[str, typer.Option(help="the text's encoding; by default it is found out")] = "",
    package: Annotated[bool, typer.Option("--package", help="make a project here that pip can install")] = False,
) -> None:
    """Make a voice of a text: look at it, propose settings and say why. It speaks at once."""
    from bot import newcomer

    settings, registry = at_hand()
    made = newcomer.add(settings, registry, file, say, name, licence, encoding, Path.cwd() if package else None)
    print((made.folder / "plugin.toml").read_text(encoding="utf-8"), end="")
    say(f"\n{made.folder.resolve()}: this is its plugin.toml; change what you like.")
    say(f"It speaks from letter counts: `apocrypha chat {name}`. It learns: `apocrypha train {name}`.")


def check(
    name: Style,
    allow: Annotated[
        str | None, typer.Option(metavar="WHY", help="let it post whatever the card says; '' takes that back")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the score card of a voice: what it must pass before it may post. Ends with status 1 where it does not."""
    from bot.cards import Cards
    from bot.speaking import open_engine

    settings, registry = at_hand()
    registry.get(name)
    cards = Cards(settings)
    if allow is not None:
        cards.allow(name, getpass.getuser(), datetime.now(UTC).isoformat(timespec="seconds"), allow)
    with open_engine(settings, registry) as engine:
        card = cards.card(engine, name, anew=True)
    allowed = cards.allowed(name)
    if as_json:
        print(json.dumps(card.model_dump() | {"passed": not card.failed, "allowed": allowed}, indent=1))
    else:
        print(card)
        print(f"\n{name} {'may post' if not card.failed else 'may chat but not post'}.")
        if allowed:
            print(f"{allowed['by']} allowed it to post all the same, {allowed['at']}: {allowed['why']}")
    if card.failed and not allowed:
        raise typer.Exit(1)


def package(
    name: Style,
    into: Annotated[Path, typer.Option(help="the folder that the wheel is written into")] = Path("dist"),
    version: Annotated[str, typer.Option(help="of a plugin that is no project of its own")] = "0.1.0",
    with_text: Annotated[bool, typer.Option("--with-text", help="pack the text too")] = False,
) -> None:
    """Pack a voice with its trained model into a wheel, which others install. Its text is left out."""
    from generators import distribution

    settings, registry = at_hand()
    wheel = distribution.build(registry.get(name), settings.models, into, version, with_text)
    print(wheel)
    say(f"{wheel.stat().st_size / 1e6:.1f} MB. Install it: `apocrypha install {wheel}`")


def install(
    what: Annotated[
        str, typer.Argument(help="a wheel, a plugin's folder, a project, or a name from the package index")
    ],
) -> None:
    """Install plugins."""
    from bot import distributions

    settings, _ = at_hand()
    for found in distributions.install(settings, what):
        print(f"{found.name}  {found.manifest.summary}")
        say(f"from {found.origin}: {found.folder}. Before it posts: `apocrypha check {found.name}`.")


def uninstall(name: Style) -> None:
    """Let a plugin go. Your own folder is moved away, not deleted."""
    from bot import distributions

    settings, registry = at_hand()
    print(f"{name}: {distributions.uninstall(settings, registry.get(name))}")


def show(name: Style, as_json: Json = False) -> None:
    """Show what is known of a voice: whose text, which model, how well, and whether it may post."""
    settings, registry = at_hand()
    facts = _facts(settings, registry.get(name))
    if as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    for key, value in facts.items():
        if value not in ("", None, [], {}):
            print(f"{key.replace('_', ' '):<16}{value}")


def _facts(settings: "Settings", found: "Plugin") -> dict[str, Any]:
    from bot.cards import Cards
    from generators.plugin import OURS
    from training.checkpoint import read_card

    place = found.trained_folder(settings.models)
    model = read_card(place) if place else None
    manifest, cards = found.manifest, Cards(settings)
    failed = cards.told(found.name)
    return {
        "name": found.name,
        "summary": manifest.summary,
        "origin": found.origin,
        "folder": str(found.folder),
        "text": manifest.corpus.title,
        "licence": manifest.corpus.licence,
        "model": str(place or "none: it speaks from letter counts"),
        "network": f"{model.model.layers} x {model.model.units} {model.model.kind}" if model else "",
        "parameters": model.parameters if model else 0,
        "scores": model.scores if model else {},
        "begun_from": model.run.get("begun", {}).get("title", "") if model else "",
        "allowed": cards.allowed(found.name),
        "card": "comes with apocrypha" if found.origin == OURS else failed,
    }
