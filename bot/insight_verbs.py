"""The verb `inspect`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import records
from corpora.errors import UserError

if TYPE_CHECKING:
    from bot.insight import Subject
    from training.insight.cells import Finding


def inspect(
    style: Annotated[str, typer.Argument(help="the style whose text is read, and whose network unless --model")],
    model: Annotated[Path | None, typer.Option(help="the model folder of another network")] = None,
    text: Annotated[Path | None, typer.Option(help="a text file, in the place of the held-out text")] = None,
    feature: Annotated[list[str] | None, typer.Option(help="look for the cells of this; repeatable")] = None,
    cell: Annotated[str | None, typer.Option(metavar="LAYER:UNIT", help="show this cell, whatever it does")] = None,
    html: Annotated[Path | None, typer.Option(help="write a page to walk about in")] = None,
    png: Annotated[Path | None, typer.Option(help="write the picture that the terminal shows")] = None,
    length: Annotated[int, typer.Option(min=1, max=20_000, help="characters of the page; pictures show 800")] = 2000,
    characters: Annotated[int, typer.Option(min=200, help="read to find cells, and as many to score them")] = 20_000,
    light: Annotated[bool, typer.Option("--light/--dark", help="the colours of picture and terminal")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON value instead of text")] = False,
) -> None:
    """Find the cells of a network that know where they are in a text: in quotation marks, in a comment, in a line."""
    from rich.console import Console

    from bot import insight
    from training.insight import inspection as looking
    from training.insight.cells import Cell

    subject = _subject(style, model, text, characters)
    features = insight.features(subject, feature or [])
    inspection = looking.inspect(subject.model, subject.chosen, subject.scored, features)
    _refuse_missing(feature or [], inspection.findings)
    best = max(inspection.findings, key=lambda finding: finding.margin, default=None)
    first = looking.parse_cell(cell or str(best.best if best else Cell(0, 0)), subject.model)
    number = first.number(subject.model.card.model.units)
    caption = insight.caption(style, first, None if cell else best)
    of = next((each for each in features if best and each.name == best.feature), None)
    piece, theme = insight.shown(inspection, of), _theme(light)
    if png:
        records.write(png, insight.as_picture(piece, number, theme, caption).png, _say)
    if html:
        page = insight.as_page(subject, inspection, insight.shown(inspection, of, length, lines=length), number)
        records.write(html, page.encode(), _say)
    if as_json:
        print(json.dumps([asdict(finding) for finding in inspection.findings], indent=1))
    else:
        print(insight.table(inspection.findings) if best else "No feature comes often enough in so short a text.")
        console = Console(highlight=False)
        colours = console.color_system is not None and not console.no_color
        console.print(f"\n{caption}")
        console.print(insight.in_terminal(piece, number, theme, colours), soft_wrap=True)


def _subject(style: str, folder: Path | None, text: Path | None, characters: int) -> "Subject":
    from bot import insight
    from bot import settings as all_settings
    from generators import registry

    settings = all_settings.load()
    return insight.subject(settings, registry.find(settings.plugins).get(style), folder, text, characters, _say)


def _refuse_missing(asked: list[str], found: "tuple[Finding, ...]") -> None:
    """Raise UserError where a feature was asked for and the text has too little of it."""
    if missing := [name for name in asked if name not in {finding.feature for finding in found}]:
        raise UserError(f"feature {missing[0]}: it comes too seldom in this text to be looked for. Give more of it.")


def _theme(light: bool) -> Any:
    return "light" if light else "dark"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
