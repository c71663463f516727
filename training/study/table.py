"""The table: LSTM, RNN and GRU in 1, 2 and 3 layers and four sizes, on both texts, all by one recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from training.config import Kind
from training.study import paper
from training.study.budget import parameters
from training.study.laboratory import Laboratory
from training.study.scale import Scale
from training.study.texts import CHARACTERS, Layout
from training.sweep import Record, Task, Trial, find

Row = dict[str, Any]

KINDS: tuple[Kind, ...] = ("lstm", "rnn", "gru")


@dataclass(frozen=True)
class Cell:
    """One place in the table; `size` names a budget of parameters."""

    data: str
    kind: Kind
    layers: int
    size: int

    def trial(self, scale: Scale, layout: Layout = "streams") -> Trial:
        """Return the run that fills it: the recipe, in the width that its budget allows."""
        name = f"{self.data}-{layout}-{self.kind}-{self.layers}-{self.size}"
        return scale.trial(name, self.data, self.kind, self.layers, self.size)


def cells(scale: Scale) -> list[Cell]:
    """Return all of them in the order of the paper: 72 of the whole study."""
    return [Cell(*place) for place in product(CHARACTERS, KINDS, scale.layers, scale.sizes)]


def fill(room: Laboratory, wanted: Sequence[Cell], layout: Layout) -> None:
    """Train the cells that are wanted and not there, the cheapest first."""
    tasks = [room.task(cell.trial(room.scale, layout), room.text(cell.data, layout)) for cell in wanted]
    for _ in room.trained("table", sorted(tasks, key=cost)):
        pass


def cost(task: Task) -> float:
    """Return what a run costs, up to a factor: the passes over its text times the products that a character takes."""
    return parameters(task.trial.model, len(task.corpus.alphabet)) * len(task.corpus.train) * task.trial.train.epochs


def row(cell: Cell, records: Sequence[Record], scale: Scale, layout: Layout = "streams") -> Row:
    """Return what is known of a cell: ours, theirs and the record that says so; None where there is none."""
    trial = cell.trial(scale, layout)
    record = find(records, trial)
    planned = parameters(trial.model, CHARACTERS[cell.data])
    return {
        "data": cell.data,
        "kind": cell.kind,
        "layers": cell.layers,
        "size": cell.size,
        "units": trial.model.units,
        "parameters": record["parameters"] if record else planned,
        "nats": record["nats"] if record else None,
        "validation": record["validation"] if record else None,
        "paper": paper.cell(cell.data, cell.kind, cell.layers, cell.size),
        "record": trial.name if record else None,
    }
