"""The verbs below `corpus`: what there is to know of a text before anything learns from it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.arguments import Json, say
from bot.surroundings import at_hand
from corpora.errors import UserError
from corpora.survey import RARE

if TYPE_CHECKING:
    from corpora.corpus import Corpus
    from corpora.statistics import Statistics

SHOWN = 60  # characters of a text that is named
FEW = 3  # texts that are named
LYING = 0.02  # the leaked part of the held-out text from which on it is said what follows

corpus = typer.Typer(no_args_is_help=True, help="Look at a text: size, alphabet, doubles, what leaks across the split.")


@corpus.callback()
def _verbs() -> None:
    """Keep `stats` a verb of its own, though it is the only one."""


@corpus.command()
def stats(
    what: Annotated[str, typer.Argument(metavar="NAME", help="a style's name, or a text file")],
    picture: Annotated[
        Path | None, typer.Option(help="draw how long its lines and texts are into this file, .png or .svg")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what there is to know of a text, and where scores on it would lie."""
    from bot.texts import text_of
    from corpora.statistics import Statistics

    text = text_of(*at_hand(), what)
    found = Statistics.of(text)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False, indent=1))
    else:
        print("\n".join(f"{name:<12}{said}" for name, said in _told(text.title, found).items()))
    if picture:
        _draw(picture, text, found)


def _told(title: str, found: "Statistics") -> dict[str, str]:
    """Return a line for each thing."""
    seen, parts = found.seen, found.parts
    told = {
        "text": title,
        "size": f"{seen.characters:,} characters ({found.size:,} bytes in UTF-8), {found.words:,} words",
        "parts": ", ".join(f"{count:,} {name}" for name, count in parts.items()),
        "language": found.language or "like none known here",
        "alphabet": f"{len(seen.alphabet):,} characters: {_shown(seen.alphabet)}",
        "rare": f"{len(seen.rare):,} seen fewer than {RARE} times{': ' + _shown(seen.rare) if seen.rare else ''}",
        "lines": f"of {found.lines.median:,g} characters; 19 of 20 have at most {found.lines.most:,}, "
        f"the longest {found.lines.longest:,}",
        "texts": f"{seen.unit.count:,} {seen.unit.name}, of {found.texts.median:,g} characters; 19 of 20 have at most "
        f"{found.texts.most:,}, the longest {found.texts.longest:,}"
        if seen.unit.stop
        else "nothing parts them",
        "doubles": f"{len(found.doubles):,} texts stand there more than once"
        + "".join(f"\n{'':<12}{count:,} times: {_shown(text)}" for text, count in list(found.doubles.items())[:FEW]),
        "held out": f"{len(found.leaks):,} of {found.held_out:,} texts nearly stand in the training part too, "
        f"{found.leaked:.1%} of the characters",
    }
    told["held out"] += "".join(f"\n{'':<12}{leak.part:.0%} of: {_shown(leak.text)}" for leak in found.leaks[:FEW])
    if found.leaked >= LYING:
        told[""] = "so losses on held-out text flatter; where these are copies, take them out (by hand, or in `clean`)"
    return told


def _shown(text: str) -> str:
    """Return a text, or its beginning, on one line, with what cannot be seen written out."""
    quoted = json.dumps(text[:SHOWN], ensure_ascii=False)
    return quoted + (" ..." if len(text) > SHOWN else "")


def _draw(path: Path, text: "Corpus", found: "Statistics") -> None:
    try:
        from corpora import histogram
    except ModuleNotFoundError as error:
        raise UserError(f"A picture needs {error.name}: `make train` installs it (pip install '.[train]').") from error
    from corpora.survey import texts

    whole = text.train + text.validation + text.test
    pieces = {"line": whole.splitlines()} | ({"text": texts(whole, found.seen.unit)} if found.seen.unit.stop else {})
    histogram.draw(path, f"{text.title}: {found.seen.characters:,} characters", pieces)
    say(f"({path})")
