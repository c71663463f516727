"""The report: its text is written by hand (report.md), its tables and figures come from the stored records."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from training.study import figures, table, tables
from training.study.laboratory import Laboratory
from training.study.tables import Row
from training.study.variants import summary

TEXT = Path(__file__).with_name("report.md")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ground: #ffffff; --text: #24292f; --line: #d0d7de; --link: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #c9d1d9; --line: #3d444d; --link: #58a6ff; } }
body { background: var(--ground); color: var(--text); font: 16px/1.55 system-ui, sans-serif; margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem; }
a { color: var(--link); }
h2 { border-top: 1px solid var(--line); margin-top: 2.5rem; padding-top: 1rem; }
table { border-collapse: collapse; display: block; font-size: 13px; font-variant-numeric: tabular-nums; margin: 1rem 0;
  overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.42rem; white-space: nowrap; }
code { font-size: 0.9em; }
figure { margin: 1rem 0; } svg { height: auto; max-width: 100%; }
</style></head><body>
$body
</body></html>
"""
_PICTURE = re.compile(r'<p><img src="([^"]+)" alt="([^"]*)" ?/?></p>')


def write(room: Laboratory, page: Path) -> None:
    """Write the report as Markdown at `page`, its figures into the store, and all of it as one HTML file beside it."""
    rows = [table.row(cell, room.records("table"), room.scale) for cell in table.cells(room.scale)]
    parts = {part.name: part.written(room.store, page.parent) for part in _parts(room, rows)}
    filled = str(sum(row["nats"] is not None for row in rows))
    text = Template(TEXT.read_text(encoding="utf-8")).substitute(parts, filled=filled)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    page.with_suffix(".html").write_text(as_page(text, page.parent), encoding="utf-8")


@dataclass(frozen=True)
class Part:
    """A place in the report: a table, perhaps a figure that `shows` something; neither where there are no `records`."""

    name: str
    records: Sequence[Any]
    table: Callable[[], str]
    picture: Callable[[], Figure] | None = None
    shows: str = ""

    def written(self, store: Path, pages: Path) -> str:
        """Return it in Markdown, its figure drawn."""
        if not self.records:
            return "*Not measured yet.*"
        if self.picture is None:
            return self.table()
        figures.draw(path := store / f"{self.name}.svg", self.picture)
        return f"{self.table()}\n\n![{self.shows}]({Path(os.path.relpath(path, pages)).as_posix()})"


def _parts(room: Laboratory, rows: Sequence[Row]) -> list[Part]:
    names = ("ngrams", "windows", "variants", "characters", "closings", "errors", "remedies")
    ngrams, windows, variants, characters, closings, errors, remedies = map(room.records, names)
    known = [row for row in rows if row["nats"] is not None]
    best = {data: min(row["nats"] for row in known if row["data"] == data) for data in {row["data"] for row in known}}
    errors = list({record["options"]["network"]: record for record in errors}.values())
    return [
        Part("ngrams", ngrams, lambda: tables.ngrams(ngrams)),
        Part(
            "windows",
            windows,
            lambda: tables.windows(windows),
            lambda: figures.contexts(ngrams, windows, best),
            "Losses over the characters of context: n-grams, window networks, and what recurrent networks reach",
        ),
        Part(
            "table",
            known,
            lambda: tables.cells(rows),
            lambda: figures.table(rows),
            "Loss over size for each text, kind and depth, beside the paper's",
        ),
        Part(
            "variants",
            variants,
            lambda: tables.variants(variants),
            lambda: figures.variants(summary(variants)),
            "Mean loss of each variant of the LSTM and its spread",
        ),
        Part(
            "characters",
            characters,
            lambda: f"{tables.overlaps(characters)}\n\n{tables.gains(characters)}",
            lambda: figures.characters(characters),
            "Characters that the network predicts better than the 20-gram, and the other way round",
        ),
        Part(
            "closings",
            closings,
            lambda: tables.closings(closings),
            lambda: figures.closings(closings),
            "Probability of closing characters over the distance to the opening ones",
        ),
        Part(
            "errors",
            errors,
            lambda: tables.errors(errors),
            lambda: figures.errors(errors),
            "Errors peeled off by oracles, for networks of several sizes, beside the talk",
        ),
        Part("sizes", known, lambda: tables.sizes(ngrams, rows)),
        Part(
            "remedies",
            remedies,
            lambda: tables.remedies(remedies),
            lambda: figures.remedies(remedies),
            "What each remedy gains in nats per character",
        ),
    ]


def as_page(text: str, folder: Path) -> str:
    """Return Markdown as one HTML page that needs no other file: its figures, found from `folder`, are within it."""
    body = MarkdownIt("commonmark").enable("table").render(text)

    def drawn(found: re.Match[str]) -> str:
        svg = (folder / found[1]).read_text(encoding="utf-8")
        return f'<figure role="img" aria-label="{found[2]}">{_own_names(svg, Path(found[1]).stem)}</figure>'

    title = text.partition("\n")[0].lstrip("# ")
    return Template(PAGE).substitute(title=title, body=_PICTURE.sub(drawn, body))


def _own_names(svg: str, prefix: str) -> str:
    """Give the names within a figure a prefix: on one page with others they would meet their namesakes."""
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
