"""A network looked into: two texts are read, and for every feature the cells are found that tell it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from corpora.errors import UserError, unknown
from training.checkpoint import Model
from training.insight.cells import Cell, Columns, Finding, find
from training.insight.features import FEATURES, Feature, Labels
from training.insight.trace import MEMORY, Trace, trace

ROWS = 32  # parts of a text that are read side by side


@dataclass(frozen=True)
class Inspection:
    """What was found, and the arrays it was found in: the cells were chosen on one text and scored on the other."""

    findings: tuple[Finding, ...]
    chosen: Trace
    scored: Trace


def inspect(model: Model, chosen: str, scored: str, features: Sequence[Feature], seed: int = 0) -> Inspection:
    """Find the cells that tell each of `features`; those that a text has too little of are left out.

    `seed` draws what is compared with by chance.
    """
    chance = np.random.default_rng(seed)
    memory = [MEMORY[model.card.model.kind]] if model.card.model.kind in MEMORY else []
    ours, theirs = trace(model, chosen, memory, ROWS), trace(model, scored, memory, ROWS)
    columns, others = (chosen, Columns(ours.cells)), (scored, Columns(theirs.cells))
    found = (find(feature, columns, others, model.card.model.units, chance) for feature in features)
    return Inspection(tuple(finding for finding in found if finding), ours, theirs)


def wanted(names: Sequence[str], form: str, own: Sequence[Feature] = ()) -> list[Feature]:
    """Return the features of these names; without any, all that may mean something in a text of this form.

    `own` are a plugin's.
    """
    known = FEATURES | {feature.name: feature for feature in own}
    if strangers := [name for name in names if name not in known]:
        raise unknown("feature", strangers[0], known)
    return [known[name] for name in names] or [f for f in known.values() if f.form in ("", form)]


def excerpt(labels: Labels, text: str, length: int, lines: int) -> slice:
    """Return where the feature changes most in a piece of `text` of so many whole lines and characters at most.

    Where there is no line's end in the second half of `length` characters, the piece ends in the middle of a line.
    """
    changes = np.append(0, np.cumsum(np.abs(np.diff(labels.astype(np.float32))) > 0))
    feeds = [place + 1 for place, character in enumerate(text[:-1]) if character == "\n"]
    edges = np.array([0, *feeds, len(text)])
    begins = edges[:-1]
    whole = edges[np.searchsorted(edges, begins + length, side="right") - 1]
    ends = np.where(whole - begins < length // 2, begins + length, whole).clip(max=len(text))
    ends = np.minimum(ends, edges[(np.arange(len(begins)) + lines).clip(max=len(begins))])
    best = int(np.argmax(changes[ends - 1] - changes[begins]))
    return slice(int(begins[best]), int(ends[best]))


def parse_cell(name: str, model: Model) -> Cell:
    """Read LAYER:UNIT; raise UserError where there is no such cell."""
    config = model.card.model
    layer, _, unit = name.partition(":")
    if layer.isdecimal() and unit.isdecimal() and int(layer) < config.layers and int(unit) < config.units:
        return Cell(int(layer), int(unit))
    last = Cell(config.layers - 1, config.units - 1)
    raise UserError(f"There is no cell {name}: cells are called LAYER:UNIT, here from 0:0 to {last}.")
