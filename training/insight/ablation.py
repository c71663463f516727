"""Does it matter? A cell is held at its mean, and the loss is measured where a feature holds and where it does not.

A cell that only goes along with a feature can be held without harm; one that is used cannot. What holding *any* cell
does is shown by others of the same layer, drawn at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.batches import side_by_side
from training.checkpoint import Model
from training.insight.cells import Cell
from training.insight.features import Labels
from training.insight.trace import CONTEXT, Array, Held, log_softmax, steps

CONTROLS = 20
READ = 10_000  # characters of text that are enough
PARTS = 4  # rows that they are read in, for each cell held
ROWS = 128  # read side by side at most
OFTEN = 20  # times that a character must come for its own loss to be told


@dataclass(frozen=True)
class Effect:
    """What holding one cell at a value adds to the loss, in nats per character."""

    layer: int
    unit: int
    value: float
    where: float  # where the feature holds
    elsewhere: float
    worst: str  # the character that is hardest hit, of those that come OFTEN enough where the feature holds
    worst_by: float


@dataclass(frozen=True)
class Ablation:
    """What holding the cells that tell a feature does, and what holding others of the best one's layer does."""

    effects: tuple[Effect, ...]
    controls: tuple[Effect, ...]

    def used(self, effect: Effect) -> bool:
        """Return whether it hurts where the feature holds, and more than holding any of the controls."""
        return effect.where > max(0.0, *(control.where for control in self.controls))


class Stillness:
    """A text, read again with a cell held; each cell once, however many features ask for it."""

    def __init__(self, model: Model, text: str, means: Array, seed: int = 0) -> None:
        """Hold cells at `means` (L, H), those that they have on another text; `seed` draws the controls."""
        self._model, self._text, self._means = model, text, means
        self._ids = model.vocabulary.encode(text)
        self._places, self._own = side_by_side(len(self._ids) - 1, PARTS, CONTEXT)
        self._order = np.random.default_rng(seed).permutation(means.shape[1]).tolist()
        self._added: dict[Cell, Array] = {}
        self._plain = self._losses([])[0]

    def ablate(self, labels: Labels, cells: Sequence[Cell]) -> Ablation:
        """Hold each of `cells`, and CONTROLS others; `labels` (N,) are those of the text.

        A number counts as holding where it is over its median. The loss is that of the character after each.
        """
        holds = labels if labels.dtype == bool else labels > np.median(labels)
        plain = [Cell(cell.layer, cell.unit) for cell in cells]
        others = (Cell(plain[0].layer, unit) for unit in self._order)
        controls = [cell for cell in others if cell not in plain][:CONTROLS]
        self._hold([cell for cell in plain + controls if cell not in self._added])
        effects = [self._effect(cell, holds[:-1]) for cell in plain + controls]
        return Ablation(tuple(effects[: len(plain)]), tuple(effects[len(plain) :]))

    def _hold(self, cells: Sequence[Cell]) -> None:
        """Read the text with each of `cells` held, as many of them side by side as fit."""
        at_once = max(ROWS // len(self._places), 1)
        for first in range(0, len(cells), at_once):
            some = cells[first : first + at_once]
            self._added |= dict(zip(some, self._losses(some) - self._plain, strict=True))

    def _effect(self, cell: Cell, holds: NDArray[np.bool_]) -> Effect:
        """Sum up what holding a cell added to the loss of each character."""
        added, after = self._added[cell], np.array(list(self._text[1:]))
        hit = {
            character: float(added[holds & (after == character)].mean())
            for character in sorted(set(self._text[1:]))
            if np.count_nonzero(holds & (after == character)) >= OFTEN
        }
        worst = max(hit, key=lambda character: hit[character], default="")
        means = float(added[holds].mean()), float(added[~holds].mean())
        return Effect(
            cell.layer, cell.unit, float(self._means[cell.layer, cell.unit]), *means, worst, hit.get(worst, 0.0)
        )

    def _losses(self, cells: Sequence[Cell]) -> Array:
        """Return the losses (K, N - 1) with each of K cells held, or (1, N - 1) with none; R rows are read for each."""
        ids, rows, copies = self._ids, len(self._places), max(len(cells), 1)
        losses = np.empty((copies, len(ids) - 1), np.float32)
        read = np.tile(ids[self._places], (copies, 1))  # (K*R, T)
        columns = zip(self._places.T, self._own.T, steps(self._model, read, self._held(cells)), strict=True)
        for place, mine, (_, logits) in columns:
            nats = -log_softmax(logits.reshape(copies, rows, -1)[:, mine])  # (K, own rows, V)
            losses[:, place[mine]] = nats[:, np.arange(mine.sum()), ids[place[mine] + 1]]
        return losses

    def _held(self, cells: Sequence[Cell]) -> dict[int, Held]:
        """Hold the k-th cell in the k-th R rows."""
        rows = np.arange(len(self._places))
        by_layer: dict[int, Held] = {}
        for layer in {cell.layer for cell in cells}:
            copies, units = np.array([(k, cell.unit) for k, cell in enumerate(cells) if cell.layer == layer]).T
            values = np.repeat(self._means[layer, units], len(rows))
            by_layer[layer] = Held((copies[:, None] * len(rows) + rows).ravel(), np.repeat(units, len(rows)), values)
        return by_layer
