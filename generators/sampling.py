"""From logits to characters, a row for each text of a batch: temperature, top-k, top-p, min-p, repetition penalty."""

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpora.errors import UserError, faults

Scores = NDArray[np.float32]
Recent = NDArray[np.int64]
Allowed = NDArray[np.bool_]
COLD = 1e-4  # a temperature below this is 0
LEAST = np.float32(2**-24)  # one exponential in eight million is an exact 0, for all that lie below the next number
REMEMBERED = 64  # characters that the repetition penalty looks back on


class Sampling(BaseModel):
    """How a character is drawn. The defaults draw from the model's own distribution, unchanged."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    temperature: float = Field(1.0, ge=0, le=5, description="0 always takes the likeliest; over 1 is bolder")
    top_k: int = Field(0, ge=0, description="draw among the k likeliest; 0 is off")
    top_p: float = Field(1.0, gt=0, le=1, description="among the fewest that have this probability together")
    min_p: float = Field(0.0, ge=0, lt=1, description="among those at least this likely relative to the likeliest")
    repetition: float = Field(1.0, ge=1, le=5, description="divides the odds of characters just used; 1 is off")

    @classmethod
    def checked(cls, **options: object) -> Self:
        """Build from options that may be None (meaning the default); raise UserError naming each one out of bounds."""
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise UserError(f"These sampling options cannot be used: {faults(error)}.") from error


class SamplingRows:
    """The sampling options of the B rows of a batch, as columns (B, 1), and which rows use the costlier ones."""

    def __init__(self, rows: Sequence[Sampling]) -> None:
        """Lay out the options of `rows`, in order."""
        temperature = _column([row.temperature for row in rows])
        self.top_k, self.top_p = _column([row.top_k or math.inf for row in rows]), _column([row.top_p for row in rows])
        self.min_p = _column([row.min_p for row in rows])
        self.penalty = np.log(_column([row.repetition for row in rows])).astype(np.float32)
        self.greedy = np.flatnonzero(temperature < COLD).tolist()
        self.penalised = np.flatnonzero(self.penalty).tolist()
        self.filtered = np.flatnonzero((self.top_k < math.inf) | (self.top_p < 1) | (self.min_p > 0))
        temperature[self.greedy] = 1.0  # not divided by: the greedy rows are settled another way
        self.temperature = temperature.astype(np.float32)


def score(logits: Scores, rows: SamplingRows, recent: Recent, allowed: Allowed | None = None) -> Scores:
    """Return log-probabilities (B, V), up to a constant in each row, that the next characters are drawn by.

    `logits` (B, V) are the model's, `recent` (B, R) the ids just written, -1 where there were none, `allowed` (B, V)
    what a grammar admits. The repetition penalty is that of Keskar et al. 2019 (CTRL, 4.1) taken on log-probabilities;
    top-p is nucleus sampling (Holtzman et al. 2020, 3.1); min-p is Nguyen et al. 2024. The order is repetition,
    grammar, temperature, top-k, top-p, min-p. A row's scores do not depend on the other rows.
    """
    scores: Scores = logits / rows.temperature
    for row in rows.penalised:
        scores[row, np.unique(recent[row][recent[row] >= 0])] -= rows.penalty[row] / rows.temperature[row]
    if allowed is not None:
        scores[~allowed] = -np.inf
    for row in rows.greedy:
        scores[row, np.arange(scores.shape[1]) != scores[row].argmax()] = -np.inf
    if len(rows.filtered):
        chosen = scores[rows.filtered]
        scores[rows.filtered] = np.where(_kept(chosen, rows), chosen, -np.inf)
    return scores


def _kept(scores: Scores, rows: SamplingRows) -> Allowed:
    """Return which characters the filters leave in the filtered rows; the likeliest is always among them."""
    top_k, top_p, min_p = (column[rows.filtered] for column in (rows.top_k, rows.top_p, rows.min_p))
    likeliest = scores.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # rows without numbers
        weights = np.exp((scores - likeliest).astype(np.float64))
    order = np.argsort(-weights, axis=1, kind="stable")  # ties go to the smaller id, on every machine
    ranked = np.take_along_axis(weights, order, axis=1)
    ranked *= np.arange(ranked.shape[1]) < top_k
    likelier = np.cumsum(ranked, axis=1)
    before = np.concatenate([np.zeros_like(top_k), likelier[:, :-1]], axis=1)  # weight of all likelier characters ...
    keep = before < top_p * likelier[:, -1:]  # ... as a part of what top-k left
    keep &= (ranked > 0) & (ranked >= min_p * ranked[:, :1])
    keep[:, 0] = True
    mask = np.zeros(weights.shape, dtype=bool)
    np.put_along_axis(mask, order, keep, axis=1)
    mask |= ~np.isfinite(likeliest)  # rows without numbers stay as they are: `draw` finds them
    return mask


def draw_noise(chance: np.random.Generator, characters: int, size: int) -> Scores:
    """Return what `draw` needs for `characters` characters of one text: (characters, size), Gumbel-distributed."""
    exponential = chance.standard_exponential((characters, size), dtype=np.float32)
    return -np.log(np.maximum(exponential, LEAST))  # of a 0, or nearly, the noise would win whatever the score


def draw(scores: Scores, noise: Scores) -> NDArray[np.int64]:
    """Return one id a row, (B,), in proportion to exp(scores); -1 where a row's scores are no numbers.

    The largest sum of score and Gumbel `noise` (B, V) is a draw from the softmax (Maddison et al. 2014, section 2).
    """
    sums = scores + noise
    ids: NDArray[np.int64] = sums.argmax(axis=1)
    numbers = np.isfinite(np.maximum.reduce(sums, axis=1))
    if not np.logical_and.reduce(numbers):
        ids[~numbers] = -1
    return ids


def _column(values: Sequence[float]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)[:, None]
