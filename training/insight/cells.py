"""Which cell does what: how well one cell alone tells a feature of the text.

How well a yes/no feature is told is the area under the ROC curve (AUC): the chance that the cell is higher at a
character where the feature holds than at one where it does not (Mann & Whitney 1947). For a number it is Pearson's
correlation. Cells are chosen on one part of the text and scored on another.

What chance makes of the same search is shown by labels that were shifted around the text's end: they keep their runs,
their share and their rhythm, and lose their places. Shuffled one by one they would lose the runs too; then neighbours,
which have nearly the same label and nearly the same cells, would count as so many witnesses, and anything would look
significant.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.insight.features import Feature, Labels
from training.insight.trace import Array

Scores = NDArray[np.float64]  # (..., C)

TOP = 5
SHIFTS = 200
SHORTEST = 500  # characters of a text that cells can be chosen or scored on; it must have
LEAST = 50  # characters with the feature, and as many without it, in
SPELLS = 5  # runs


@dataclass(frozen=True)
class Cell:
    """A unit of a layer, both counted from 0."""

    layer: int
    unit: int

    def number(self, units: int) -> int:
        """Return its place among all cells, of layers of so many units."""
        return self.layer * units + self.unit

    def __str__(self) -> str:
        return f"{self.layer}:{self.unit}"


@dataclass(frozen=True)
class Scored(Cell):
    """A cell and what it scores: from 0.5 (AUC) or 0 (r) for nothing to 1; less than nothing where it misleads."""

    rises: bool  # with the feature; falls otherwise
    chosen: float  # on the part that it was chosen on
    score: float  # on the other


@dataclass(frozen=True)
class Finding:
    """The cells that tell a feature best, the best one first, and what to compare their scores with."""

    feature: str
    says: str
    measure: str  # AUC or r
    cells: tuple[Scored, ...]
    null: float  # 95 of 100 searches for labels that were shifted end with a cell that scores less than this
    letter: float  # what the character last read scores by itself
    share: float  # of the scored characters: those with the feature; for numbers, the mean

    @property
    def best(self) -> Scored:
        """Return the first of the cells."""
        return self.cells[0]

    @property
    def margin(self) -> float:
        """Return how far it is from chance to certainty: 1 for a cell that tells the feature without fail."""
        return (self.best.score - self.null) / (1 - self.null)


class Columns:
    """The values of C cells after each of N characters, ready to be compared with labels."""

    def __init__(self, cells: Array) -> None:
        """Take values (N, C)."""
        self._cells = cells

    def scores(self, labels: Labels) -> Scores:
        """Return how well each cell tells `labels` (..., N), with a sign: (..., C), from -1 to 1.

        For yes and no it is 2 AUC - 1, which is 0 for nothing, as a correlation is.
        """
        if labels.dtype == bool:
            yes = labels.sum(axis=-1, keepdims=True)
            pairs = yes * (labels.shape[-1] - yes)
            told: Scores = 2 * (labels.astype(np.float32) @ self._ranks).astype(float) / pairs
            return told
        centred = labels - labels.mean(axis=-1, keepdims=True)
        spread = np.outer(centred.std(axis=-1), self._cells.std(axis=0)).reshape(*labels.shape[:-1], -1)
        told = (centred @ self._cells).astype(float) / labels.shape[-1]
        return told / np.where(spread > 0, spread, 1)

    @cached_property
    def _ranks(self) -> Array:
        """Each value's rank in its column, from its middle on; equal values share the mean of theirs."""
        ranks = np.empty_like(self._cells)
        for column, own in zip(self._cells.T, ranks.T, strict=True):
            _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
            own[:] = (np.cumsum(counts) - (counts + len(column)) / 2)[place]
        return ranks


def find(
    feature: Feature, chosen: tuple[str, Columns], scored: tuple[str, Columns], units: int, chance: np.random.Generator
) -> Finding | None:
    """Rank all cells by `feature` on one text and score the TOP on another; None where a text has too little of it.

    The texts come with their cells; a layer has so many `units`.
    """
    (ours, columns), (theirs, others) = chosen, scored
    labels, wanted = feature.labels(ours), feature.labels(theirs)
    if not (_enough(labels) and _enough(wanted)):
        return None
    first, second = columns.scores(labels), others.scores(wanted)
    top = np.argsort(-np.abs(first), kind="stable")[:TOP]
    measure = "AUC" if labels.dtype == bool else "r"
    cells = tuple(
        Scored(
            *divmod(int(k), units),
            rises=bool(first[k] > 0),
            chosen=_as(measure, abs(first[k])),
            score=_as(measure, np.sign(first[k]) * second[k]),
        )
        for k in top
    )
    null = np.quantile(_by_chance(labels, columns, wanted, others, chance), 0.95)
    letter = _by_letter(ours, labels, theirs, wanted)
    share = float(wanted.mean())
    return Finding(feature.name, feature.says, measure, cells, _as(measure, null), _as(measure, letter), share)


def _as(measure: str, score: float) -> float:
    return float(score) / 2 + 0.5 if measure == "AUC" else float(score)


def _enough(labels: Labels) -> bool:
    """Return whether the labels vary, in more than a few places."""
    if len(labels) < SHORTEST:
        return False
    if labels.dtype != bool:
        return len(np.unique(labels)) > 2 and int(np.count_nonzero(np.diff(labels))) >= SPELLS
    spread = LEAST <= labels.sum() <= len(labels) - LEAST
    return bool(spread and np.count_nonzero(np.diff(labels)) >= 2 * SPELLS)


def _by_chance(
    labels: Labels, columns: Columns, wanted: Labels, others: Columns, chance: np.random.Generator
) -> Scores:
    """Return what the cell scores that is best for labels shifted by a twentieth of the text or more: (SHIFTS,)."""
    first, second = (c.scores(_shifted(own, chance)) for c, own in ((columns, labels), (others, wanted)))  # (S, C)
    best = np.abs(first).argmax(axis=1)[:, None]
    return (np.sign(np.take_along_axis(first, best, 1)) * np.take_along_axis(second, best, 1))[:, 0]


def _shifted(labels: Labels, chance: np.random.Generator) -> Labels:
    least = len(labels) // 20
    return np.stack([np.roll(labels, k) for k in chance.integers(least, len(labels) - least, SHIFTS)])


def _by_letter(ours: str, labels: Labels, theirs: str, wanted: Labels) -> float:
    """Return the score of a reader without memory: for each character the mean label that it has in `ours`."""
    sums, counts = dict.fromkeys(theirs, 0.0), dict.fromkeys(theirs, 0)
    for character, label in zip(ours, labels.tolist(), strict=True):
        sums[character] = sums.get(character, 0.0) + label
        counts[character] = counts.get(character, 0) + 1
    mean = float(labels.mean())
    guesses = np.array([[sums[c] / counts[c] if counts[c] else mean] for c in theirs], np.float32)  # (N, 1)
    return float(Columns(guesses).scores(wanted)[0])
