"""From logits to a character: temperature, top-k, top-p, min-p, repetition penalty; exact and seeded."""

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpora.errors import UserError, faults

Probabilities = NDArray[np.float64]
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


def distribution(logits: NDArray[np.float32], sampling: Sampling, recent: NDArray[np.int64]) -> Probabilities:
    """Return the probabilities (V,) that a character is drawn from.

    `logits` (V,) are the model's, `recent` the ids just written. The repetition penalty is that of Keskar et al. 2019
    (CTRL, 4.1) taken on log-probabilities; top-p is nucleus sampling (Holtzman et al. 2020, 3.1); min-p is Nguyen et
    al. 2024. Filters are applied in the order repetition, temperature, top-k, top-p, min-p. Raises FloatingPointError
    where the logits are not numbers.
    """
    scores = logits.astype(np.float64)
    if not math.isfinite(scores.max()):
        raise FloatingPointError("the logits are not numbers")
    if sampling.repetition > 1 and len(recent):
        scores[np.unique(recent[-REMEMBERED:])] -= math.log(sampling.repetition)
    if sampling.temperature == 0:
        certain: Probabilities = np.zeros(len(scores))
        certain[scores.argmax()] = 1.0
        return certain
    with np.errstate(over="ignore"):  # near temperature 0 what is not the likeliest goes to exp(-inf)
        scores = np.exp((scores - scores.max()) / sampling.temperature)
    probabilities: Probabilities = scores / scores.sum()
    if sampling.top_k or sampling.top_p < 1 or sampling.min_p > 0:
        probabilities = np.where(_kept(probabilities, sampling), probabilities, 0.0)
        probabilities /= probabilities.sum()
    return probabilities


def _kept(probabilities: Probabilities, sampling: Sampling) -> NDArray[np.bool_]:
    """Return which characters the filters leave; the likeliest is always among them."""
    order = np.argsort(-probabilities, kind="stable")  # ties go to the smaller id, on every machine
    ranked = probabilities[order[: sampling.top_k or None]]
    before = np.concatenate([[0.0], np.cumsum(ranked)[:-1]])  # probability of all likelier characters ...
    within = before / ranked.sum() < sampling.top_p  # ... as a part of what top-k left
    mask = np.zeros(len(order), dtype=bool)
    mask[order[: len(ranked)]] = within & (ranked >= sampling.min_p * ranked[0])
    return mask


def draw(probabilities: Probabilities, chance: np.random.Generator) -> int:
    """Return one id, by inversion: one uniform number per character, whatever the vocabulary."""
    cumulative = probabilities.cumsum()
    place = int(cumulative.searchsorted(chance.random() * cumulative[-1], side="right"))
    if place == len(cumulative):  # the product was rounded up to the whole
        place = int(np.flatnonzero(probabilities)[-1])
    return place
