"""What several verbs take, and how they tell what is not a result."""

import json
import sys
from typing import Annotated, Any

import typer

from corpora.errors import UserError


def style_names(incomplete: str) -> list[str]:
    """Complete the name of a style."""
    from bot import settings
    from generators import registry

    return [name for name in registry.find(settings.load().plugins).plugins if name.startswith(incomplete)]


def say(line: str) -> None:
    """Print what is not a result."""
    print(line, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a result for scripts."""
    print(json.dumps(value, ensure_ascii=False, indent=1))


def parse_blend(text: str) -> tuple[str, float]:
    """Read another style and its part; raise UserError where it is no such thing."""
    style, _, weight = text.partition("=")
    try:
        return style, float(weight)
    except ValueError as error:
        raise UserError(f"--blend takes a style and its part, as code=0.3, not '{text}'.") from error


Style = Annotated[str, typer.Argument(help="a style's name; `apocrypha list` shows them", autocompletion=style_names)]
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
Blend = Annotated[str | None, typer.Option(metavar="STYLE=W", help="give another style the part W in it")]
