"""What `inspect` and `study` look into: a voice's network, the text it is looked at with, and what is shown of it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from bot.settings import Settings
from corpora import encoding
from corpora.errors import UserError
from generators.pictures import coloured
from generators.pictures.coloured import Colouring
from generators.pictures.picture import Picture
from generators.plugin import Plugin
from training import checkpoint
from training.checkpoint import Model
from training.insight import page
from training.insight.cells import Cell, Finding
from training.insight.colours import Theme, ink, shade_of, shades
from training.insight.features import Feature
from training.insight.inspection import Inspection, excerpt, wanted
from training.insight.trace import Trace, largest

Say = Callable[[str], None]
BARS = "▁▂▃▄▅▆▇█"
PIECE, LINES = 800, 26  # characters and lines that a picture shows at most
LINE = 80  # characters, where a line of text stands above a line of bars


@dataclass(frozen=True)
class Subject:
    """A network, and two texts: one to choose cells on, and one to score them on."""

    plugin: Plugin
    model: Model
    chosen: str
    scored: str
    source: str  # what the texts are


def subject(
    settings: Settings, plugin: Plugin, folder: Path | None, text: Path | None, characters: int, say: Say
) -> Subject:
    """Return the plugin's own network or that of `folder`, with its held-out text or the two halves of the file `text`.

    Raise UserError where the voice has no network.
    """
    folder = folder or plugin.trained_folder(settings.models)
    if folder is None:
        raise UserError(
            f"{plugin.name} is not trained: it speaks from letter counts, which have no cells to look into. "
            f"`apocrypha train {plugin.name}` makes a network."
        )
    model = checkpoint.load(folder)
    if text:
        whole, left_out = model.vocabulary.known(encoding.read(text).text)
        if left_out:
            say(f"({text}: the network has never seen {left_out[:24]!r}; left out)")
        half = min(len(whole) // 2, characters)
        if not half:
            raise UserError(
                f"{text}: the network knows fewer than two of its characters; cells are chosen on one half of them and "
                "scored on the other."
            )
        return Subject(plugin, model, whole[:half], whole[half : 2 * half], text.name)
    corpus = plugin.text(settings.places)
    if model.card.corpus.get("digest") != corpus.digest:
        say(f"({plugin.name}: the network learned from another text or another split; it may have seen this one)")
    chosen, scored = (model.vocabulary.known(part[:characters])[0] for part in (corpus.validation, corpus.test))
    return Subject(plugin, model, chosen, scored, f"{corpus.title}, held out")


def features(subject: Subject, names: Sequence[str] = ()) -> list[Feature]:
    """Return the features of these names, or all that the texts may have, the plugin's own among them."""
    return wanted(names, subject.plugin.manifest.form, _own_features(subject.plugin, subject.chosen))


def _own_features(plugin: Plugin, text: str) -> list[Feature]:
    """Return the features that the plugin's code has for its texts; `text` is one of them."""
    hook = plugin.hook("features")
    if hook is None:
        return []
    labelled = lru_cache(maxsize=4)(hook)

    def labels_of(name: str) -> Callable[[str], Any]:
        return lambda text: np.array(labelled(text)[name])

    return [Feature(name, f"{name}, says {plugin.name}", labels_of(name)) for name in labelled(text)]


def table(findings: Sequence[Finding]) -> str:
    """Return what was found, a line for each feature."""
    lines = [f"{'feature':<44}{'cell':>8}  {'score':>9}  {'chance':>6}  {'letter':>6}  next best"]
    for finding in findings:
        score = f"{finding.measure} {finding.best.score:.3f}"
        others = "  ".join(f"{cell} {cell.score:.2f}" for cell in finding.cells[1:])
        beside = f"{finding.null:>6.3f}  {finding.letter:>6.3f}  {others}"
        lines.append(f"{finding.says:<44}{finding.best!s:>8}  {score:>9}  {beside}")
    return "\n".join(lines)


def shown(inspection: Inspection, feature: Feature | None, length: int = PIECE, lines: int = LINES) -> Trace:
    """Return the piece of the scored text, of so many characters and lines at most, that shows most of the feature."""
    scored = inspection.scored
    labels = feature.labels(scored.text) if feature else np.zeros(len(scored.text), bool)
    piece = excerpt(labels, scored.text, length, lines)
    return scored.part(piece.start, piece.stop)


def in_terminal(trace: Trace, cell: int, theme: Theme, colours: bool) -> Text:
    """Return a text on the colours of one cell, or above bars where there are no colours."""
    numbers = _shades(trace, cell)
    written = Text()
    if colours:
        table = shades(theme)
        for character, number in zip(trace.text, numbers.tolist(), strict=True):
            glyph = "⏎\n" if character == "\n" else character
            written.append(glyph, f"{ink(table[number])} on {table[number]}")
        return written
    bars = [BARS[number * len(BARS) // len(shades(theme))] for number in numbers.tolist()]
    for start, end in _lines(trace.text):
        line = trace.text[start:end].rstrip("\n").replace("\t", " ")
        written.append(f"{line}\n{''.join(bars[start:end])}\n")
    return written


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield where lines begin and end, at most LINE characters each, broken between words where there are any."""
    for line in re.finditer(r"[^\n]*\n|[^\n]+", text):
        start = line.start()
        while line.end() - start > LINE:
            broken = text.rfind(" ", start, start + LINE) + 1 or start + LINE
            yield start, broken
            start = broken
        yield start, line.end()


def as_picture(trace: Trace, cell: int, theme: Theme, caption: str) -> Picture:
    """Return a text on the colours of one cell as an image."""
    table = shades(theme)
    grounds = [table[number] for number in _shades(trace, cell).tolist()]
    own = table[len(table) // 2]
    colouring = Colouring(grounds, [ink(ground) for ground in grounds], own, ink(own), table)
    return coloured.draw(trace.text, colouring, caption)


def as_page(subject: Subject, inspection: Inspection, trace: Trace, first: int) -> str:
    """Return the page of a piece of text; `first` is the number of the cell that it opens with."""
    config = subject.model.card.model
    shape = f"{config.kind.upper()}, {config.layers} layers of {config.units}; model {subject.model.digest[:12]}"
    about = (
        f"{subject.source}. Its colours are the values of one of the network's {config.layers * config.units:,} cells "
        f"({shape}). Point at a character, or walk with the arrow keys, to see what is expected next and all cells; "
        "click a cell to colour the text by it."
    )
    found = [finding for finding in inspection.findings if finding.margin > 0]  # more than by chance
    return page.render(subject.model, trace, f"What the network knows: {subject.plugin.name}", about, found, first)


def caption(style: str, cell: Cell, finding: Finding | None) -> str:
    """Return what stands below a picture."""
    told = f"  {finding.says}, {finding.measure} {finding.best.score:.3f}" if finding else ""
    return f"{style}, cell {cell}{told}"


def _shades(trace: Trace, cell: int) -> Any:
    values = trace.cells[:, cell]
    return shade_of(values / largest(trace.cells)[cell])
